//! A batch that takes records. Touched under its queue's lock only: this is the hot path.

use super::closed::Pages;
use super::{Batch, Closed, Core, Notify};
use crate::measure::Measure;
use crate::partition_queue::Home;
use crate::settings::AccumulatorSettings;
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

/// How much a batch may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLimits {
    /// Wire bytes for records: `batch.size` without the header that its format has, and without the surcharge of the
    /// record that asks.
    room: usize,
    /// Raw record bytes at which it is full.
    full_at: usize,
    /// What that was when the batch was opened.
    first_full_at: usize,
    /// Bytes on the wire that all this comes to.
    wire: usize,
    /// Raw bytes per wire byte by the estimate with its safety; `None` without a codec, where both are the same.
    raw_per_wire: Option<f64>,
    /// Raw bytes never exceeded from the second record on.
    max_raw: usize,
    /// Bytes that each record counts more than it takes here, for brokers of an older format; otherwise 0.
    surcharge: usize,
}

/// What came of trying to append.
#[derive(Debug)]
pub(crate) enum Room {
    /// Appended; so many bytes.
    Taken(usize),
    /// The batch is full: no more records.
    Full,
    /// The batch has room, its page does not: a page of at least so many bytes is needed.
    NeedsPage(usize),
}

impl OpenLimits {
    /// Limits of a batch that reaches `batch.size` on the wire by `ratio`, an estimate with its safety included (BB3).
    pub(crate) fn of(settings: &AccumulatorSettings, ratio: Option<f32>, measure: Measure) -> Self {
        let raw_per_wire = ratio.map(|ratio| 1.0 / f64::from(ratio.max(f32::MIN_POSITIVE)));
        Self::new(settings.batch_size, settings.max_raw(), raw_per_wire, measure)
    }

    fn new(wire: usize, max_raw: usize, raw_per_wire: Option<f64>, measure: Measure) -> Self {
        let room = wire.saturating_sub(measure.header);
        let full_at =
            raw_per_wire.map_or(room, |raw_per_wire| ((room as f64 * raw_per_wire) as usize).min(max_raw));
        // What asks for room is a record without its surcharge, so that goes off here, once.
        let without = |bytes: usize| bytes.saturating_sub(measure.surcharge);
        Self {
            room: without(room),
            full_at,
            first_full_at: full_at,
            wire,
            raw_per_wire,
            max_raw: without(max_raw),
            surcharge: measure.surcharge,
        }
    }

    /// The same with another `batch.size` of room, at most `most` altogether; `None` if that is no more.
    fn grown(&self, settings: &AccumulatorSettings, most: usize, measure: Measure) -> Option<Self> {
        let wire = self.wire.saturating_add(settings.batch_size).min(most);
        // What is compressed was eight batches already: more would take its worker longer than a round trip.
        let max_raw = if settings.compresses() { settings.max_raw() } else { wire };
        let grown = Self::new(wire, max_raw, self.raw_per_wire, measure);
        (grown.full_at > self.full_at).then_some(Self { first_full_at: self.first_full_at, ..grown })
    }

    /// Whether `size` more fit behind `counted` bytes (BB2): the new record counts in full, the others by the estimate.
    #[inline(always)]
    fn has_room(&self, counted: usize, size: usize) -> bool {
        match self.raw_per_wire {
            None => counted + size <= self.room,
            Some(raw_per_wire) => {
                size <= self.room
                    && counted as f64 <= (self.room - size) as f64 * raw_per_wire
                    && counted + size <= self.max_raw
            }
        }
    }
}

impl Batch<Open> {
    /// A batch whose first record goes to `page`.
    pub(crate) fn open(home: Arc<Home>, created: Instant, page: Buffer, limits: OpenLimits) -> Self {
        let state = Open { page, full_pages: Pages::new(), counted: 0, limits };
        let spare = home.topic.spares.upgrade().and_then(|spares| Some((spares.core()?, spares)));
        let core = match spare {
            Some((mut core, spares)) => {
                core.renew(home, created, Arc::clone(spares.blank()));
                core
            }
            None => Box::new(Core::new(home, created)),
        };
        Self { core, state }
    }

    /// Appends `record` if it fits, with the help of the page in `spare` if that is needed.
    #[inline(always)]
    pub(crate) fn try_append(
        &mut self,
        record: &RecordRef<'_>,
        spare: &mut Option<Buffer>,
    ) -> Result<Room, ProtocolError> {
        let (core, state) = (&mut *self.core, &mut self.state);
        if record.headers.is_empty() {
            // A bound that costs nothing decides for all but the last record of a page.
            let bound =
                MAX_OVERHEAD + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            if bound <= state.page.spare() && state.limits.has_room(state.counted, bound) {
                let written = core.records.append(record, state.page.vec_mut())?;
                state.counted += written + state.limits.surcharge;
                return Ok(Room::Taken(written));
            }
        }
        let size = core.records.record_size(record);
        // BB1: the first record is taken whatever its size.
        if !core.records.is_empty() && !state.limits.has_room(state.counted, size) {
            return Ok(Room::Full);
        }
        if size > state.page.spare() {
            if spare.as_ref().is_none_or(|page| page.spare() < size) {
                return Ok(Room::NeedsPage(size));
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
        Ok(Room::Taken(written))
    }

    /// The last record is to be noted for a callback or token. As [`Callbacks::push`].
    #[inline]
    pub(crate) fn notify(&mut self, notify: Notify) -> bool {
        let core = &mut *self.core;
        core.callbacks.push(&core.home, core.records.count() - 1, notify)
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
    pub(crate) fn grow(&mut self, settings: &AccumulatorSettings, most: usize, measure: Measure) -> bool {
        let grown = self.state.limits.grown(settings, most, measure);
        self.state.limits = grown.unwrap_or(self.state.limits);
        grown.is_some()
    }

    /// Whether it holds more than `batch.size`, so that nobody waits for it to become full.
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
