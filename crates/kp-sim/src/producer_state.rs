//! What a partition remembers of each idempotent producer, and the sequence check before an append (KIP-98).
//! Owns: epochs and the last five batches by producer id. Touched by `produce.rs` only.
//!
//! The rules are those a real broker was seen to follow: it compares numbers, never content; it takes any first
//! sequence of a producer it does not know; and it forgets a batch once five newer ones are there.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use kp_protocol::records::BatchHeader;
use kp_protocol::{ErrorCode, ProducerIdentity, Sequence};

use crate::log::PartitionLog;

/// How many batches of a producer a partition remembers (Kafka: `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub(crate) const WINDOW: usize = 5;

/// A batch that was appended, as far as a duplicate is recognised by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppendedBatch {
    pub(crate) first_sequence: Sequence,
    pub(crate) last_sequence: Sequence,
    pub(crate) base_offset: i64,
    /// The batch's largest timestamp, which a duplicate is answered as its append time.
    pub(crate) timestamp_ms: i64,
}

impl AppendedBatch {
    /// Of a batch in a log; `None` if it has no producer.
    fn of(header: &BatchHeader) -> Option<(ProducerIdentity, Self)> {
        let identity = header.identity()?;
        let last_sequence = identity.base_sequence.advance(header.last_offset_delta as u32);
        let batch = Self {
            first_sequence: identity.base_sequence,
            last_sequence,
            base_offset: header.base_offset,
            timestamp_ms: header.max_timestamp.0,
        };
        Some((identity.producer, batch))
    }
}

#[derive(Clone, Debug)]
struct ProducerEntry {
    epoch: i16,
    /// Oldest first; never more than [`WINDOW`], and empty only after a marker that came with a new epoch.
    batches: VecDeque<AppendedBatch>,
    /// Of the last marker.
    coordinator_epoch: Option<i32>,
    /// When it appended last; `None` after the state was rebuilt from the log.
    last_append: Option<Instant>,
}

/// What a partition knows of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownProducer {
    pub(crate) producer: ProducerIdentity,
    /// Of its last record under this epoch.
    pub(crate) last_sequence: Option<Sequence>,
    /// The time of its last batch under this epoch, −1 without one.
    pub(crate) last_timestamp_ms: i64,
    /// Of the last marker.
    pub(crate) coordinator_epoch: Option<i32>,
}

/// What to do with a batch that carries a producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    /// It is there already: answer with this batch's offset.
    Duplicate(AppendedBatch),
    Refuse(ErrorCode),
}

/// The producers one partition knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerStates {
    entries: BTreeMap<i64, ProducerEntry>,
}

impl ProducerStates {
    /// Judges the batch `first ..= last` of `producer`. Changes nothing.
    pub(crate) fn judge(&self, producer: ProducerIdentity, first: Sequence, last: Sequence) -> Verdict {
        let Some(entry) = self.entries.get(&producer.producer_id) else {
            return Verdict::Append;
        };
        if producer.epoch < entry.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if producer.epoch > entry.epoch {
            return if first == Sequence::FIRST {
                Verdict::Append
            } else {
                Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
            };
        }
        let same = |batch: &&AppendedBatch| batch.first_sequence == first && batch.last_sequence == last;
        if let Some(duplicate) = entry.batches.iter().find(same) {
            return Verdict::Duplicate(*duplicate);
        }
        match entry.batches.back() {
            Some(newest) if newest.last_sequence.advance(1) == first => Verdict::Append,
            None if first == Sequence::FIRST => Verdict::Append,
            _ => Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        }
    }

    /// Whether it has appended here, or a marker of it was, and was not forgotten.
    pub(crate) fn knows(&self, producer: ProducerIdentity) -> bool {
        self.entries.contains_key(&producer.producer_id)
    }

    /// The epoch that a producer id has here.
    pub(crate) fn epoch(&self, producer_id: i64) -> Option<i16> {
        Some(self.entries.get(&producer_id)?.epoch)
    }

    /// A marker, or a group's offsets: the producer has this epoch from now on, and another one begins at 0 again.
    pub(crate) fn take_epoch(
        &mut self,
        now: Option<Instant>,
        producer: ProducerIdentity,
        coordinator_epoch: Option<i32>,
    ) {
        let entry = self.entry(now, producer);
        entry.coordinator_epoch = coordinator_epoch.or(entry.coordinator_epoch);
    }

    /// Remembers a batch that was appended.
    pub(crate) fn remember(
        &mut self,
        now: Option<Instant>,
        producer: ProducerIdentity,
        batch: AppendedBatch,
    ) {
        let entry = self.entry(now, producer);
        if entry.batches.len() == WINDOW {
            entry.batches.pop_front();
        }
        entry.batches.push_back(batch);
    }

    /// What is known of the producer, under this epoch from now on.
    fn entry(&mut self, now: Option<Instant>, producer: ProducerIdentity) -> &mut ProducerEntry {
        let entry = self.entries.entry(producer.producer_id).or_insert_with(|| ProducerEntry {
            epoch: producer.epoch,
            batches: VecDeque::with_capacity(WINDOW),
            coordinator_epoch: None,
            last_append: now,
        });
        entry.last_append = now.or(entry.last_append);
        if entry.epoch != producer.epoch {
            entry.epoch = producer.epoch;
            entry.batches.clear();
        }
        entry
    }

    /// Forgets all producers, as after `producer.id.expiration.ms` or a restart that lost its snapshot.
    pub(crate) fn forget_all(&mut self) {
        self.entries.clear();
    }

