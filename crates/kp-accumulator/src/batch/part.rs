//! A part of a batch that was too large, while its records are written to it.

use super::core::Core;
use super::{Batch, Closed, InFlight};
use crate::completion::SplitPart;
use kp_memory::Buffer;
use kp_protocol::ProtocolError;
use kp_protocol::records::{DecodedRecords, RecordBatch, RecordRef};
use std::sync::Arc;
use std::time::Instant;

/// Some of the records of a batch, on a page of their own.
#[derive(Debug)]
pub(crate) struct Part {
    core: Box<Core>,
    page: Buffer,
}

impl Part {
    /// Of `whole`, from its record `first_index` on.
    pub(crate) fn of(whole: &Batch<InFlight>, now: Instant, first_index: u32, page: Buffer) -> Self {
        Self { core: Box::new(whole.core.part(now, first_index)), page }
    }

    /// Whether the record fits behind the others, in `limit` bytes, where each record counts `surcharge` more than it takes.
    pub(crate) fn fits(&self, record: &RecordRef<'_>, limit: usize, surcharge: usize) -> bool {
        let Core { raw, records, .. } = &*self.core;
        raw + records.record_size(record) + (records.count() as usize + 1) * surcharge <= limit
    }

    pub(crate) fn append(&mut self, record: &RecordRef<'_>) -> Result<(), ProtocolError> {
        self.core.raw += self.core.records.append(record, self.page.vec_mut())?;
        Ok(())
    }

    /// No more records: those that it holds take their callbacks along. They begin at `first_index` of `whole`.
    pub(crate) fn close(self, whole: &mut Batch<InFlight>, first_index: u32) -> (SplitPart, Batch<Closed>) {
        let Self { mut core, page } = self;
        let count = core.records.count();
        let whole = &mut *whole.core;
        whole.callbacks.hand_on(&whole.context.lists, first_index, first_index + count, &mut core.callbacks);
        core.completion.set_records(count);
        let part = SplitPart { first_index, completion: Arc::clone(&core.completion) };
        (part, Batch::<Closed>::of_part(core, page))
    }
}

impl Batch<InFlight> {
    /// Its records, from what was written to the wire.
    pub(crate) fn read_back(&self) -> Result<DecodedRecords, ProtocolError> {
        let header = self.core.records.header(self.state.compression, None)?.encode(&self.state.payload);
        let pieces = std::iter::once(&header[..]).chain(self.state.payload.iter().map(|piece| &piece[..]));
        let bytes = bytes::Bytes::from(pieces.collect::<Vec<_>>().concat());
        RecordBatch::parse(&bytes)?.0.records(self.core.raw)
    }

    /// It was too large for its broker: the topic's batches are estimated with more care, and grow less.
    pub(crate) fn note_too_large(&self) {
        let (topic, size) = (&self.core.context.topic, self.state.payload.size());
        topic.ratio.reset_after_split(self.core.raw, size);
        topic.growth.was_too_large(size);
    }
}
