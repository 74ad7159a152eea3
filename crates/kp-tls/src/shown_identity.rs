//! The certificate of this client, when a broker asks for one; and that it asked, which `rustls` does not tell.

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// How often brokers asked on this thread. A session that is fed asks within the call that feeds it.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ShownIdentity(Arc<dyn ResolvesClientCert>);

impl ShownIdentity {
    pub(crate) fn new(inner: Arc<dyn ResolvesClientCert>) -> Self {
        Self(inner)
    }
}

/// Does `job`; and whether a broker asked for a certificate in it.
pub(crate) fn watched<R>(job: impl FnOnce() -> R) -> (R, bool) {
    let before = ASKED.get();
    let result = job();
    (result, ASKED.get() != before)
}

impl ResolvesClientCert for ShownIdentity {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        ASKED.set(ASKED.get().wrapping_add(1));
        self.0.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.0.has_certs()
    }
}
