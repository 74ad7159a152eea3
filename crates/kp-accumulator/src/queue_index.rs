//! The number of a queue: what appenders, workers and the driver pass to each other in place of the queue itself.

/// The number of a partition's queue within its accumulator; it is never given to another (AC1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueIndex(pub u32);
