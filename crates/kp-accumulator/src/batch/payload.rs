//! The records of a batch as they go to the wire: shared pieces of memory that are not changed any more.

use super::pages::{FEW, Pages};
use bytes::Bytes;
use kp_memory::Buffer;
use kp_protocol::records::BATCH_HEADER_SIZE;
use smallvec::SmallVec;
use std::ops::Deref;
use std::sync::Arc;

/// The records of a batch, compressed or not, in one or more pieces. Cloning copies no bytes.
#[derive(Clone, Debug)]
pub struct Payload(Pieces);

#[derive(Clone, Debug)]
enum Pieces {
    /// As many as need no list on the heap.
    Few(SmallVec<[Bytes; FEW]>),
    Many(Arc<[Bytes]>),
}

impl Payload {
    pub(crate) fn freeze(pages: Pages) -> Self {
        let is_few = pages.len() <= FEW;
        let pieces = pages.into_iter().map(Buffer::freeze);
        Self(if is_few { Pieces::Few(pieces.collect()) } else { Pieces::Many(pieces.collect()) })
    }

    /// Bytes in all pieces.
    #[must_use]
    pub fn size(&self) -> usize {
        self.iter().map(Bytes::len).sum()
    }
}

impl Deref for Payload {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        match &self.0 {
            Pieces::Few(pieces) => pieces,
            Pieces::Many(pieces) => pieces,
        }
    }
}

/// A batch as it is written: the header made at dispatch, and the records behind it.
#[derive(Clone, Debug)]
pub struct WireBatch {
    /// The 61 bytes in front, checksum included.
    pub header: [u8; BATCH_HEADER_SIZE],
    /// The records.
    pub payload: Payload,
}

impl WireBatch {
    /// Bytes on the wire.
    #[must_use]
    pub fn size(&self) -> usize {
        BATCH_HEADER_SIZE + self.payload.size()
    }
}
