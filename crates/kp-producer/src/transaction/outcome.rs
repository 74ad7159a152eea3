//! What the end of a transaction says when it went well, and in one word whatever it said.

use std::time::Duration;

/// A transaction whose records are all visible, and whose offsets are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// How many records it has.
    pub records: u64,
    /// How many partitions have some of them.
    pub partitions: usize,
    /// For how many groups it committed offsets.
    pub groups: usize,
    /// The producer epoch it was committed under.
    pub epoch: i16,
    /// From the call of `commit` to its answer.
    pub took: Duration,
}

/// A transaction of which nothing will ever be visible to readers with `isolation.level=read_committed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aborted {
    /// How many records were accepted in it.
    pub discarded: u64,
    /// How many of these brokers had acknowledged: they are in the log, and marked as aborted.
    pub in_log: u64,
    /// From the call of `abort` to its answer.
    pub took: Duration,
}

/// What became of a transaction, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionOutcome {
    /// All of it is visible.
    Committed,
    /// Nothing of it is or will be visible.
    Aborted,
    /// All or nothing of it is visible; which of the two is still being asked.
    Unresolved,
    /// All or nothing of it is visible, and no broker will ever tell this producer which.
    Unknown,
}
