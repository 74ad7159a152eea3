//! What was decided about a record's partition.

use kp_protocol::PartitionId;

/// Where a record is to go. Decided once, before the append: by the record itself, by the user's [`Partitioner`], or else by
/// [`Accumulator::target`].
///
/// [`Partitioner`]: crate::Partitioner
/// [`Accumulator::target`]: crate::Accumulator::target
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this partition, however many the topic has: the record names it (PA1), a partitioner chose it (PA2), or it is that
    /// partition's turn (PA13).
    Partition(PartitionId),
    /// To the partition of its key among those that the topic had when this was decided (PA3).
    Keyed(PartitionId),
    /// To the partition that unkeyed records go to at the moment of the append (PA5).
    Sticky,
}

impl Target {
    /// Whether to keep it when the append is tried again with newer metadata. The partition of a key is to be asked for anew,
    /// since it goes by how many partitions there are; a turn counts, and a user's partitioner is asked once for a record.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Partition(_))
    }
}
