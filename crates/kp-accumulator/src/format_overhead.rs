//! Sizes of records as the format of their leader has them. A batch is always built as v2, so they go by its bytes.

use kp_protocol::records::{BATCH_HEADER_SIZE, MessageFormat};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The least bytes that a record takes in a batch besides key and value: length, attributes, time, offset, two lengths
/// and the count of headers, one byte each.
const LEAST_OVERHEAD: usize = 7;

/// How many bytes records take in a format, going by what they take in a v2 batch. A little too much where lengths and
/// offsets of the batch are longer than one byte, never too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormatOverhead {
    /// Bytes in front of all records.
    pub(crate) header: usize,
    /// What each record takes more than in a batch.
    pub(crate) surcharge: usize,
}

impl FormatOverhead {
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

/// The magic of batches.
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
    pub(crate) fn set(&self, format: Option<MessageFormat>) {
        self.0.store(format.map_or(BATCHES, |format| format.magic() as u8), Relaxed);
    }

    pub(crate) fn get(&self) -> Option<MessageFormat> {
        match self.0.load(Relaxed) {
            0 => Some(MessageFormat::V0),
            1 => Some(MessageFormat::V1),
            _ => None,
        }
    }
}
