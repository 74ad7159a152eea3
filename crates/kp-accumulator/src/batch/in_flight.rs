//! A batch that was sent and is not answered. Its payload stays, for a retry.

use super::{Batch, Payload};
use kp_protocol::compression::Compression;
use kp_protocol::records::BATCH_HEADER_SIZE;

/// The state of a batch that was sent.
#[derive(Debug)]
pub struct InFlight {
    pub(super) payload: Payload,
    pub(super) compression: Compression,
}

impl Batch<InFlight> {
    /// Bytes on the wire, header included.
    #[must_use]
    pub fn wire_size(&self) -> usize {
        BATCH_HEADER_SIZE + self.state.payload.size()
    }

    /// The codec its payload is in: `None` also where compression did not make it smaller.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.state.compression
    }

    /// The network did not take it: that was no attempt.
    pub fn take_back_attempt(&mut self) {
        self.core.ledger.take_back_attempt();
    }

    /// From here to the next attempt no newer leader ends its backoff (AC15): it has followed one already.
    pub fn keep_backoff(&mut self) {
        if let Some(sent) = &mut self.core.sent {
            sent.leader_epoch = None;
        }
    }
}
