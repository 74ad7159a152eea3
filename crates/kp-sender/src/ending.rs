//! How far the producer is with its end: a close that was asked for, or an error after which it can do nothing more.
//! Owner: the sender core. Any part may read it; what either end does to batches is in `produce`.

use crate::shutdown::Shutdown;
use kp_accumulator::{BrokerError, FailureKind};
use kp_protocol::ErrorCode;
use std::sync::Arc;

/// Both ways to end.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) shutdown: Shutdown,
    fatal: Option<Fatal>,
}

/// What ended the producer.
#[derive(Clone, Debug)]
pub(crate) struct Fatal {
    pub(crate) code: ErrorCode,
    pub(crate) last: BrokerError,
}

impl Default for Ending {
    /// No end in sight.
    fn default() -> Self {
        Self { shutdown: Shutdown::Running, fatal: None }
    }
}

impl Ending {
    /// Whether batches still go out.
    pub(crate) fn may_send(&self) -> bool {
        self.shutdown.may_send() && self.fatal.is_none()
    }

    /// The error after which nothing is sent any more.
    pub(crate) fn fatal(&self) -> Option<&Fatal> {
        self.fatal.as_ref()
    }

    /// Nothing is sent from now on. The first error counts.
    pub(crate) fn end(&mut self, fatal: Fatal) {
        self.fatal.get_or_insert(fatal);
    }

    /// What ended the producer, in words.
    pub(crate) fn fatal_reason(&self) -> Option<Arc<str>> {
        self.fatal.as_ref().map(|fatal| Arc::from(fatal.last.to_string()))
    }

    /// Whether a batch that fails like this fails with the producer. A refused producer id is none: it is asked for again (ID2).
    pub(crate) fn is_fatal_failure(&self, kind: FailureKind) -> bool {
        self.fatal.as_ref().is_some_and(|fatal| kind == FailureKind::Refused(fatal.code))
    }
}
