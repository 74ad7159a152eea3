//! What a connection begins with, and what messages say of it. Owns: nothing that changes; a client that reads its files again
//! makes another.

use crate::CertificateFacts;
use rustls::ClientConfig;
use std::sync::Arc;

/// What a connection begins with.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) facts: Arc<Facts>,
}

/// What messages say of a client.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Such as "the 2 authorities of ssl.truststore.location=/etc/ca.pem".
    pub(crate) authorities: String,
    /// Such as "TLS 1.2 and 1.3".
    pub(crate) versions: &'static str,
    /// What certificates have to be for, if not for the host.
    pub(crate) server_name: Option<Box<str>>,
    /// Whether it has a certificate to show.
    pub(crate) has_identity: bool,
    /// That certificate.
    pub(crate) own: Option<CertificateFacts>,
    pub(crate) warnings: Vec<String>,
}
