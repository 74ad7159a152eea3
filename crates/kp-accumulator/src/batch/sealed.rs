//! A batch whose payload is final: it waits to be sent, for the first time or again.

use super::core::Sent;
use super::{Batch, HeadBatch, InFlight, Payload, WireBatch};
use crate::format_overhead::FormatOverhead;
use kp_protocol::ProtocolError;
use kp_protocol::compression::Compression;
use kp_protocol::records::BATCH_HEADER_SIZE;
use kp_protocol::{BatchIdentity, LeaderEpoch};
use std::time::Instant;

/// The state of a batch that can be sent: an immutable payload of known size.
#[derive(Debug)]
pub struct Sealed {
    pub(super) payload: Payload,
    pub(super) compression: Compression,
}

/// A batch that was not sent, as it was, and why.
#[derive(Debug)]
pub struct Undispatched {
    /// The batch.
    pub batch: Batch<Sealed>,
    /// Why.
    pub error: ProtocolError,
}

impl Batch<Sealed> {
    pub(crate) fn payload(&self) -> &Payload {
        &self.state.payload
    }

    /// As the head of its queue.
    pub(crate) fn as_head(&self, format_overhead: FormatOverhead) -> HeadBatch<'_> {
        self.core.as_head(self.state.payload.size(), format_overhead)
    }

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

    /// Counts an attempt and makes the header: one pass over the payload for its checksum, or none if it is sent again
    /// under the same identity. `leader_epoch` is the one of the leader that it goes to, as the metadata knows it.
    ///
    /// # Errors
    /// [`ProtocolError::Illegal`] if a number of `identity` is negative (BB10), with the batch as it was.
    pub fn dispatch(
        self,
        now: Instant,
        identity: Option<BatchIdentity>,
        leader_epoch: Option<LeaderEpoch>,
    ) -> Result<(Batch<InFlight>, WireBatch), Box<Undispatched>> {
        let header = match self.core.header_under(identity) {
            Some(header) => header,
            None => match self.core.records.header(self.state.compression, identity) {
                Ok(header) => header.encode(&self.state.payload),
                Err(error) => return Err(Box::new(Undispatched { batch: self, error })),
            },
        };
        let Self { mut core, state: Sealed { payload, compression } } = self;
        core.begin_attempt(now, Sent { identity, header: Some(header), leader_epoch });
        let wire = WireBatch { header, payload: payload.clone() };
        Ok((Batch { core, state: InFlight { payload, compression } }, wire))
    }
}

impl Batch<InFlight> {
    /// Back to waiting: the attempt is over. Hand it to [`Accumulator::requeue`](crate::Accumulator::requeue).
    pub fn requeue(self, now: Instant) -> Batch<Sealed> {
        let Self { mut core, state: InFlight { payload, compression } } = self;
        core.ledger.end_attempt(now);
        Batch { core, state: Sealed { payload, compression } }
    }
}
