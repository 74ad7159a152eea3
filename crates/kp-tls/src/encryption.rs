//! What a connection is encrypted with, once it is made: for reports. Holds no key.

use crate::CertificateFacts;
use kp_network::ConnectionEncryption;

/// How one connection is encrypted, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    pub(crate) version: &'static str,
    pub(crate) suite: String,
    pub(crate) is_resumed: bool,
    pub(crate) certificates: Vec<CertificateFacts>,
    pub(crate) wants_certificate: bool,
    pub(crate) shows_certificate: bool,
}

impl Encryption {
    /// What a report of the network says of it.
    #[must_use]
    pub fn summary(&self) -> ConnectionEncryption {
        let mut summary = ConnectionEncryption::new(self.version, self.suite.as_str());
        summary.is_resumed = self.is_resumed;
        summary.certificate = self.certificates.first().map(CertificateFacts::summary);
        summary.shows_certificate = self.shows_certificate;
        summary
    }

    /// `TLSv1.2` or `TLSv1.3`, as Java names them.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// The cipher suite in its registered name, such as `TLS_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// Whether an earlier connection was taken up again: then no certificate was asked for anew.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// What the broker showed: its own certificate first, then those of who signed it.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateFacts] {
        &self.certificates
    }

    /// Whether the broker asked for a certificate of this client, on this connection or on the one that it takes up. Not known, and so not said, of a configuration of the
    /// application ([`TlsClient::from_rustls`](crate::TlsClient::from_rustls)).
    #[must_use]
    pub fn wants_certificate(&self) -> bool {
        self.wants_certificate
    }

    /// Whether it was asked for one and has one to show.
    #[must_use]
    pub fn shows_certificate(&self) -> bool {
        self.shows_certificate
    }
}
