//! The next batch of a partition as the gate of a drain sees it: plain values, borrowed for the question.

use kp_protocol::{BatchIdentity, TopicPartition};
use std::time::Instant;

/// The batch that a drain would send, as its [`DrainGate`](crate::DrainGate) sees it.
#[derive(Clone, Copy, Debug)]
pub struct HeadBatch<'a> {
    /// The partition.
    pub partition: &'a TopicPartition,
    /// Its records: what a sequence advances by.
    pub records: u32,
    /// Bytes on the wire, header included, in the format that [`Accumulator::set_record_format`] was told.
    ///
    /// [`Accumulator::set_record_format`]: crate::Accumulator::set_record_format
    pub wire_size: usize,
    /// How often it was sent already.
    pub attempts: u32,
    /// The identity it was sent under, if it was (AC22).
    pub identity: Option<BatchIdentity>,
    /// Whether the outcome of an earlier attempt is unknown.
    pub ever_unknown: bool,
    /// When its first record was appended.
    pub created: Instant,
}
