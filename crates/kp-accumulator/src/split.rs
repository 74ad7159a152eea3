//! A batch that is too large for the broker becomes several smaller ones (BB25–BB28): the records are read back and
//! written anew, everything else moves. Called by the driver.

use crate::accumulator::Accumulator;
use crate::batch::{Batch, Closed, InFlight, Part};
use crate::completion::Outcome;
use crate::format_overhead::FormatOverhead;
use kp_memory::MemoryError;
use kp_protocol::ProtocolError;
use kp_protocol::records::{DecodedRecords, HeaderRef, Record, RecordEncoder, RecordRef};
use std::time::Instant;

/// Why a batch could not be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// One record cannot be made two (BB29).
    #[error("a batch of one record cannot be split")]
    OneRecord,
    /// What was written cannot be read back: a mistake of ours.
    #[error(transparent)]
    Records(#[from] ProtocolError),
    /// There is no memory for the parts.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// A batch that was not split, as it was, and why.
#[derive(Debug)]
pub struct Unsplit {
    /// The batch.
    pub batch: Batch<InFlight>,
    /// Why.
    pub error: SplitError,
}

impl SplitError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Memory(error) => error.is_retriable(),
            Self::OneRecord | Self::Records(_) => false,
        }
    }
}

impl Accumulator {
    /// Re-packs the records of `batch` into smaller batches, which take its place in its queue with its age, callbacks
    /// and sequences. Settle what comes back, `batch` with [`Outcome::Split`]: that leads all waiters on to the
    /// parts.
    ///
    /// The parts hold `batch.size` bytes each; if the batch is a part itself, or no larger than that, half of its bytes,
    /// or its largest record: it always gets smaller (BB26). The memory of the parts is counted, above the bound if need
    /// be (BB28).
    ///
    /// # Errors
    /// [`SplitError`], with the batch as it was; nothing was queued then.
    pub fn split(
        &self,
        mut batch: Batch<InFlight>,
        now: Instant,
    ) -> Result<(Batch<InFlight>, Outcome), Box<Unsplit>> {
        let parts = match self.repack(&batch, now) {
            Ok(parts) => parts,
            Err(error) => return Err(Box::new(Unsplit { batch, error })),
        };
        batch.note_too_large();
        let (mut outcome, mut closed) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        let mut first_index = 0;
        for part in parts {
            let (part, batch_of_part) = part.close(&mut batch, first_index);
            first_index += batch_of_part.record_count();
            outcome.push(part);
            closed.push(batch_of_part);
        }
        self.queue_parts(&batch, closed);
        Ok((batch, Outcome::Split(outcome)))
    }

    fn repack(&self, batch: &Batch<InFlight>, now: Instant) -> Result<Vec<Part>, SplitError> {
        if batch.record_count() < 2 {
            return Err(SplitError::OneRecord);
        }
        let raw = batch.raw_size();
        // Two copies while it is read back: the batch in one piece, and its records without compression.
        let _counted = self.pool.reserve_over(batch.wire_size() + raw);
        let records = batch.read_back()?;
        let format_overhead = self.format_overhead();
        let room = self.part_size(batch, &records, format_overhead)?;
        let mut packing = Packing { room, surcharge: format_overhead.surcharge, parts: Vec::new() };
        for (index, record) in (0..).zip(records.iter()) {
            packing.add(self, batch, now, index, &record?)?;
        }
        Ok(packing.parts)
    }

    /// Record bytes that one part may hold.
    fn part_size(
        &self,
        batch: &Batch<InFlight>,
        records: &DecodedRecords,
        format_overhead: FormatOverhead,
    ) -> Result<usize, ProtocolError> {
        let raw = batch.raw_size() + batch.record_count() as usize * format_overhead.surcharge;
        let room = self.settings.batch_size.saturating_sub(format_overhead.header);
        if !batch.is_split_product() && raw > room {
            return Ok(room);
        }
        let mut largest = 0;
        for record in records.iter() {
            let record = record?;
            let headers: Vec<HeaderRef<'_>> = record.headers.iter().collect();
            largest = largest.max(size_alone(&borrowed(&record, &headers)) + format_overhead.surcharge);
        }
        Ok(largest.max(raw / 2))
    }

    fn queue_parts(&self, batch: &Batch<InFlight>, parts: Vec<Batch<Closed>>) {
        let Some(queue) = self.topics.queue(batch.queue()) else { return };
        let to_seal = if self.settings.seals_on_workers() { parts.len() } else { 0 };
        if queue.put_parts(parts) {
            self.announcements.look_again_at(queue.index());
        }
        (0..to_seal).for_each(|_| self.sealing.push(queue.index()));
    }
}

struct Packing {
    /// Record bytes of one part, each record with its surcharge.
    room: usize,
    surcharge: usize,
    parts: Vec<Part>,
}

impl Packing {
    fn add(
        &mut self,
        accumulator: &Accumulator,
        batch: &Batch<InFlight>,
        now: Instant,
        index: u32,
        record: &Record<'_>,
    ) -> Result<(), SplitError> {
        let headers: Vec<HeaderRef<'_>> = record.headers.iter().collect();
        let record = borrowed(record, &headers);
        let (room, surcharge) = (self.room, self.surcharge);
        let fits = |part: &&mut Part| part.fits(&record, room, surcharge);
        let part = match self.parts.last_mut().filter(fits) {
            Some(part) => part,
            None => {
                let size = size_alone(&record).max(self.room.min(batch.raw_size()));
                let page = accumulator.pool.allocate_over(size)?;
                self.parts.push(Part::of(batch, now, index, page));
                let last = self.parts.len() - 1;
                &mut self.parts[last]
            }
        };
        part.append(&record)?;
        Ok(())
    }
}

fn borrowed<'a>(record: &Record<'a>, headers: &'a [HeaderRef<'a>]) -> RecordRef<'a> {
    RecordRef { timestamp: record.timestamp, key: record.key, value: record.value, headers }
}

/// What a record takes as the first of its batch.
fn size_alone(record: &RecordRef<'_>) -> usize {
    RecordEncoder::new().record_size(record)
}

#[cfg(test)]
mod tests;
