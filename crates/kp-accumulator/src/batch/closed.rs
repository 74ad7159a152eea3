//! A batch that takes no more records and is not compressed yet. Owned by value: any thread may seal it.

use super::{Batch, Core, HeadBatch, Payload, Sealed};
use crate::measure::Measure;
use crate::sealer::Sealer;
use kp_memory::Buffer;
use kp_protocol::compression::Compression;
use smallvec::SmallVec;

/// How many pages a batch has at most, nearly always: one, or a few if it has grown a little.
pub(crate) const FEW: usize = 3;

/// The pages of a batch, without a list on the heap if they are few.
pub(crate) type Pages = SmallVec<[Buffer; FEW]>;

/// The state of a batch between its last record and its compression: raw pages.
#[derive(Debug)]
pub struct Closed {
    pub(super) pages: Pages,
}

impl Batch<Closed> {
    /// A part of a batch that was split.
    pub(super) fn of_part(core: Box<Core>, page: Buffer) -> Self {
        Self { core, state: Closed { pages: Pages::from_iter([page]) } }
    }

    /// As the head of its queue.
    pub(crate) fn as_head(&self, measure: Measure) -> HeadBatch<'_> {
        self.core.as_head(self.core.raw, measure)
    }

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
