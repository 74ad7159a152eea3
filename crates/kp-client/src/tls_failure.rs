//! Why a connection could not be encrypted, or was refused while it was, as plain values.
//! Owns: what a caller may ask of it; who encrypts, words it. Never: a key, or the raw text of a broker.

use crate::{SecurityFailure, SecurityStage};
use std::fmt;
use std::sync::Arc;

/// What kind of failure of TLS it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailureKind {
    /// The broker's certificate is not believed.
    Certificate,
    /// The broker refused, in an alert: often the certificate of this client, or the lack of one.
    Refused,
    /// The broker and the client have nothing in common.
    Incompatible,
    /// What came is no TLS, or breaks its rules.
    Protocol,
    /// The connection was closed or lost before it was made; as a connection without TLS, it is tried again.
    Lost,
}

/// Why a connection was given up: what is wrong, and what to change. `Display` is one line with both.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsFailure {
    kind: TlsFailureKind,
    failure: Arc<SecurityFailure>,
}

impl TlsFailure {
    /// A failure in words that are fit to be shown: one line, no secret, no control characters.
    #[must_use]
    pub fn new(kind: TlsFailureKind, words: impl Into<Arc<str>>) -> Self {
        Self::advised(kind, words, None)
    }

    /// The same, and what to change, with the names of the keys.
    #[must_use]
    pub fn advised(kind: TlsFailureKind, words: impl Into<Arc<str>>, advice: Option<&'static str>) -> Self {
        let failure = SecurityFailure::new(SecurityStage::TlsHandshake, words).with_advice(advice);
        Self { kind, failure: Arc::new(failure) }
    }

    /// See [`TlsFailureKind`].
    #[must_use]
    pub fn kind(&self) -> TlsFailureKind {
        self.kind
    }

    /// The same as a failure of security, of the stage [`SecurityStage::TlsHandshake`].
    #[must_use]
    pub fn security(&self) -> &Arc<SecurityFailure> {
        &self.failure
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.failure.words())?;
        self.failure.advice().map_or(Ok(()), |advice| write!(f, ": {advice}"))
    }
}

impl fmt::Debug for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsFailure({:?}: {self})", self.kind)
    }
}

impl std::error::Error for TlsFailure {}
