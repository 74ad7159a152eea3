//! A batch that takes no more records and is not compressed yet. Owned by value: any thread may seal it.

use super::core::Core;
use super::pages::Pages;
use super::{Batch, HeadBatch, Payload, Sealed};
use crate::format_overhead::FormatOverhead;
use kp_memory::Buffer;
use kp_protocol::compression::Compression;

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
    pub(crate) fn as_head(&self, format_overhead: FormatOverhead) -> HeadBatch<'_> {
        self.core.as_head(self.core.raw, format_overhead)
    }

    /// The raw pages, for a codec to put its bytes into.
    pub(crate) fn pages_mut(&mut self) -> &mut Pages {
        &mut self.state.pages
    }

    /// From here on the payload never changes: a codec has left its bytes in the pages.
    pub(crate) fn seal_compressed(self, compression: Compression) -> Batch<Sealed> {
        let wire: usize = self.state.pages.iter().map(Buffer::len).sum();
        self.core.context.topic.ratio.observe(self.core.raw, wire);
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
