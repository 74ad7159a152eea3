//! Writes the markers of a decided transaction into the logs of its partitions, and ends it once all are there.

use std::time::Duration;

use kp_protocol::{Timestamp, TopicPartition};

use super::coordinator_log::CONSUMER_OFFSETS;
use super::marker::Marker;
use super::round::{Round, Written};
use crate::SimCluster;
use crate::log::AppendAs;
use crate::reply::Moment;

/// How a partition's marker stands.
enum Progress {
    Done,
    /// Appended; the followers have it at this moment.
    Waits(Written),
    /// No broker leads the partition.
    Blocked,
}

impl SimCluster {
    /// Plans the markers of a transaction whose end was decided; without a delay they are written now.
    pub(super) fn begin_round(&mut self, at: Moment, id: &str, committed: bool) {
        let delay = self.faults.marker_delay().unwrap_or(self.settings.transactions.marker_delay);
        let Some(entry) = self.transactions.entries.get_mut(id) else { return };
        let left = entry.partitions.iter().map(|partition| (partition.clone(), None)).collect();
        entry.round = Some(Round { committed, producer: entry.producer, left, due: Some(at.now + delay) });
        if delay == Duration::ZERO {
            self.go_on_with_round(at, id);
        }
    }

    /// Writes what can be written now.
    pub(super) fn go_on_with_round(&mut self, at: Moment, id: &str) {
        let coordinator_epoch = match self.partition(&self.transaction_log(id)) {
            Ok(log) if log.leader.is_some() => log.leader_epoch,
            // Without a coordinator the round goes on when there is one again.
            _ => return,
        };
        let Some(mut round) = self.transactions.entries.get_mut(id).and_then(|entry| entry.round.take())
        else {
            return;
        };
        let marker = Marker {
            producer: round.producer,
            committed: round.committed,
            coordinator_epoch: coordinator_epoch.0,
            timestamp: Timestamp(at.timestamp_ms),
        };
        round.due = None;
        for (partition, written) in std::mem::take(&mut round.left) {
            match self.mark(at, &partition, marker, written) {
                Progress::Done => {
                    if &*partition.topic == CONSUMER_OFFSETS {
                        self.groups_ended(&partition, marker.producer, marker.committed);
                    }
                }
                Progress::Waits(written) => {
                    let due = round.due.map_or(written.replicated_at, |due| due.min(written.replicated_at));
                    round.due = Some(due);
                    round.left.insert(partition, Some(written));
                }
                Progress::Blocked => {
                    round.left.insert(partition, None);
                }
            }
        }
        if round.left.is_empty() {
            self.complete(id, round.committed);
        } else if let Some(entry) = self.transactions.entries.get_mut(id) {
            entry.round = Some(round);
        }
    }

    fn mark(
        &mut self,
        at: Moment,
        partition: &TopicPartition,
        marker: Marker,
        written: Option<Written>,
    ) -> Progress {
        let lag = self.settings.replication_lag.draw(&mut self.lags);
        let (retain, up) = (self.settings.retain, self.replicas_up(partition));
        // A partition that is gone needs no marker.
        let Ok(found) = self.partition_mut(partition) else { return Progress::Done };
        if found.leader.is_none() {
            return Progress::Blocked;
        }
        if let Some(written) = written.filter(|written| written.leader_epoch == found.leader_epoch) {
            return if written.replicated_at <= at.now { Progress::Done } else { Progress::Waits(written) };
        }
        let leader_epoch = found.leader_epoch;
        let Some(offset) = found.append_marker(at, marker, retain) else { return Progress::Done };
        if lag.is_zero() || up < 2 {
            return Progress::Done;
        }
        found.unreplicated.note(at.now, lag, offset);
        let replicated_at = found.unreplicated.until(at.now, offset).unwrap_or(at.now);
        Progress::Waits(Written { leader_epoch, replicated_at })
    }

    fn replicas_up(&self, partition: &TopicPartition) -> usize {
        self.partition(partition).map_or(0, |it| it.replicas.iter().filter(|id| self.is_up(**id)).count())
    }

    fn complete(&mut self, id: &str, committed: bool) {
        let Some(entry) = self.transactions.entries.get_mut(id) else { return };
        entry.complete(committed);
    }
}

impl crate::topic::Partition {
    /// Appends a marker: it takes an offset, ends what is open, and its epoch is the producer's from now on. One whose
    /// epoch is too old is refused.
    fn append_marker(&mut self, at: Moment, marker: Marker, retain: bool) -> Option<i64> {
        let Marker { producer, committed, coordinator_epoch, .. } = marker;
        if self.producers.epoch(producer.producer_id).is_some_and(|epoch| epoch > producer.epoch) {
            return None;
        }
        let as_what = AppendAs { leader_epoch: self.leader_epoch, log_append_time: None, retain };
        let offset = self.log.append_marker(&marker.to_batch(), as_what);
        self.transactions.end(producer.producer_id, offset, committed);
        if !retain {
            self.transactions.forget_before(self.log.start_offset());
        }
        self.producers.take_epoch(Some(at.now), producer, Some(coordinator_epoch));
        Some(offset)
    }
}
