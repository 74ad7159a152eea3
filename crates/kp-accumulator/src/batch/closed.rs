//! A batch that takes no more records and is not compressed yet. Owned by value: any thread may seal it.

use super::{Batch, Payload, Sealed};
use crate::sealer::Sealer;
use kp_memory::Buffer;
use kp_protocol::compression::Compression;

/// The state of a batch between its last record and its compression: raw pages.
#[derive(Debug)]
pub struct Closed {
    pub(crate) pages: Vec<Buffer>,
}

impl Batch<Closed> {
    /// Compresses the records into the batch's own pages and gives the other pages back; leaves them raw if that does
    /// not make them smaller. From here on the payload never changes.
    pub fn seal(mut self, sealer: &mut Sealer) -> Batch<Sealed> {
        let compression = sealer.compress(&mut self.state.pages);
        let wire: usize = self.state.pages.iter().map(Buffer::len).sum();
        self.core.home.topic.ratio.observe(self.core.raw, wire);
        self.freeze(compression)
    }

    /// Leaves the records as they are.
    pub(crate) fn seal_raw(self) -> Batch<Sealed> {
        self.freeze(Compression::None)
    }

    fn freeze(self, compression: Compression) -> Batch<Sealed> {
        let Self { core, state: Closed { pages } } = self;
        Batch { core, state: Sealed { payload: Payload::freeze(pages), compression } }
    }
}
