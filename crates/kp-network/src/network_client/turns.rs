//! What one turn leaves to the next. Owned by the client.

use super::replacement::Replacement;
use crate::{ConnectionNumber, SelectorEvent};
use kp_protocol::BrokerId;
use std::mem;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Attempts begun since the last turn: sockets belong to `poll`.
    to_start: Vec<(BrokerId, ConnectionNumber)>,
    /// Connections that had more to read than one turn takes.
    unread: Vec<(BrokerId, ConnectionNumber)>,
    /// Connections to make anew.
    pub(super) replacement: Replacement,
    /// The list that the selector fills, kept for its memory.
    found: Vec<SelectorEvent>,
}

impl Turns {
    /// An attempt has begun: the next turn starts it.
    pub(super) fn start(&mut self, broker: BrokerId, number: ConnectionNumber) {
        self.to_start.push((broker, number));
    }

    /// The attempts begun since the last turn; some may have ended meanwhile.
    pub(super) fn take_attempts(&mut self) -> Vec<(BrokerId, ConnectionNumber)> {
        mem::take(&mut self.to_start)
    }

    /// There is more to read, and the selector will not tell of it again: the next turn reads on.
    pub(super) fn read_on(&mut self, broker: BrokerId, number: ConnectionNumber) {
        self.unread.push((broker, number));
    }

    /// Whether the next turn has something to read, whatever the selector finds.
    pub(super) fn leaves_bytes(&self) -> bool {
        !self.unread.is_empty()
    }

    /// The connections to read on; some may have ended meanwhile.
    pub(super) fn take_unread(&mut self) -> Vec<(BrokerId, ConnectionNumber)> {
        mem::take(&mut self.unread)
    }

    /// An empty list for the selector.
    pub(super) fn take_list(&mut self) -> Vec<SelectorEvent> {
        mem::take(&mut self.found)
    }

    /// Takes the list back, emptied.
    pub(super) fn keep_list(&mut self, emptied: Vec<SelectorEvent>) {
        debug_assert!(emptied.is_empty(), "each event is taken once");
        self.found = emptied;
    }
}
