//! What a broker is asked about logins, and what it must answer: the words of the cases, as data.

use std::fmt;

use kp_protocol::ErrorCode;
use kp_sasl::ScramHash;

/// Which listener a case is for. Those with logins take PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and unsecured OAUTHBEARER, and know
/// `alice` with `alice-secret` and `bob` with `bob-secret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Door {
    /// A listener without SASL.
    Open,
    /// Logins that last.
    Login,
    /// Logins that are good for three seconds (`connections.max.reauth.ms=3000`).
    Sessions,
}

/// One request, or one wait.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SaslStep {
    /// ApiVersions (v4 at most) is answered with this code.
    Versions {
        /// The version, known or not.
        version: i16,
        /// Name the client gives itself.
        software: &'static str,
        /// The answer.
        code: ErrorCode,
    },
    /// SaslHandshake: code, and whether the mechanisms are listed.
    Handshake {
        /// 0 and 1 are known.
        version: i16,
        /// The mechanism.
        mechanism: &'static str,
        /// The answer.
        code: ErrorCode,
        /// Whether the answer lists the four mechanisms; else it lists none.
        lists: bool,
    },
    /// SaslAuthenticate.
    Token {
        /// 0 to 2.
        version: i16,
        /// What is sent.
        token: Token,
        /// What comes back.
        answer: TokenAnswer,
    },
    /// A token behind its length, without the header of a request; an empty frame comes back.
    BareToken(Token),
    /// The first message of SCRAM, and the last if the first was taken: code and words of the last answer.
    Scram {
        /// Which of the two.
        hash: ScramHash,
        /// The user.
        user: &'static str,
        /// What the user says.
        password: &'static str,
        /// The answer.
        code: ErrorCode,
    },
    /// Metadata is answered: the connection is open.
    Served,
    /// Metadata, and a handshake for PLAIN behind it in one piece: both are answered, in this order.
    ServedThenHandshake,
    /// Metadata ends the connection; whether it is answered before is not said.
    ServedNoMore,
    /// Metadata of one topic is answered with this code for the topic, and ends the connection.
    RefusedNoMore(ErrorCode),
    /// These bytes, a frame or not, close the connection without a word.
    ClosedOn(&'static [u8]),
    /// SaslHandshake of a version that there is not closes the connection without a word.
    ClosedOnHandshake(i16),
    /// The broker has closed the connection.
    Closed,
    /// At least so many milliseconds go by.
    Wait(i64),
}

/// What SaslAuthenticate carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Token {
    /// These bytes.
    Bytes(&'static [u8]),
    /// A message of PLAIN whose password is so long.
    Long(usize),
    /// A message of OAUTHBEARER with an unsecured token.
    Bearer {
        /// Its subject.
        subject: &'static str,
        /// When it ends, in seconds from now.
        ends_in_s: i64,
        /// `key=value\x01`, or nothing.
        extensions: &'static str,
    },
}

/// What SaslAuthenticate leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenAnswer {
    /// No error, no token, and a session of at most so many milliseconds; 0: one that lasts.
    In(i64),
    /// No error, and these bytes, which are not the last.
    Challenge(&'static [u8]),
    /// This code, and a text that begins so.
    Refused(ErrorCode, &'static str),
    /// No answer; the connection is closed.
    Closed,
}

/// One thing that a broker must answer right.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SaslCase {
    /// What it is about.
    pub name: &'static str,
    /// Where it is asked.
    pub door: Door,
    /// Asked in order on one connection of its own.
    pub steps: Vec<SaslStep>,
}

impl SaslCase {
    pub(super) fn new(name: &'static str, door: Door, steps: impl Into<Vec<SaslStep>>) -> Self {
        Self { name, door, steps: steps.into() }
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaslCaseResult {
    /// The case.
    pub name: &'static str,
    /// Which step went wrong and how; `Ok` if none did.
    pub outcome: Result<(), String>,
}

impl fmt::Display for SaslCaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(()) => write!(f, "ok    SASL: {}", self.name),
            Err(difference) => write!(f, "DIFFERS SASL: {}: {difference}", self.name),
        }
    }
}
