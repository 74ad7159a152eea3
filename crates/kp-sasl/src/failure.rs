//! What can go wrong with SASL.
//! Owns: the facts and the words, one line each. No secret and no raw text of a broker is ever in it.

use std::fmt;

use kp_protocol::text::shown;
use kp_protocol::{ErrorCode, KafkaString};

use crate::BrokerText;

/// Mechanisms of a broker that are kept and shown.
const SHOWN_MECHANISMS: usize = 10;
/// Characters kept of the name of a mechanism; RFC 4422 allows 20.
const LONGEST_NAME: usize = 40;

/// Why an exchange failed, or could not begin. `Display` says in one line what happened and why, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaslFailure {
    /// A credential that no broker can take.
    #[error("{mechanism}: {what} {problem}")]
    BadCredential {
        /// The mechanism that cannot use it.
        mechanism: &'static str,
        /// Which credential.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An option of a login module, or an extension, that cannot be used.
    #[error("{}: {problem}", shown(.option))]
    BadOption {
        /// Its name; the value is not kept.
        option: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An environment variable that should hold a secret.
    #[error("the environment variable {} {problem}", shown(.variable))]
    NoVariable {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The operating system gave no random bytes for a nonce.
    #[error("no random bytes from the operating system: {reason}")]
    NoRandomness {
        /// Its words.
        reason: String,
    },
    /// Work that a mechanism handed out was not done.
    #[error("{what}: {problem}")]
    WorkFailed {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        problem: String,
    },
    /// The login that a mechanism needs first, at a KDC or another service, did not succeed.
    #[error("{mechanism}: {problem}")]
    LoginFailed {
        /// The mechanism.
        mechanism: &'static str,
        /// What went wrong, on one line and without a secret.
        problem: String,
        /// Whether the same login may well succeed the next time.
        is_retriable: bool,
    },
    /// The versions of the broker have no SaslHandshake that this crate speaks.
    #[error("the broker offers no SaslHandshake that kp speaks")]
    NoHandshake,
    /// The broker refused the mechanism, or SASL as such.
    #[error("{}", HandshakeRefusal { mechanism, code: *code, offered })]
    HandshakeRefused {
        /// The mechanism that was asked for (`sasl.mechanism`).
        mechanism: String,
        /// The broker's code.
        code: ErrorCode,
        /// The mechanisms that the broker offers.
        offered: OfferedMechanisms,
    },
    /// The broker refused the credentials.
    #[error("{mechanism}: refused by the broker: {code}{}", Because(message.as_ref()))]
    Refused {
        /// The mechanism.
        mechanism: String,
        /// The broker's code.
        code: ErrorCode,
        /// The broker's words.
        message: Option<BrokerText>,
    },
    /// The broker refused the token of OAUTHBEARER (RFC 7628, 3.2.2). A part is `None` if the broker did not send it.
    #[error("OAUTHBEARER: the broker refused the token{}", TokenRefusal { status, scope, configuration })]
    TokenRefused {
        /// Why, in one word: `invalid_token`, `insufficient_scope`.
        status: Option<BrokerText>,
        /// The scope that a token needs.
        scope: Option<BrokerText>,
        /// Where the configuration of the token's issuer is.
        configuration: Option<BrokerText>,
    },
    /// A broker that takes bare tokens closed the connection in place of an answer, as it does when it refuses.
    #[error("{mechanism}: refused (the broker closed the connection; Kafka before 1.0 gives no reason)")]
    ClosedWithoutReason {
        /// The mechanism.
        mechanism: String,
    },
    /// A message of the broker that is none of this mechanism.
    #[error("{mechanism}: the broker's {message} {problem}")]
    Malformed {
        /// The mechanism.
        mechanism: &'static str,
        /// Which message.
        message: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Fewer iterations than RFC 7677 allows: the proof would tell too much of the password.
    #[error("{mechanism}: the broker asks for {asked} iterations, fewer than {least}")]
    TooFewIterations {
        /// The mechanism.
        mechanism: &'static str,
        /// What the broker asks for.
        asked: i64,
        /// The fewest that are accepted.
        least: u32,
    },
    /// More iterations than are allowed: they would burn seconds of a processor.
    #[error(
        "{mechanism}: the broker asks for {asked} iterations, more than {most} (kp.scram.max.iterations)"
    )]
    TooManyIterations {
        /// The mechanism.
        mechanism: &'static str,
        /// What the broker asks for.
        asked: i64,
        /// The most that are accepted.
        most: u32,
    },
    /// The broker ended SCRAM with an error of its own (`e=`, RFC 5802, 7).
    #[error("{mechanism}: the broker ended the exchange: {error}")]
    ServerError {
        /// The mechanism.
        mechanism: &'static str,
        /// The broker's word for it.
        error: BrokerText,
    },
    /// The broker did not prove that it knows the password's keys, although it may have said that all is well.
    #[error("{mechanism}: the broker's signature is wrong: it does not know this user's keys")]
    WrongSignature {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// The broker said that all is well, and the mechanism still expects a message.
    #[error("{mechanism}: the broker ended the exchange before it was over")]
    EndedEarly {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// A token of the broker that is larger than any honest one.
    #[error("{mechanism}: a token of {bytes} bytes from the broker, more than {most}")]
    TooLarge {
        /// The mechanism.
        mechanism: String,
        /// Its size.
        bytes: usize,
        /// The largest that is accepted.
        most: usize,
    },
    /// The exchange went on and on.
    #[error("{mechanism}: no end after {tokens} tokens")]
    TooManyTokens {
        /// The mechanism.
        mechanism: String,
        /// Tokens that were sent.
        tokens: u32,
    },
    /// A call that does not fit the state of the exchange: a mistake of the caller, or of a mechanism.
    #[error("{mechanism}: {what}")]
    OutOfTurn {
        /// The mechanism.
        mechanism: String,
        /// What did not fit.
        what: &'static str,
    },
}

impl SaslFailure {
    pub(crate) fn bad_credential(mechanism: &'static str, what: &'static str, problem: &'static str) -> Self {
        Self::BadCredential { mechanism, what, problem }
    }

    pub(crate) fn bad_option(option: impl Into<String>, problem: &'static str) -> Self {
        Self::BadOption { option: option.into(), problem }
    }

    pub(crate) fn out_of_turn(mechanism: &str, what: &'static str) -> Self {
        Self::OutOfTurn { mechanism: mechanism.to_owned(), what }
    }

    /// The broker's code. A token that was refused has that of a failed authentication.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::HandshakeRefused { code, .. } | Self::Refused { code, .. } => Some(*code),
            Self::TokenRefused { .. } => Some(ErrorCode::SASL_AUTHENTICATION_FAILED),
            Self::BadCredential { .. }
            | Self::BadOption { .. }
            | Self::NoVariable { .. }
            | Self::NoRandomness { .. }
            | Self::WorkFailed { .. }
            | Self::LoginFailed { .. }
            | Self::NoHandshake
            | Self::ClosedWithoutReason { .. }
            | Self::Malformed { .. }
            | Self::TooFewIterations { .. }
            | Self::TooManyIterations { .. }
            | Self::ServerError { .. }
            | Self::WrongSignature { .. }
            | Self::EndedEarly { .. }
            | Self::TooLarge { .. }
            | Self::TooManyTokens { .. }
            | Self::OutOfTurn { .. } => None,
        }
    }

    /// Whether it was about the credentials, and the broker does not take them.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == ErrorCode::SASL_AUTHENTICATION_FAILED,
            Self::TokenRefused { .. } | Self::ClosedWithoutReason { .. } | Self::ServerError { .. } => true,
            Self::BadCredential { .. }
            | Self::BadOption { .. }
            | Self::NoVariable { .. }
            | Self::NoRandomness { .. }
            | Self::WorkFailed { .. }
            | Self::LoginFailed { .. }
            | Self::NoHandshake
            | Self::HandshakeRefused { .. }
            | Self::Malformed { .. }
            | Self::TooFewIterations { .. }
            | Self::TooManyIterations { .. }
            | Self::WrongSignature { .. }
            | Self::EndedEarly { .. }
            | Self::TooLarge { .. }
            | Self::TooManyTokens { .. }
            | Self::OutOfTurn { .. } => false,
        }
    }

    /// Whether the same credentials may well be accepted the next time: it was not about them.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::HandshakeRefused { code, .. } | Self::Refused { code, .. } => code.is_retriable(),
            // It looks like a connection that was lost, and may be one.
            Self::ClosedWithoutReason { .. } | Self::NoRandomness { .. } | Self::WorkFailed { .. } => true,
            Self::LoginFailed { is_retriable, .. } => *is_retriable,
            Self::BadCredential { .. }
            | Self::BadOption { .. }
            | Self::NoVariable { .. }
            | Self::NoHandshake
            | Self::TokenRefused { .. }
            | Self::Malformed { .. }
            | Self::TooFewIterations { .. }
            | Self::TooManyIterations { .. }
            | Self::ServerError { .. }
            | Self::WrongSignature { .. }
            | Self::EndedEarly { .. }
            | Self::TooLarge { .. }
            | Self::TooManyTokens { .. }
            | Self::OutOfTurn { .. } => false,
        }
    }
}

