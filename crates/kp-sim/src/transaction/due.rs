//! What the cluster does by itself when its time has come: markers, transactions that have timed out, frames that are late.

use std::time::{Duration, Instant};

use super::entry::TransactionEntry;
use crate::reply::Moment;
use crate::{KafkaVersion, SimCluster};

/// Something that is due.
enum Due {
    Round(String),
    Timeout(String),
    Late,
}

impl SimCluster {
    /// Does what was due until `now`, each at its own moment. A host calls it at [`next_moment`](Self::next_moment); each
    /// request does it first, too.
    pub fn tick(&mut self, now: Instant, timestamp_ms: i64) {
        self.transactions.first.get_or_insert(now);
        self.transactions.latest = Some(Moment { now, timestamp_ms });
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= now) {
            let ago = i64::try_from((now - at).as_millis()).unwrap_or(i64::MAX);
            let moment = Moment { now: at, timestamp_ms: timestamp_ms.saturating_sub(ago) };
            match due {
                Due::Round(id) => self.go_on_with_round(moment, &id),
                Due::Timeout(id) => self.abort_by_coordinator(moment, &id),
                Due::Late => self.carry_out_late(moment),
            }
        }
        self.try_blocked(Moment { now, timestamp_ms });
    }

    /// When the cluster will do something by itself; `None` if it waits for requests only.
    #[must_use]
    pub fn next_moment(&self) -> Option<Instant> {
        self.next_due().map(|(at, _)| at)
    }

    fn next_due(&self) -> Option<(Instant, Due)> {
        let entries = self.transactions.entries.iter();
        let due = entries.filter_map(|(id, entry)| Some((of_entry(entry)?, id, entry)));
        // Where the coordinator is missing, nothing happens until there is one.
        let led = due.filter(|(_, _, entry)| self.coordinator(&entry.log).is_some());
        let first = led.map(|(due, id, _)| (due, id)).min();
        let due = first.map(|((at, is_round), id)| {
            (at, if is_round { Due::Round(id.clone()) } else { Due::Timeout(id.clone()) })
        });
        let late = self.transactions.late.next_moment().map(|at| (at, Due::Late));
        match (due, late) {
            (Some(due), Some(late)) => Some(if late.0 < due.0 { late } else { due }),
            (due, late) => due.or(late),
        }
    }

    /// Rounds that stood still because a leader was missing look again.
    fn try_blocked(&mut self, at: Moment) {
        let is_blocked =
            |entry: &TransactionEntry| entry.round.as_ref().is_some_and(|round| round.due.is_none());
        let entries = self.transactions.entries.iter();
        let ids: Vec<String> =
            entries.filter(|(_, entry)| is_blocked(entry)).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.go_on_with_round(at, id));
    }

    /// The coordinator aborts an open transaction and shuts its producer out: it timed out, or another instance is there.
    pub(super) fn abort_by_coordinator(&mut self, at: Moment, id: &str) {
        let remembers = self.settings.kafka_version >= KafkaVersion::V4_3;
        let Some(entry) = self.transactions.entries.get_mut(id) else { return };
        entry.fence(remembers);
        self.begin_round(at, id, false);
    }

    /// The first scan for timeouts at or after a moment.
    pub(super) fn next_scan(&self, at: Instant) -> Instant {
        let interval = self.settings.transactions.timeout_scan;
        let Some(first) = self.transactions.first.filter(|_| interval > Duration::ZERO) else { return at };
        let since = at.saturating_duration_since(first).as_nanos();
        let scans = since.div_ceil(interval.as_nanos().max(1));
        first + interval.saturating_mul(u32::try_from(scans).unwrap_or(u32::MAX))
    }
}

/// When something is due of an entry, and whether it is its markers.
fn of_entry(entry: &TransactionEntry) -> Option<(Instant, bool)> {
    match &entry.round {
        Some(round) => round.due.map(|due| (due, true)),
        None => entry.times_out_at().map(|at| (at, false)),
    }
}
