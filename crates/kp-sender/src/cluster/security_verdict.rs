//! Which brokers refused this client, or were refused by it, or turned out to speak another protocol, when they were tried
//! last, and whether a call wants to know.
//! Owner: [`KnownCluster`](super::KnownCluster). Bounded: a broker that leaves the list is forgotten. Never: whom it is told to.

use kp_client::{DisconnectReason, Reached, SecurityFailure, SecurityStage};
use kp_protocol::BrokerId;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SecurityVerdict {
    /// Brokers whose last attempt ended with a failure of security that waiting does not help against; the newest is last.
    refusals: Vec<(BrokerId, Refusal)>,
    /// A call has begun to wait for metadata since an attempt was refused.
    is_awaited: bool,
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) address: Arc<str>,
    pub(crate) failure: Arc<SecurityFailure>,
}

impl SecurityVerdict {
    /// An attempt, or a connection, has ended. Answers with its refusal, if it was one: calls that wait hear of it, so none is
    /// left to tell.
    pub(super) fn ended(
        &mut self,
        broker: BrokerId,
        address: &Arc<str>,
        reason: &DisconnectReason,
    ) -> Option<Refusal> {
        self.refusals.retain(|(refused, _)| *refused != broker);
        let failure = reason.verdict().filter(|failure| is_final(failure))?;
        let refusal = Refusal { address: Arc::clone(address), failure };
        self.refusals.push((broker, refusal.clone()));
        self.is_awaited = false;
        Some(refusal)
    }

    /// Whether a broker's refusal outlives an attempt that came only so far: one address of a name does not answer for the
    /// broker that has answered at another one.
    pub(super) fn outlives(&self, broker: BrokerId, reached: Reached) -> bool {
        matches!(reached, Reached::Address { untried: 1.. })
            && self.refusals.iter().any(|(refused, _)| *refused == broker)
    }

    /// A broker has let the client in.
    pub(super) fn let_in(&mut self) {
        *self = Self::default();
    }

    /// Forgets each broker that left the list.
    pub(super) fn retain(&mut self, is_known: impl Fn(BrokerId) -> bool) {
        self.refusals.retain(|(broker, _)| is_known(*broker));
    }

    /// A call begins to wait for metadata.
    pub(super) fn await_it(&mut self) {
        self.is_awaited = !self.refusals.is_empty();
    }

    /// What to tell a call that has begun to wait since the newest attempt; once.
    pub(super) fn take_awaited(&mut self) -> Option<Refusal> {
        let newest = || self.refusals.last().map(|(_, refusal)| refusal.clone());
        std::mem::take(&mut self.is_awaited).then(newest).flatten()
    }
}

/// Whether the next attempt ends in the same way unless something is changed. A connection whose re-authentication was
/// refused tells nothing about the next one, which may have newer credentials.
fn is_final(failure: &SecurityFailure) -> bool {
    !failure.is_retriable() && failure.stage() != SecurityStage::Reauthentication
}
