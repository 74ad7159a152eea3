//! How much an open batch may take, by the settings and by how well its topic compresses. Asked for each record.

use crate::format_overhead::FormatOverhead;

/// How large the settings let a batch become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSize {
    /// Bytes on the wire at which it is full: `batch.size`.
    pub(crate) wire: usize,
    /// The most raw record bytes in a batch that does not grow, a single larger record aside.
    pub(crate) max_raw: usize,
    pub(crate) is_compressed: bool,
}

/// How much a batch may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLimits {
    /// Wire bytes for records: `batch.size` without the header that its format has, and without the surcharge of the
    /// record that asks.
    room: usize,
    /// Raw record bytes at which it is full.
    pub(super) full_at: usize,
    /// What that was when the batch was opened.
    pub(super) first_full_at: usize,
    /// Bytes on the wire that all this comes to.
    wire: usize,
    /// Raw bytes per wire byte by the estimate with its safety; `None` without a codec, where both are the same.
    raw_per_wire: Option<f64>,
    /// Raw bytes never exceeded from the second record on.
    max_raw: usize,
    /// Bytes that each record counts more than it takes here, for brokers of an older format; otherwise 0.
    pub(super) surcharge: usize,
}

impl OpenLimits {
    /// Limits of a batch that reaches `batch.size` on the wire by `ratio`, an estimate with its safety included (BB3).
    pub(crate) fn of(size: BatchSize, ratio: Option<f32>, format_overhead: FormatOverhead) -> Self {
        let raw_per_wire = ratio.map(|ratio| 1.0 / f64::from(ratio.max(f32::MIN_POSITIVE)));
        Self::new(size.wire, size.max_raw, raw_per_wire, format_overhead)
    }

    fn new(wire: usize, max_raw: usize, raw_per_wire: Option<f64>, format_overhead: FormatOverhead) -> Self {
        let room = wire.saturating_sub(format_overhead.header);
        let full_at =
            raw_per_wire.map_or(room, |raw_per_wire| ((room as f64 * raw_per_wire) as usize).min(max_raw));
        // What asks for room is a record without its surcharge, so that goes off here, once.
        let without = |bytes: usize| bytes.saturating_sub(format_overhead.surcharge);
        Self {
            room: without(room),
            full_at,
            first_full_at: full_at,
            wire,
            raw_per_wire,
            max_raw: without(max_raw),
            surcharge: format_overhead.surcharge,
        }
    }

    /// The same with another `batch.size` of room, at most `most` altogether; `None` if that is no more.
    pub(super) fn grown(
        &self,
        size: BatchSize,
        most: usize,
        format_overhead: FormatOverhead,
    ) -> Option<Self> {
        let wire = self.wire.saturating_add(size.wire).min(most);
        // What is compressed was eight batches already: more would take its worker longer than a round trip.
        let max_raw = if size.is_compressed { size.max_raw } else { wire };
        let grown = Self::new(wire, max_raw, self.raw_per_wire, format_overhead);
        (grown.full_at > self.full_at).then_some(Self { first_full_at: self.first_full_at, ..grown })
    }

    /// Whether `size` more fit behind `counted` bytes (BB2): the new record counts in full, the others by the estimate.
    #[inline(always)]
    pub(super) fn has_room(&self, counted: usize, size: usize) -> bool {
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
