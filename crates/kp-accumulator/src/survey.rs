//! What waits, and what the accumulator itself knows of why: for people who ask why nothing goes out. Takes each
//! queue's lock for a moment; nothing on the way of a record looks here.

use crate::accumulator::Accumulator;
use crate::partition_queue::{Head, PartitionQueue, Slot};
use crate::queue_index::QueueIndex;
use kp_protocol::TopicPartition;
use std::time::Instant;

/// One partition's queue, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSurvey {
    /// Its number.
    pub queue: QueueIndex,
    /// Whose it is.
    pub partition: TopicPartition,
    /// Batches that wait, the open one included.
    pub batches: usize,
    /// Records in them; those of a batch that is being compressed are not counted.
    pub records: u64,
    /// Bytes of those records, compressed where they are.
    pub bytes: usize,
    /// When the first record of the oldest batch was appended.
    pub oldest: Option<Instant>,
    /// What its head waits for.
    pub head: HeadSurvey,
}

/// What the first batch of a queue waits for, as far as the queue knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadSurvey {
    /// There is none.
    Empty,
    /// Company, until then (`linger.ms`).
    Lingering(Instant),
    /// A worker that compresses it.
    Compressing,
    /// A failed attempt is not to be repeated before this (`retry.backoff.ms`).
    BackingOff(Instant),
    /// The answer to the batch of its partition that is in flight: one at a time (SN7).
    Muted,
    /// Nothing here: it may be taken.
    Ready,
}

impl Accumulator {
    /// Every partition for which something waits, in the order in which they were first used.
    #[must_use]
    pub fn survey(&self, now: Instant) -> Vec<QueueSurvey> {
        let mut queues = Vec::new();
        self.topics.copy_new_queues(&mut queues);
        queues.iter().filter_map(|queue| self.survey_of(queue, now)).collect()
    }

    fn survey_of(&self, queue: &PartitionQueue, now: Instant) -> Option<QueueSurvey> {
        let state = queue.state.lock();
        if state.is_empty() {
            return None;
        }
        let (mut records, mut bytes, mut oldest) = (0u64, 0, None::<Instant>);
        let mut add = |count: u32, size: usize, created: Instant| {
            records += u64::from(count);
            bytes += size;
            oldest = Some(oldest.map_or(created, |oldest| oldest.min(created)));
        };
        for slot in &state.closed {
            match slot {
                Slot::Closed(batch) => add(batch.record_count(), batch.raw_size(), batch.created()),
                Slot::Sealed(batch) => add(batch.record_count(), batch.payload().size(), batch.created()),
                Slot::Sealing(_) => add(0, 0, slot.age().created),
            }
        }
        if let Some(open) = &state.open {
            add(open.record_count(), open.size(), open.created());
        }
        let head = match state.head(now, self.is_urgent(), &self.settings) {
            _ if state.is_muted() => HeadSurvey::Muted,
            Head::Ready => HeadSurvey::Ready,
            Head::Lingering(until) => HeadSurvey::Lingering(until),
            Head::BackingOff(until, _) => HeadSurvey::BackingOff(until),
            Head::Quiet => HeadSurvey::Compressing,
        };
        let batches = state.closed.len() + usize::from(state.open.is_some());
        let partition = queue.context.topic_partition.clone();
        Some(QueueSurvey { queue: queue.index(), partition, batches, records, bytes, oldest, head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MS, Room, settings};

    fn heads(room: &Room) -> Vec<HeadSurvey> {
        room.accumulator.survey(room.now()).into_iter().map(|survey| survey.head).collect()
    }

    #[test]
    fn a_survey_counts_what_waits_and_says_what_its_head_waits_for() {
        let room = Room::new(settings(), &[0, 0]);
        assert_eq!(room.accumulator.survey(room.now()), []);
        let started = room.now();
        room.send(1, b"one");
        room.pass(1);
        room.send(1, b"two");
        let survey = room.accumulator.survey(room.now()).remove(0);
        assert_eq!(survey.partition, TopicPartition::new("t", 1));
        assert_eq!((survey.batches, survey.records, survey.oldest), (1, 2, Some(started)));
        assert!(survey.bytes > 6, "{}", survey.bytes);
        assert_eq!(survey.head, HeadSurvey::Lingering(started + MS(10)));
        room.pass(9);
        assert_eq!(heads(&room), [HeadSurvey::Ready]);
        let drained = room.turn(0).remove(0);
        assert_eq!(heads(&room), [], "what is in flight does not wait");
        room.accumulator.mute(drained.queue);
        room.send(1, b"three");
        assert_eq!(heads(&room), [HeadSurvey::Muted]);
        room.accumulator.unmute(drained.queue);
        let at = room.now() + MS(50);
        room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), Some(at));
        assert_eq!(heads(&room), [HeadSurvey::BackingOff(at)]);
        room.pass(50);
        Room::acknowledge(room.turn(0), 0);
        Room::acknowledge(room.turn(0), 1);
    }
}
