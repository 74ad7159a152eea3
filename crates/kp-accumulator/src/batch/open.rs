//! A batch that takes records. Touched under its queue's lock only: this is the hot path.

use super::core::{Core, PartitionContext};
use super::limits::{BatchSize, OpenLimits};
use super::pages::Pages;
use super::{Batch, Closed, Notify};
use crate::format_overhead::FormatOverhead;
use kp_memory::Buffer;
use kp_protocol::ProtocolError;
use kp_protocol::records::RecordRef;
use std::sync::Arc;
use std::time::Instant;

/// The most bytes that a record without headers takes besides its key and value: length 5, attributes 1, times 10,
/// offset 5, two lengths of 5, header count 1.
const MAX_OVERHEAD: usize = 32;

/// The state of a batch that takes records: the pages they are written to.
#[derive(Debug)]
pub struct Open {
    page: Buffer,
    /// Pages before this one. A record lies wholly within one page.
    full_pages: Pages,
    /// Record bytes so far, each record with its surcharge. What the batch keeps as `Core::raw` follows from it when
    /// it closes: one number to write per record.
    counted: usize,
    limits: OpenLimits,
}

/// What came of trying to append.
#[derive(Debug)]
pub(crate) enum Fit {
    /// Appended; so many bytes.
    Taken(usize),
    /// The batch is full: no more records.
    Full,
    /// The batch has room, its page does not: a page of at least so many bytes is needed.
    NeedsPage(usize),
}

impl Batch<Open> {
    /// A batch whose first record goes to `page`. `spare`: the inside of a settled batch, renewed for this partition, if there is one.
    pub(crate) fn open(
        context: &Arc<PartitionContext>,
        spare: Option<Box<Core>>,
        created: Instant,
        page: Buffer,
        limits: OpenLimits,
    ) -> Self {
        let core = spare.unwrap_or_else(|| Box::new(Core::new(Arc::clone(context), created)));
        Self { core, state: Open { page, full_pages: Pages::new(), counted: 0, limits } }
    }

    /// Appends `record` if it fits, with the help of the page in `spare` if that is needed.
    #[inline(always)]
    pub(crate) fn try_append(
        &mut self,
        record: &RecordRef<'_>,
        spare: &mut Option<Buffer>,
    ) -> Result<Fit, ProtocolError> {
        let (core, state) = (&mut *self.core, &mut self.state);
        if record.headers.is_empty() {
            // A bound that costs nothing decides for all but the last record of a page.
            let bound =
                MAX_OVERHEAD + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            if bound <= state.page.spare() && state.limits.has_room(state.counted, bound) {
                let written = core.records.append(record, state.page.vec_mut())?;
                state.counted += written + state.limits.surcharge;
                return Ok(Fit::Taken(written));
            }
        }
        let size = core.records.record_size(record);
        // BB1: the first record is taken whatever its size.
        if !core.records.is_empty() && !state.limits.has_room(state.counted, size) {
            return Ok(Fit::Full);
        }
        if size > state.page.spare() {
            if spare.as_ref().is_none_or(|page| page.spare() < size) {
                return Ok(Fit::NeedsPage(size));
            }
            if let Some(fresh) = spare.take() {
                let before = std::mem::replace(&mut state.page, fresh);
                if !before.is_empty() {
                    state.full_pages.push(before);
                }
            }
        }
        let written = core.records.append(record, state.page.vec_mut())?;
        state.counted += written + state.limits.surcharge;
        Ok(Fit::Taken(written))
    }

    /// The last record is to be noted for a callback or token. As [`Callbacks::push`].
    #[inline]
    pub(crate) fn notify(&mut self, notify: Notify) -> bool {
        let core = &mut *self.core;
        core.callbacks.push(&core.context.lists, core.records.count() - 1, notify)
    }

    /// It has its first record: what it takes besides its page is counted.
    pub(crate) fn count_overhead(&mut self) {
        self.core.count_overhead();
    }

    /// Ends a batch without a record, since not even the first could be encoded; gives its page back.
    pub(crate) fn discard(mut self) -> Buffer {
        self.core.forget();
        self.state.page
    }

    /// Bytes of its records.
    pub(crate) fn size(&self) -> usize {
        self.state.full_pages.iter().map(Buffer::len).sum::<usize>() + self.state.page.len()
    }

    /// Whether it should take no more records (BB2).
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.state.counted >= self.state.limits.full_at && !self.core.records.is_empty()
    }

    /// Raw bytes at which it was full by `batch.size`.
    pub(crate) fn first_full_at(&self) -> usize {
        self.state.limits.first_full_at
    }

    /// Makes room for another `batch.size`, at most `most` bytes on the wire altogether. Whether it did.
    pub(crate) fn grow(&mut self, size: BatchSize, most: usize, format_overhead: FormatOverhead) -> bool {
        let grown = self.state.limits.grown(size, most, format_overhead);
        self.state.limits = grown.unwrap_or(self.state.limits);
        grown.is_some()
    }

    /// Whether it holds more than `batch.size`, so that the driver does not wait for it to become full.
    pub(crate) fn has_grown(&self) -> bool {
        self.state.limits.full_at > self.state.limits.first_full_at
    }

    /// No more records from here on (AC3).
    pub(crate) fn close(self) -> Batch<Closed> {
        let Self { mut core, state: Open { page, mut full_pages, counted, limits } } = self;
        core.raw = counted - core.records.count() as usize * limits.surcharge;
        core.completion.set_records(core.records.count());
        full_pages.push(page);
        Batch { core, state: Closed { pages: full_pages } }
    }
}
