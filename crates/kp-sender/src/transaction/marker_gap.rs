//! How long the first batch of a transaction is better kept back behind the end of the one before, until its markers are written.
//! Owner: the facts of the transaction. Never: a clock, a queue.
//!
//! The second protocol has the leader ask the coordinator about a first batch. While markers are being written the coordinator says
//! "not now", and the leader asks again by itself, by default after 20 ms (`add.partitions.to.txn.retry.backoff.ms`, KAFKA-18654).
//! Who sends at once so waits 20 ms for what takes three. No broker tells a client how long markers take: it is learnt from what counts,
//! the time from an end to the first answer behind it, for each of a few waits. Where that is short anyway nothing is tried.

use std::time::{Duration, Instant};

/// What is tried, in milliseconds. The first is no wait.
const GAPS: [u64; 7] = [0, 1, 2, 3, 5, 8, 12];
/// Without a wait it takes less: there is nothing to gain, and nothing is tried.
const WORTH: Duration = Duration::from_millis(10);
/// How often each is tried before one is preferred.
const TRIALS: u32 = 2;
/// One of so many transactions tries another wait than the best one: a cluster may be quicker or slower by now.
const EXPLORES: u32 = 16;
/// A request that leaves later than this behind its moment says nothing about the wait.
const PUNCTUAL: Duration = Duration::from_millis(1);

/// What was learnt, and the wait behind the last end.
#[derive(Debug, Default)]
pub(super) struct MarkerGap {
    costs: [Cost; GAPS.len()],
    transactions: u32,
    last: Option<Trial>,
    /// No batch leaves before.
    until: Option<Instant>,
}

/// From an end to the first answer behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    trials: u32,
    /// The last few, the newest with a weight of a quarter.
    mean: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Trial {
    gap: usize,
    ended: Instant,
}

impl MarkerGap {
    /// A transaction has ended by an answer.
    pub(super) fn ended(&mut self, now: Instant) {
        let gap = self.choose();
        self.last = Some(Trial { gap, ended: now });
        self.until = (gap > 0).then(|| now + Duration::from_millis(GAPS[gap]));
    }

    /// The first batch behind it is handed out.
    pub(super) fn sent(&mut self, now: Instant) {
        let is_punctual = |trial: &Trial| {
            now.saturating_duration_since(trial.ended) <= Duration::from_millis(GAPS[trial.gap]) + PUNCTUAL
        };
        self.last = self.last.filter(is_punctual);
    }

    /// It is answered. Later answers say nothing.
    pub(super) fn answered(&mut self, now: Instant) {
        let Some(Trial { gap, ended }) = self.last.take() else { return };
        let (took, cost) = (now.saturating_duration_since(ended), &mut self.costs[gap]);
        cost.mean = if cost.trials == 0 { took } else { (cost.mean * 3 + took) / 4 };
        cost.trials = cost.trials.saturating_add(1);
    }

    /// Until when a batch is kept back.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Says whether a wait is over by now.
    pub(super) fn release(&mut self, now: Instant) -> bool {
        self.until.take_if(|until| *until <= now).is_some()
    }

    fn choose(&mut self) -> usize {
        self.transactions = self.transactions.wrapping_add(1);
        let best = self.best();
        let least = self.costs[best].mean;
        if best == 0 && least < WORTH {
            return 0;
        }
        // A wait that is as long as all takes with the best one has nothing to offer.
        let is_open = |gap: &usize| Duration::from_millis(GAPS[*gap]) < least;
        let is_new = |gap: &usize| is_open(gap) && self.costs[*gap].trials < TRIALS;
        if let Some(new) = (0..GAPS.len()).find(is_new) {
            return new;
        }
        let turn = (self.transactions / EXPLORES) as usize % GAPS.len();
        let explores = self.transactions.is_multiple_of(EXPLORES) && is_open(&turn);
        if explores { turn } else { best }
    }

    /// The wait with which all takes least; the shorter of two. None before the first is known.
    fn best(&self) -> usize {
        let tried = (0..GAPS.len()).filter(|gap| self.costs[*gap].trials > 0);
        tried.min_by_key(|gap| self.costs[*gap].mean).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Transactions one behind the other; `answers` says how long behind an end the first answer comes, when it is sent after a wait.
    /// What each took.
    fn transactions(
        gap: &mut MarkerGap,
        count: u32,
        answers: impl Fn(Duration) -> Duration,
    ) -> Vec<Duration> {
        let mut now = ManualClock::new().now();
        let mut one = |_| {
            gap.ended(now);
            let sent = gap.until().unwrap_or(now);
            gap.release(sent);
            gap.sent(sent);
            let took = answers(sent - now);
            now += took;
            gap.answered(now);
            took
        };
        (0..count).map(&mut one).collect()
    }

    /// A broker that needs 4 ms for markers, and looks again 20 ms after it was asked too early.
    fn held_back(sent: Duration) -> Duration {
        if sent < ms(4) { sent + ms(21) } else { sent + ms(1) }
    }

    // TM-E33
    #[test]
    fn where_a_leader_holds_a_first_batch_back_the_shortest_wait_in_all_is_found() {
        let mut gap = MarkerGap::default();
        let took = transactions(&mut gap, 400, held_back);
        assert_eq!(took[0], ms(21), "nothing is known before the first");
        let late: Duration = took[200..].iter().sum();
        assert!(late / 200 < ms(8), "{:?}", late / 200);
        assert_eq!(gap.best(), 4, "5 ms is the least that is enough");
    }

    // TM-E33
    #[test]
    fn no_batch_is_kept_back_where_answers_are_quick() {
        let mut gap = MarkerGap::default();
        let took = transactions(&mut gap, 1_000, |sent| sent + ms(9));
        assert!(took.iter().all(|took| *took == ms(9)));
    }

    #[test]
    fn on_a_slow_link_that_no_wait_makes_quicker_waits_are_tried_rarely() {
        let mut gap = MarkerGap::default();
        let took = transactions(&mut gap, 1_600, |sent| sent + ms(50));
        let in_all: Duration = took.iter().sum();
        assert!(in_all < ms(50) * 1_600 * 101 / 100, "{in_all:?}");
    }

    #[test]
    fn a_cluster_that_has_become_quicker_is_noticed() {
        let mut gap = MarkerGap::default();
        transactions(&mut gap, 400, held_back);
        let took = transactions(&mut gap, 2_000, |sent| sent + ms(1));
        assert_eq!((gap.best(), took[1_999]), (0, ms(1)));
    }

    #[test]
    fn what_was_sent_late_or_never_answered_teaches_nothing() {
        let mut gap = MarkerGap::default();
        let now = ManualClock::new().now();
        gap.ended(now);
        gap.sent(now + ms(30));
        gap.answered(now + ms(60));
        gap.ended(now + ms(100));
        gap.ended(now + ms(200));
        assert!(gap.costs.iter().all(|cost| cost.trials == 0));
        assert!(gap.until().is_none() && !gap.release(now + ms(300)));
    }
}