/// The mechanisms that a broker listed: the first ten, and how many there were.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OfferedMechanisms {
    names: Vec<BrokerText>,
    total: usize,
}

impl OfferedMechanisms {
    pub(crate) fn of(listed: &[KafkaString], is_secret_in: impl Fn(&str) -> bool) -> Self {
        let names = listed.iter().take(SHOWN_MECHANISMS).map(|name| {
            let short: String = name.chars().take(LONGEST_NAME).collect();
            // The whole name is looked at: a secret that was cut in two would not be found.
            BrokerText::new(&short, |_| is_secret_in(name))
        });
        Self { names: names.collect(), total: listed.len() }
    }

    /// Of the names that a broker lists to a client that has shown it no secret.
    ///
    /// ```
    /// use kp_protocol::KafkaString;
    /// use kp_sasl::OfferedMechanisms;
    /// let listed = ["PLAIN", "SCRAM-SHA-256"].map(KafkaString::from);
    /// assert_eq!(OfferedMechanisms::listed(&listed).to_string(), "PLAIN, SCRAM-SHA-256");
    /// ```
    #[must_use]
    pub fn listed(names: &[KafkaString]) -> Self {
        Self::of(names, |_| false)
    }

    /// The first ten names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(BrokerText::as_str)
    }

    /// How many the broker listed.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

