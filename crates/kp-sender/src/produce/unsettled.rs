//! The batches that were taken out of their queues and have no outcome yet, partition by partition, and the outcomes that
//! wait for an earlier one.
//!
//! Callers are promised outcomes in the order in which a partition accepted their records. With several batches of it
//! under way, a later one can end first: its settlement waits here until every earlier one has ended.
//! Owner: the sender of batches. Bounded: what is held was in flight beside the batch that it waits for.

use crate::Settlement;
use crate::by_queue::ByQueue;
use kp_accumulator::{Batch, BatchPlace, InFlight, QueueIndex, SplitPart};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// What the sender core keeps of all partitions.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    partitions: ByQueue<Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    /// Taken and not ended, in the order of acceptance.
    open: SmallVec<[Open; 5]>,
    /// Ended, and later than a batch that is not; in the order of acceptance.
    held: VecDeque<(BatchPlace, Settlement)>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    place: BatchPlace,
    has_followed_hint: bool,
}

impl Unsettled {
    /// A batch was taken to be sent, for the first time or again.
    pub(crate) fn taken(&mut self, batch: &Batch<InFlight>) {
        let partition = self.partitions.get_or_insert_with(batch.queue(), Partition::default);
        partition.open(batch.place());
    }

    /// Parts stand in the place of the batch that was split.
    pub(crate) fn split(&mut self, batch: &Batch<InFlight>, parts: &[SplitPart]) {
        let Some(partition) = self.partitions.get_mut(batch.queue()) else { return };
        partition.open.retain(|open| open.place != batch.place());
        for part in parts {
            partition.open(batch.place().of_part(part.first_index));
        }
    }

    /// Whether a batch may go to a newer leader without a backoff. Each may once: a broker that goes on naming leaders would
    /// be asked without a pause otherwise (KIP-951 with KIP-580).
    pub(crate) fn may_follow_hint(&self, batch: &Batch<InFlight>) -> bool {
        let partition = self.partitions.get(batch.queue());
        let open = partition.and_then(|partition| partition.open.iter().find(|o| o.place == batch.place()));
        open.is_none_or(|open| !open.has_followed_hint)
    }

    /// It goes to a newer leader at once.
    pub(crate) fn follows_hint(&mut self, batch: &Batch<InFlight>) {
        if let Some(partition) = self.partitions.get_mut(batch.queue()) {
            let same = partition.open.iter_mut().filter(|open| open.place == batch.place());
            same.for_each(|open| open.has_followed_hint = true);
        }
    }

    /// A batch has its outcome. Hands out every settlement that waits for no earlier batch any more, in order.
    pub(crate) fn ended(
        &mut self,
        queue: QueueIndex,
        place: BatchPlace,
        settlement: Settlement,
        mut hand_out: impl FnMut(Settlement),
    ) {
        let Some(partition) = self.partitions.get_mut(queue) else { return hand_out(settlement) };
        partition.open.retain(|open| open.place != place);
        if partition.held.is_empty() && !partition.has_earlier_than(place) {
            return hand_out(settlement);
        }
        let index = partition.held.partition_point(|(held, _)| *held < place);
        partition.held.insert(index, (place, settlement));
        while let Some((place, _)) = partition.held.front()
            && !partition.has_earlier_than(*place)
            && let Some((_, settlement)) = partition.held.pop_front()
        {
            hand_out(settlement);
        }
    }
}

impl Partition {
    fn open(&mut self, place: BatchPlace) {
        let index = self.open.partition_point(|open| open.place < place);
        if self.open.get(index).is_none_or(|open| open.place != place) {
            self.open.insert(index, Open { place, has_followed_hint: false });
        }
    }

    fn has_earlier_than(&self, place: BatchPlace) -> bool {
        self.open.first().is_some_and(|open| open.place < place)
    }
}
