//! The order of batches in their partition, also of those that were split.

use crate::incomplete::BatchNumber;

/// Where a batch stands among those of its partition: earlier places hold records that were accepted earlier. The number that
/// the batch was opened under, and for a part of a split the index of its first record in that batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchPlace(BatchNumber, u32);

impl BatchPlace {
    /// The place of a batch that was opened under this number.
    pub(super) fn of(number: BatchNumber) -> Self {
        Self(number, 0)
    }

    /// The number that the batch, or the one that it is a part of, was opened under.
    pub(super) fn number(self) -> BatchNumber {
        self.0
    }

    /// The place of a part of this batch that begins with its record `first_index`.
    #[must_use]
    pub fn of_part(self, first_index: u32) -> Self {
        Self(self.0, self.1 + first_index)
    }
}
