//! Who wrote a batch: producer id, epoch and sequence (KIP-98), and how many acknowledgements it asks for.

use std::fmt;

/// A producer's id and epoch, as a broker hands them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdentity {
    /// The producer id, 0 or more.
    pub producer_id: i64,
    /// Its epoch, 0 or more.
    pub epoch: i16,
}

/// The number of a batch's first record within its partition and producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub i32);

impl Sequence {
    /// The number a producer starts with.
    pub const FIRST: Self = Self(0);

    /// The number `records` further on. Wraps to 0 after `i32::MAX`, as the broker counts (KIP-98).
    ///
    /// ```
    /// use kp_protocol::Sequence;
    /// assert_eq!(Sequence(i32::MAX).advance(1), Sequence(0));
    /// ```
    #[must_use]
    pub fn advance(self, records: u32) -> Self {
        let sum = i64::from(self.0) + i64::from(records);
        Self((sum % (i64::from(i32::MAX) + 1)) as i32)
    }

    /// The number `records` before; the inverse of [`advance`](Self::advance).
    #[must_use]
    pub fn retreat(self, records: u32) -> Self {
        let modulus = i64::from(i32::MAX) + 1;
        Self((i64::from(self.0) - i64::from(records)).rem_euclid(modulus) as i32)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What makes a batch recognisable to a broker: who wrote it, and the number of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchIdentity {
    /// The producer.
    pub producer: ProducerIdentity,
    /// The number of the batch's first record.
    pub base_sequence: Sequence,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
}

/// How many acknowledgements make a record "sent" (the key `acks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Acks {
    /// `0`: none; there is no response at all.
    None,
    /// `1`: the leader's alone.
    Leader,
    /// `all` or `-1`: every in-sync replica's.
    #[default]
    All,
}

impl Acks {
    /// The number on the wire: 0, 1 or −1.
    #[must_use]
    pub fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_wraps_to_zero_both_ways() {
        // BB18, ID3
        assert_eq!(Sequence(i32::MAX).advance(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).advance(5), Sequence(3));
        assert_eq!(Sequence(0).retreat(1), Sequence(i32::MAX));
        assert_eq!(Sequence(3).retreat(5), Sequence(i32::MAX - 1));
        assert_eq!(Sequence(7).advance(9).retreat(9), Sequence(7));
    }
}