    /// Forgets producers that have not appended for `idle` (`producer.id.expiration.ms`).
    pub(crate) fn forget_idle(&mut self, now: Instant, idle: Duration) {
        self.entries.retain(|_, entry| {
            entry.last_append.is_some_and(|last| now.saturating_duration_since(last) < idle)
        });
    }

    /// Unlearns the batches from `offset` on, which are gone from `log`: an earlier epoch or window comes back.
    pub(crate) fn truncate_to(&mut self, offset: i64, log: &PartitionLog) {
        let mut rebuilt = Self::default();
        for batch in log.batches() {
            let header = batch.header();
            if let Some((producer, appended)) = AppendedBatch::of(header) {
                rebuilt.remember(None, producer, appended);
            } else if header.attributes.is_control() && header.producer_id >= 0 {
                let (producer_id, epoch) = (header.producer_id, header.producer_epoch);
                rebuilt.take_epoch(None, ProducerIdentity { producer_id, epoch }, None);
            }
        }
        for (id, mut known) in std::mem::take(&mut self.entries) {
            known.batches.retain(|batch| batch.base_offset < offset);
            let entry = match rebuilt.entries.remove(&id) {
                Some(from_log) => ProducerEntry {
                    last_append: known.last_append,
                    coordinator_epoch: known.coordinator_epoch,
                    ..from_log
                },
                // Retention took its batches; what is left of the window is what snapshots would hold.
                None if !known.batches.is_empty() => known,
                None => continue,
            };
            self.entries.insert(id, entry);
        }
    }

    /// What is known of each producer, by its id.
    pub(crate) fn known(&self) -> impl Iterator<Item = KnownProducer> + '_ {
        self.entries.iter().map(|(producer_id, entry)| {
            let newest = entry.batches.back();
            KnownProducer {
                producer: ProducerIdentity { producer_id: *producer_id, epoch: entry.epoch },
                last_sequence: newest.map(|batch| batch.last_sequence),
                last_timestamp_ms: newest.map_or(-1, |batch| batch.timestamp_ms),
                coordinator_epoch: entry.coordinator_epoch,
            }
        })
    }

    /// How many producers are known.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ProducerIdentity = ProducerIdentity { producer_id: 9, epoch: 0 };

    /// A partition that has taken the batches of `counts` records each from `first` on.
    fn after(producer: ProducerIdentity, first: i32, counts: &[u32]) -> ProducerStates {
        let mut states = ProducerStates::default();
        let mut sequence = Sequence(first);
        for (place, count) in counts.iter().enumerate() {
            let last = sequence.advance(count - 1);
            assert_eq!(states.judge(producer, sequence, last), Verdict::Append);
            let base_offset = 100 + place as i64;
            states.remember(
                None,
                producer,
                AppendedBatch { first_sequence: sequence, last_sequence: last, base_offset, timestamp_ms: 1 },
            );
            sequence = last.advance(1);
        }
        states
    }

    fn judge(states: &ProducerStates, producer: ProducerIdentity, first: i32, last: i32) -> Verdict {
        states.judge(producer, Sequence(first), Sequence(last))
    }

    #[test]
    fn one_of_the_last_five_is_a_duplicate_and_an_older_one_is_out_of_order() {
        let states = after(ONE, 0, &[1, 1, 1, 1, 1, 1]);
        for sequence in 1..=5 {
            let Verdict::Duplicate(batch) = judge(&states, ONE, sequence, sequence) else {
                panic!("{sequence}")
            };
            assert_eq!(batch.base_offset, 100 + i64::from(sequence));
        }
        assert_eq!(judge(&states, ONE, 0, 0), Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(judge(&states, ONE, 6, 9), Verdict::Append);
        assert_eq!(
            judge(&states, ONE, 7, 7),
            Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            "a gap"
        );
    }

    #[test]
    fn the_same_first_sequence_with_another_count_is_not_a_duplicate() {
        let states = after(ONE, 0, &[3]);
        assert_eq!(judge(&states, ONE, 0, 1), Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    }

    #[test]
    fn any_first_sequence_of_an_unknown_producer_is_taken() {
        let mut states = after(ONE, 7, &[2]);
        assert_eq!(judge(&states, ONE, 9, 9), Verdict::Append);
        states.forget_all();
        assert_eq!(judge(&states, ONE, 41, 41), Verdict::Append);
        assert_eq!(states.len(), 0);
    }

    #[test]
    fn a_raised_epoch_begins_at_zero_and_a_stale_one_is_refused() {
        let mut states = after(ONE, 0, &[1, 1]);
        let two = ProducerIdentity { epoch: 2, ..ONE };
        assert_eq!(judge(&states, two, 2, 2), Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(judge(&states, two, 0, 0), Verdict::Append, "not a duplicate of epoch 0");
        states.remember(
            None,
            two,
            AppendedBatch {
                first_sequence: Sequence(0),
                last_sequence: Sequence(0),
                base_offset: 7,
                timestamp_ms: 0,
            },
        );
        assert_eq!(judge(&states, ONE, 2, 2), Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(
            judge(&states, ONE, 1, 1),
            Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH),
            "the window is gone"
        );
    }

    #[test]
    fn sequences_go_on_at_zero_after_the_largest() {
        // BB18, ID3
        let states = after(ONE, i32::MAX - 1, &[2]);
        assert_eq!(judge(&states, ONE, 0, 4), Verdict::Append);
        let across = after(ONE, i32::MAX, &[3]);
        assert_eq!(judge(&across, ONE, 2, 2), Verdict::Append);
        assert!(matches!(judge(&across, ONE, i32::MAX, 1), Verdict::Duplicate(_)));
    }
}
