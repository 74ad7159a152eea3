//! What can be wrong with settings, before there is a connection. Texts name the key of the configuration.

use std::path::PathBuf;
use thiserror::Error;

/// Settings of TLS that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file cannot be read.
    #[error("{key}: {}: {cause}", path.display())]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// PEM that is not whole, or of another kind.
    #[error("{key}: {cause}")]
    Pem {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The system has no authorities that can be read.
    #[error(
        "no certificate authorities of the system were found ({cause}): name some with ssl.truststore.location or \
         ssl.truststore.certificates, or build with the feature `webpki-roots`"
    )]
    NoSystemRoots {
        /// What the system said.
        cause: String,
    },
    /// The client's own certificate and key cannot be used.
    #[error("{key}: the certificate or the key of this client cannot be used: {cause}")]
    Identity {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong with them.
        cause: String,
    },
    /// Only old versions are allowed.
    #[error(
        "ssl.enabled.protocols, ssl.protocol: neither TLSv1.2 nor TLSv1.3 is left, and older ones are not spoken"
    )]
    OldVersions,
    /// No name of a version.
    #[error(
        "ssl.enabled.protocols, ssl.protocol: {name:?} is no version of TLS; there are TLSv1.2 and TLSv1.3"
    )]
    UnknownVersion {
        /// As it was given.
        name: String,
    },
    /// No suite is left.
    #[error(
        "ssl.cipher.suites: none of {names:?} is spoken; kp speaks suites with AES-GCM or ChaCha20 and ECDHE, such as \
         TLS_AES_256_GCM_SHA384 and TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    )]
    NoSuite {
        /// As they were given.
        names: Vec<String>,
    },
    /// Versions and suites do not fit together.
    #[error("ssl.enabled.protocols and ssl.cipher.suites do not fit together: {cause}")]
    NoCombination {
        /// What does not fit.
        cause: String,
    },
    /// There is no cryptography.
    #[error("{0}")]
    Provider(&'static str),
}
