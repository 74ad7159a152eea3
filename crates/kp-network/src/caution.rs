//! Whether the set-ups with one broker wait for each answer, since one that went ahead of the answers came to nothing: others
//! than Kafka's brokers may not like it. For some set-ups; each time it happens again, for twice as many.
//! Owned by [`Broker`](crate::broker::Broker). Never: an end that says nothing of the broker.

use crate::DisconnectReason;

/// So many set-ups are careful after the first time.
const FIRST: u32 = 2;

/// And never more than so many, so that a broker that has changed is found out.
const MOST: u32 = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Caution {
    /// Set-ups that are still to succeed with care.
    left: u32,
    /// How many that will be the next time.
    next: u32,
}

impl Default for Caution {
    fn default() -> Self {
        Self { left: 0, next: FIRST }
    }
}

impl Caution {
    /// Whether each message of a set-up waits for the answer to the one before it.
    pub(crate) fn is_careful(&self) -> bool {
        self.left > 0
    }

    /// A set-up that went ahead has ended so.
    pub(crate) fn came_to_nothing(&mut self, reason: &DisconnectReason) {
        let is_of_broker = matches!(
            reason,
            DisconnectReason::ClosedByBroker
                | DisconnectReason::Lost(_)
                | DisconnectReason::ConnectFailed(_)
                | DisconnectReason::ProtocolError(_)
                // It may have dropped what it did not expect so early.
                | DisconnectReason::SetupTimeout(_)
        );
        if is_of_broker {
            self.left = self.next;
            self.next = (2 * self.next).min(MOST);
        }
    }

    /// A connection is ready.
    pub(crate) fn ready(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
}