impl fmt::Display for OfferedMechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            return f.write_str("none");
        }
        for (index, name) in self.names.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        match self.total - self.names.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Debug for OfferedMechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// Words for a SaslHandshake that was refused.
struct HandshakeRefusal<'a> {
    mechanism: &'a str,
    code: ErrorCode,
    offered: &'a OfferedMechanisms,
}

impl fmt::Display for HandshakeRefusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mechanism, code, offered } = *self;
        if code == ErrorCode::UNSUPPORTED_SASL_MECHANISM {
            write!(
                f,
                "{mechanism}: the broker does not offer this mechanism (sasl.mechanism); it offers {offered}"
            )?;
            return match offered.names().find(|name| name.eq_ignore_ascii_case(mechanism)) {
                Some(name) if name != mechanism => write!(f, "; upper and lower case matter: {name}"),
                _ => Ok(()),
            };
        }
        write!(f, "{mechanism}: the broker refused SaslHandshake: {code}")?;
        if code == ErrorCode::ILLEGAL_SASL_STATE {
            // From a listener without SASL; and, on a connection that stays, in answer to a re-authentication within
            // a second of the one before.
            f.write_str("; a listener without SASL (security.protocol), or a re-authentication too soon")?;
        }
        Ok(())
    }
}

/// ": words", or nothing.
struct Because<'a>(Option<&'a BrokerText>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(words) if !words.as_str().is_empty() => write!(f, ": {words}"),
            _ => Ok(()),
        }
    }
}

/// What a broker says of a token that it refused.
struct TokenRefusal<'a> {
    status: &'a Option<BrokerText>,
    scope: &'a Option<BrokerText>,
    configuration: &'a Option<BrokerText>,
}

impl fmt::Display for TokenRefusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, scope, configuration } = self;
        match status {
            Some(status) => write!(f, ": {status}")?,
            None => f.write_str(" without a reason that can be read")?,
        }
        if let Some(scope) = scope {
            write!(f, "; scope it wants: {scope}")?;
        }
        if let Some(configuration) = configuration {
            write!(f, "; its issuer: {configuration}")?;
        }
        Ok(())
    }
}
