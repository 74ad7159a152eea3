//! Which record format sizes are counted in. A batch is always built as v2; a cluster of old brokers gets a conversion
//! of it, in which a record takes more bytes, so that a batch and a request hold fewer of them.
//! Set by the driver when the cluster's versions become known, read when a batch opens or is drained.

use crate::accumulator::Accumulator;
use kp_protocol::records::{BATCH_HEADER_SIZE, MessageFormat};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The least bytes that a record takes in a batch besides key and value: length, attributes, time, offset, two lengths
/// and the count of headers, one byte each.
const LEAST_OVERHEAD: usize = 7;

const BATCHES: u8 = 2;

/// The format as a number that threads share.
#[derive(Debug)]
pub(crate) struct FormatCell(AtomicU8);

impl Default for FormatCell {
    fn default() -> Self {
        Self(AtomicU8::new(BATCHES))
    }
}

impl FormatCell {
    pub(crate) fn get(&self) -> Option<MessageFormat> {
        match self.0.load(Relaxed) {
            0 => Some(MessageFormat::V0),
            1 => Some(MessageFormat::V1),
            _ => None,
        }
    }
}

/// How many bytes records take in a format, going by what they take in a v2 batch. A little too much where lengths and
/// offsets of the batch are longer than one byte, never too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Bytes in front of all records.
    pub(crate) header: usize,
    /// What each record takes more than in a batch.
    pub(crate) surcharge: usize,
}

impl Measure {
    pub(crate) fn of(format: Option<MessageFormat>) -> Self {
        match format {
            None => Self { header: BATCH_HEADER_SIZE, surcharge: 0 },
            Some(format) => Self { header: 0, surcharge: format.overhead() - LEAST_OVERHEAD },
        }
    }

    /// Wire bytes of `records` that take `raw` bytes in a batch before compression and `payload` as they are: a
    /// compressed conversion grows like the records in it.
    pub(crate) fn wire_size(self, records: u32, raw: usize, payload: usize) -> usize {
        let more = records as usize * self.surcharge;
        let more = if payload < raw { more * payload / raw } else { more };
        self.header + payload + more
    }
}

impl Accumulator {
    /// Counts the sizes of records as this older format has them, or as batches have them (`None`, the beginning): in
    /// the room of batches that open from now on, in `max.request.size` at a drain, in the parts of a split. While it
    /// is an older one, records with headers are refused
    /// ([`AppendError::HeadersNotInFormat`](crate::AppendError::HeadersNotInFormat)).
    ///
    /// For the driver, whenever it learns what the brokers of the cluster have in common: the newest format that all of
    /// them take. It may be changed at any time.
    pub fn set_record_format(&self, format: Option<MessageFormat>) {
        self.format.0.store(format.map_or(BATCHES, |format| format.magic() as u8), Relaxed);
    }

    /// The older format that sizes are counted in; `None` for batches. What checks the size of a single record must
    /// count [`MessageFormat::overhead`] bytes besides key and value.
    #[must_use]
    pub fn record_format(&self) -> Option<MessageFormat> {
        self.format.get()
    }

    pub(crate) fn measure(&self) -> Measure {
        Measure::of(self.format.get())
    }
}

#[cfg(test)]
mod tests;
