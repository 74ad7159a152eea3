//! What can go wrong with Kerberos.
//! Owns: the facts and the words, one line each. No key is ever in it, and texts of a KDC are made harmless.

use kp_protocol::text::shown;
use kp_sasl::SaslFailure;

use crate::kerberos::error_code;

/// The mechanism's name, as brokers list it.
pub(crate) const GSSAPI: &str = "GSSAPI";

/// Why there is no ticket, or why a broker is not believed. `Display` says it in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KerberosFailure {
    /// A name that is none.
    #[error("the Kerberos name \"{}\" {problem}", shown(name))]
    BadPrincipal {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A keytab, a ticket cache or a `krb5.conf` that cannot be used.
    #[error("{what} {} {problem}", Named(path))]
    File {
        /// What it should be.
        what: &'static str,
        /// Where it is.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The keytab has no key of the client that is of any use.
    #[error(
        "the keytab {} has no key of {} that kp can use; {}",
        shown(keytab),
        shown(principal),
        shown(has)
    )]
    NoKey {
        /// The file.
        keytab: String,
        /// The client.
        principal: String,
        /// What it has instead.
        has: String,
    },
    /// The configuration does not say enough.
    #[error("{problem}")]
    Incomplete {
        /// What is missing, and which key or file would say it.
        problem: String,
    },
    /// No KDC of a realm answered.
    #[error("no KDC of {} answers: {}", shown(realm), shown(problem))]
    Unreachable {
        /// The realm.
        realm: String,
        /// The last problem, with the address.
        problem: String,
    },
    /// A KDC answered with an error.
    #[error(
        "the KDC of {} answers {} ({code}) for {}{}{}",
        shown(realm),
        error_code::name(*code),
        shown(what),
        Words(text),
        error_code::advice(*code)
    )]
    Refused {
        /// The realm of the KDC.
        realm: String,
        /// What was asked for.
        what: String,
        /// The code of RFC 4120.
        code: i32,
        /// The KDC's words, or both clocks if they are too far apart.
        text: Option<String>,
    },
    /// An answer of a KDC that does not belong to the question, or is none: a KDC that is not ours, or a host on the way.
    #[error("the KDC of {}: {exchange}: {problem}", shown(realm))]
    BadAnswer {
        /// The realm of the KDC.
        realm: String,
        /// Which exchange.
        exchange: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The service's answer is none, or shows that it does not have the service's key.
    #[error("the broker's {message} {problem}")]
    NotTheService {
        /// Which message.
        message: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: {reason}")]
    NoRandomness {
        /// Its words.
        reason: String,
    },
}

impl KerberosFailure {
    /// Whether the same login may well succeed the next time.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NoRandomness { .. } => true,
            Self::Refused { code, .. } => error_code::is_transient(*code),
            // A file that is written at the moment will be whole the next time.
            Self::File { .. } => true,
            Self::BadPrincipal { .. }
            | Self::NoKey { .. }
            | Self::Incomplete { .. }
            | Self::BadAnswer { .. }
            | Self::NotTheService { .. } => false,
        }
    }
}

impl From<KerberosFailure> for SaslFailure {
    fn from(failure: KerberosFailure) -> Self {
        let is_retriable = failure.is_retriable();
        Self::LoginFailed { mechanism: GSSAPI, problem: failure.to_string(), is_retriable }
    }
}

/// A path, and a colon behind it if there is one.
struct Named<'a>(&'a str);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}:", shown(self.0)) }
    }
}

/// `: words`, or nothing.
struct Words<'a>(&'a Option<String>);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_deref() {
            Some(words) if !words.is_empty() => write!(f, ": {}", shown(words)),
            _ => Ok(()),
        }
    }
}
