//! How connections are encrypted: plain data. By typed calls, or out of the keys (`encryption.rs`).
//! Owns: what is trusted, shown and spoken. Never: a file, a certificate, or the cryptography.

mod dangerous;
mod identity;
mod store;
mod trust;

pub use dangerous::DangerousTls;
pub use identity::{Identity, IdentityProvider, IdentitySource};
pub use store::{Store, StoreContent};
pub use trust::Trust;

/// A version of TLS that kp speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    /// Kafka's name of it, as in `ssl.enabled.protocols`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        }
    }
}

/// How connections are encrypted. Without a call: the system's authorities are trusted, the client shows no certificate, TLS
/// 1.2 and 1.3 are spoken, and the names in certificates are checked. No secret is in its `Debug`.
///
/// ```
/// use kp_config::{Identity, ProducerConfig, Security, Tls, TlsVersion, Trust};
/// let tls = Tls::new()
///     .trust(Trust::pem_file("/etc/kafka/ca.pem"))
///     .identity(Identity::pem_files("/etc/kafka/client.pem", "/etc/kafka/client.key"))
///     .min_version(TlsVersion::V1_3);
/// let config = ProducerConfig::default().bootstrap_servers("broker:9093").security(Security::tls(tls));
/// assert!(config.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    trust: Trust,
    identity: Option<Identity>,
    min_version: TlsVersion,
    max_version: TlsVersion,
    cipher_suites: Vec<String>,
    server_name: Option<String>,
    directly_trusted: bool,
    checks_names: bool,
    checks_certificates: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            identity: None,
            min_version: TlsVersion::V1_2,
            max_version: TlsVersion::V1_3,
            cipher_suites: Vec::new(),
            server_name: None,
            directly_trusted: true,
            checks_names: true,
            checks_certificates: true,
        }
    }
}

impl Tls {
    /// See the type.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities (`ssl.truststore.*`).
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Shows this certificate to brokers that ask for one (`ssl.keystore.*`).
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Speaks this version and newer ones.
    #[must_use]
    pub fn min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Speaks this version and older ones (`ssl.protocol`).
    #[must_use]
    pub fn max_version(mut self, version: TlsVersion) -> Self {
        self.max_version = version;
        self
    }

    /// Speaks these suites alone, the most wanted first, in Java's or OpenSSL's names (`ssl.cipher.suites`). None: all that
    /// are sound.
    #[must_use]
    pub fn cipher_suites<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.cipher_suites = names.into_iter().map(Into::into).collect();
        self
    }

    /// The name that every broker's certificate has to be for, and that brokers are asked for (SNI), in the place of the host
    /// that is connected to: behind a tunnel or an address translation.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Whether a broker's certificate is taken if it stands in the trust store itself, byte for byte
    /// (`kp.ssl.directly.trusted`). Without a call it is.
    #[must_use]
    pub fn directly_trusted(mut self, trusted: bool) -> Self {
        self.directly_trusted = trusted;
        self
    }

    /// What makes connections less safe, by a name that stands out where it is read.
    pub fn dangerous(self) -> DangerousTls {
        DangerousTls::over(self)
    }

    /// What is trusted.
    #[must_use]
    pub fn trusted(&self) -> &Trust {
        &self.trust
    }

    /// What is shown to brokers that ask.
    #[must_use]
    pub fn shown(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The versions that are spoken, the oldest first. None if the newest that may be is older than the oldest.
    pub fn versions(&self) -> impl Iterator<Item = TlsVersion> + use<> {
        let (min, max) = (self.min_version, self.max_version);
        [TlsVersion::V1_2, TlsVersion::V1_3].into_iter().filter(move |version| (min..=max).contains(version))
    }

    /// The suites that are spoken, if not all; the most wanted first.
    #[must_use]
    pub fn suites(&self) -> &[String] {
        &self.cipher_suites
    }

    /// The name that certificates have to be for, if it is not that of the host.
    #[must_use]
    pub fn name_of_servers(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether a certificate that stands in the trust store is taken without a look at who signed it.
    #[must_use]
    pub fn trusts_directly(&self) -> bool {
        self.directly_trusted
    }

    /// Whether a trusted authority has to have signed a broker's certificate.
    #[must_use]
    pub fn checks_certificates(&self) -> bool {
        self.checks_certificates
    }

    /// Whether a broker's certificate has to be for the broker's name.
    #[must_use]
    pub fn checks_names(&self) -> bool {
        self.checks_names
    }
}
