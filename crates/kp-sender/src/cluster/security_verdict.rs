//! What the newest attempt to connect said about security, and whether a call wants to know.
//! Owner: [`KnownCluster`](super::KnownCluster). Never: whom it is told to.

use kp_client::{DisconnectReason, SecurityFailure, SecurityStage};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SecurityVerdict {
    /// Where and why the newest attempt ended, if that was a failure of security that waiting does not help against.
    newest: Option<Refusal>,
    /// A call has begun to wait for metadata since an attempt ended.
    is_awaited: bool,
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) address: Arc<str>,
    pub(crate) failure: Arc<SecurityFailure>,
}

impl SecurityVerdict {
    /// An attempt, or a connection, has ended. Calls that wait hear of it, so none is left to tell.
    pub(super) fn ended(&mut self, address: &Arc<str>, reason: &DisconnectReason) -> Option<Refusal> {
        self.is_awaited = false;
        let failure = reason.security().filter(|failure| is_final(failure));
        self.newest =
            failure.map(|failure| Refusal { address: Arc::clone(address), failure: Arc::clone(failure) });
        self.newest.clone()
    }

    /// A broker has let the client in.
    pub(super) fn let_in(&mut self) {
        *self = Self::default();
    }

    /// A call begins to wait for metadata.
    pub(super) fn await_it(&mut self) {
        self.is_awaited = self.newest.is_some();
    }

    /// What to tell a call that has begun to wait since the newest attempt; once.
    pub(super) fn take_awaited(&mut self) -> Option<Refusal> {
        std::mem::take(&mut self.is_awaited).then(|| self.newest.clone()).flatten()
    }
}

/// Whether the next attempt ends in the same way unless something is changed. A connection whose re-authentication was
/// refused tells nothing about the next one, which may have newer credentials.
fn is_final(failure: &SecurityFailure) -> bool {
    !failure.is_retriable() && failure.stage() != SecurityStage::Reauthentication
}
