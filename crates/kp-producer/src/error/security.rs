//! What a caller is told when brokers refuse to be connected to.

use kp_network::{SecurityFailure, SecurityStage};
use kp_protocol::ErrorCode;
use std::fmt;
use std::sync::Arc;

/// A broker refused to authenticate the client, or the client the broker: what, where, why, and what to change.
///
/// `Display` is one line without a secret. Attempts go on, so it is over by itself when credentials or brokers are put
/// right.
#[derive(Clone, PartialEq, Eq)]
pub struct SecurityError {
    broker: Arc<str>,
    failure: Arc<SecurityFailure>,
}

impl SecurityError {
    pub(crate) fn new(broker: Arc<str>, failure: Arc<SecurityFailure>) -> Self {
        Self { broker, failure }
    }

    /// Which step failed.
    #[must_use]
    pub fn stage(&self) -> SecurityStage {
        self.failure.stage()
    }

    /// The broker's `host:port`, with the address that the host has (`host:port (1.2.3.4)`).
    #[must_use]
    pub fn broker(&self) -> &str {
        &self.broker
    }

    /// The code with which the broker refused, if it sent one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.failure.code()
    }

    /// Whether the same may succeed later without anything being changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.failure.is_retriable()
    }

    /// What to change, with the names of the keys; `None` if the words say all that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        self.failure.advice()
    }
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.broker, self.failure)
    }
}

impl fmt::Debug for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityError({self})")
    }
}

impl std::error::Error for SecurityError {}
