//! What a client trusts, shows and speaks: plain data, nothing is read yet.

use crate::identity::{Asker, ClientIdentity, Identity};
use crate::{StoreSource, TlsVersions};
use std::path::Path;
use std::sync::Arc;

/// The settings of TLS. Without a call: the system's authorities, no certificate of one's own, TLS 1.2 and 1.3, the
/// provider's suites, and the names in certificates are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    pub(crate) trusted: Option<StoreSource>,
    /// Mozilla's authorities in the place of the system's.
    pub(crate) built_in: bool,
    pub(crate) identity: Option<Identity>,
    pub(crate) versions: TlsVersions,
    pub(crate) suites: Vec<String>,
    pub(crate) names_are_checked: bool,
    pub(crate) trusted_directly: bool,
    pub(crate) certificates_are_checked: bool,
    pub(crate) server_name: Option<String>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            trusted: None,
            built_in: false,
            identity: None,
            versions: TlsVersions::default(),
            suites: Vec::new(),
            names_are_checked: true,
            trusted_directly: true,
            certificates_are_checked: true,
            server_name: None,
        }
    }
}

impl TlsSettings {
    /// See the type.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities instead of the system's (`ssl.truststore.*`).
    #[must_use]
    pub fn trusting(mut self, authorities: StoreSource) -> Self {
        self.trusted = Some(authorities);
        self
    }

    /// Trusts the authorities of Mozilla that are built in (`webpki-roots`) instead of the system's. They are as old as this
    /// program.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn trusting_built_in(mut self) -> Self {
        self.built_in = true;
        self
    }

    /// Shows this certificate to brokers that ask for one (`ssl.keystore.certificate.chain`, `ssl.keystore.key`): first
    /// the client's own, then those of its authorities.
    #[must_use]
    pub fn identified_by(mut self, chain: StoreSource, key: StoreSource) -> Self {
        self.identity = Some(Identity::Parts { chain, key });
        self
    }

    /// Shows the certificate in this store to brokers that ask for one (`ssl.keystore.location`); its key is in it, too.
    #[must_use]
    pub fn identified_by_store(mut self, store: StoreSource) -> Self {
        self.identity = Some(Identity::Store(store));
        self
    }

    /// Shows the certificate that `ask` gives, which is asked for each connection anew, on a thread where it may block
    /// ([`Selectable::work`](kp_network::Selectable::work)); connections that wait together share one question. An error is why there is none, in
    /// words that are shown.
    #[must_use]
    pub fn identified_by_asking(
        mut self,
        ask: impl Fn() -> Result<ClientIdentity, String> + Send + Sync + 'static,
    ) -> Self {
        self.identity = Some(Identity::Asked(Asker(Arc::new(ask))));
        self
    }

    /// Speaks these versions (`ssl.enabled.protocols`, `ssl.protocol`).
    #[must_use]
    pub fn versions(mut self, versions: TlsVersions) -> Self {
        self.versions = versions;
        self
    }

    /// Speaks these suites alone, the most wanted first (`ssl.cipher.suites`), in Java's or OpenSSL's names. None: the
    /// provider's.
    #[must_use]
    pub fn suites<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.suites = names.into_iter().map(Into::into).collect();
        self
    }

    /// Takes a broker's certificate although it is for another host (`ssl.endpoint.identification.algorithm=`). A host that
    /// has any certificate of the trusted authorities can then play the broker.
    #[must_use]
    pub fn names_unchecked(mut self) -> Self {
        self.names_are_checked = false;
        self
    }

    /// Takes any certificate for the broker's: any host on the way can play the broker. No key of the configuration asks
    /// for it.
    #[must_use]
    pub fn certificates_unchecked(mut self) -> Self {
        self.certificates_are_checked = false;
        self
    }

    /// Certificates have to be for this name, and it is asked for, in the place of the host that is connected to.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Whether a broker's certificate is taken if it is itself in the named trust store, byte for byte
    /// (`kp.ssl.directly.trusted`); without a call it is. Who signed it, and whether it is for servers, is then not asked;
    /// its dates and its names are.
    #[must_use]
    pub fn trusting_directly(mut self, trusting: bool) -> Self {
        self.trusted_directly = trusting;
        self
    }

    /// The files that are read.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let of_identity = match &self.identity {
            Some(Identity::Parts { chain, key }) => [Some(chain), Some(key)],
            Some(Identity::Store(store)) => [Some(store), None],
            Some(Identity::Asked(_)) | None => [None, None],
        };
        self.trusted.iter().chain(of_identity.into_iter().flatten()).filter_map(StoreSource::path)
    }

    /// Where the client's certificates stand; their key may stand elsewhere. `None` if the application gives them.
    pub(crate) fn source_of_identity(&self) -> Option<&StoreSource> {
        self.identity.as_ref().and_then(|identity| match identity {
            Identity::Parts { chain: source, .. } | Identity::Store(source) => Some(source),
            Identity::Asked(_) => None,
        })
    }

    /// The key of the configuration that the client's certificate has.
    pub(crate) fn key_of_identity(&self) -> Option<&'static str> {
        self.source_of_identity().map(StoreSource::key)
    }
}
