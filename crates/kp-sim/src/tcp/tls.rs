//! What a broker on a socket shows over TLS, and whom it asks for a certificate. Certificates can change while brokers run.
//! Owns: the configuration of new connections. Never: a provider of cryptography for the whole process; it is handed in.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// TLS of an [`EmbeddedBroker`](super::EmbeddedBroker): the same for all of its brokers. Clones share one configuration, so
/// that [`replace`](Self::replace) changes what running brokers show to later connections.
///
/// ```no_run
/// use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions, EmbeddedTls};
/// # use std::sync::Arc;
/// # fn example(provider: Arc<rustls::crypto::CryptoProvider>) -> std::io::Result<()> {
/// let (chain, key) = (std::fs::read("broker.pem")?, std::fs::read("broker.key")?);
/// let tls = EmbeddedTls::new(Arc::clone(&provider), &chain, &key)?;
/// let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_tls(tls.clone()))?;
/// // Connections that are made from now on see another certificate.
/// tls.replace(EmbeddedTls::new(provider, &std::fs::read("next.pem")?, &key)?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EmbeddedTls(Arc<RwLock<Arc<ServerConfig>>>);

/// Whether clients have to show a certificate (`ssl.client.auth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuth {
    /// They are asked for one, and may have none (`requested`).
    Requested,
    /// They are refused without one (`required`).
    Required,
}

impl EmbeddedTls {
    /// Shows the chain of certificates in `chain`, the broker's own first, with its key; both are PEM. TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`]: what is wrong with them; the key is not in the words.
    pub fn new(provider: Arc<CryptoProvider>, chain: &[u8], key: &[u8]) -> io::Result<Self> {
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(invalid)?.with_no_client_auth();
        let (chain, key) = identity(chain, key)?;
        Ok(Self::from_rustls(Arc::new(builder.with_single_cert(chain, key).map_err(invalid)?)))
    }

    /// The same, and asks clients for a certificate that an authority of `authorities` (PEM) has signed.
    ///
    /// # Errors
    /// As [`new`](Self::new); no authority among the certificates.
    pub fn with_client_auth(
        provider: Arc<CryptoProvider>,
        chain: &[u8],
        key: &[u8],
        authorities: &[u8],
        client_auth: ClientAuth,
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(authorities)? {
            roots.add(authority).map_err(invalid)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = match client_auth {
            ClientAuth::Requested => verifier.allow_unauthenticated(),
            ClientAuth::Required => verifier,
        };
        let verifier = verifier.build().map_err(invalid)?;
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(invalid)?;
        let (chain, key) = identity(chain, key)?;
        let config = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key);
        Ok(Self::from_rustls(Arc::new(config.map_err(invalid)?)))
    }

    /// As this configuration says, for a broker that is odd.
    #[must_use]
    pub fn from_rustls(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Connections that are made from now on are served as `other` says; those that there are stay as they are.
    pub fn replace(&self, other: Self) {
        let config = other.config();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// What the next connection is served with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether they are the same one: a configuration has no equality.
impl PartialEq for EmbeddedTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for EmbeddedTls {}

fn identity(chain: &[u8], key: &[u8]) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    Ok((certificates(chain)?, PrivateKeyDer::from_pem_slice(key).map_err(invalid)?))
}

fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    if found.is_empty() { Err(invalid("no certificate in the PEM text")) } else { Ok(found) }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
