//! The records of a batch as they go to the wire: shared pieces of memory that nobody changes.

use bytes::Bytes;
use kp_memory::Buffer;
use kp_protocol::records::BATCH_HEADER_SIZE;
use std::ops::Deref;
use std::sync::Arc;

/// The records of a batch, compressed or not, in one or more pieces. Cloning copies no bytes.
#[derive(Clone, Debug)]
pub struct Payload(Pieces);

#[derive(Clone, Debug)]
enum Pieces {
    One(Bytes),
    Many(Arc<[Bytes]>),
}

impl Payload {
    pub(crate) fn freeze(pages: Vec<Buffer>) -> Self {
        let mut pages = pages.into_iter();
        match (pages.next(), pages.len()) {
            (None, _) => Self(Pieces::One(Bytes::new())),
            (Some(only), 0) => Self(Pieces::One(only.freeze())),
            (Some(first), _) => {
                Self(Pieces::Many(std::iter::once(first).chain(pages).map(Buffer::freeze).collect()))
            }
        }
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
            Pieces::One(piece) => std::slice::from_ref(piece),
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
