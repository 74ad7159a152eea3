//! When each record is due, and when a sender is at its end.
//! Owns: the schedule. Pure: it is told the time.

use std::time::{Duration, Instant};

/// Timers wake a little late: what was due before the end may be sent for so long after it.
const GRACE: Duration = Duration::from_millis(10);

/// How much is to be sent, by all senders together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    Records(u64),
    Duration(Duration),
}

/// One sender's part of a schedule: of the records 0, 1, 2, … every `senders`th, beginning with its `place`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) start: Instant,
    pub(crate) target: Target,
    /// Records a second, of all senders together; `None`: as fast as it goes.
    pub(crate) rate: Option<f64>,
    pub(crate) place: u64,
    pub(crate) senders: u64,
}

/// What a sender does about its next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is due since then: its latency begins there.
    Send(Instant),
    /// It is due then.
    WaitUntil(Instant),
    /// There is none; so many were due and can no longer be sent in time.
    End { missed: u64 },
}

impl Pace {
    /// What to do at `now`, with so many of its records sent.
    pub(crate) fn step(&self, sent: u64, now: Instant) -> Step {
        let end = match self.target {
            Target::Records(records) => {
                if sent >= share(records, self.place, self.senders) {
                    return Step::End { missed: 0 };
                }
                None
            }
            Target::Duration(duration) => Some(self.start + duration),
        };
        let Some(rate) = self.rate else {
            let is_over = end.is_some_and(|end| now >= end);
            return if is_over { Step::End { missed: 0 } } else { Step::Send(now) };
        };
        let due = self.due(sent, rate);
        match end {
            Some(end) if due >= end => Step::End { missed: 0 },
            Some(end) if now >= end + GRACE => {
                Step::End { missed: self.due_before(end, rate).saturating_sub(sent) }
            }
            _ if now < due => Step::WaitUntil(due),
            _ => Step::Send(due),
        }
    }

    fn due(&self, nth: u64, rate: f64) -> Instant {
        let number = nth as f64 * self.senders as f64 + self.place as f64;
        // A rate of a record in eleven days, and a number of 2⁶⁴: later than that never comes either.
        let after =
            Duration::try_from_secs_f64(number / rate).unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        self.start + after
    }

    /// How many of its records are due before `end`.
    fn due_before(&self, end: Instant, rate: f64) -> u64 {
        let all = (end - self.start).as_secs_f64() * rate;
        ((all - self.place as f64) / self.senders as f64).ceil().max(0.0) as u64
    }
}

/// How many of `records` fall to the sender at this place.
pub(crate) fn share(records: u64, place: u64, senders: u64) -> u64 {
    records / senders + u64::from(place < records % senders)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(target: Target, rate: Option<f64>) -> Pace {
        Pace { start: Instant::now(), target, rate, place: 0, senders: 1 }
    }

    #[test]
    fn without_a_rate_records_are_due_when_they_can_be_sent() {
        let by_number = pace(Target::Records(2), None);
        let now = by_number.start + SECOND;
        assert_eq!(by_number.step(1, now), Step::Send(now));
        assert_eq!(by_number.step(2, now), Step::End { missed: 0 });
        let by_time = pace(Target::Duration(SECOND), None);
        let last = by_time.start + SECOND - Duration::from_nanos(1);
        assert_eq!(by_time.step(1 << 40, last), Step::Send(last));
        assert_eq!(by_time.step(0, by_time.start + SECOND), Step::End { missed: 0 });
    }

    #[test]
    fn with_a_rate_a_late_record_keeps_the_time_it_was_due() {
        let pace = pace(Target::Records(100), Some(10.0));
        let at = |tenths: u32| pace.start + SECOND * tenths / 10;
        assert_eq!(pace.step(0, at(0)), Step::Send(at(0)));
        assert_eq!(pace.step(1, at(0)), Step::WaitUntil(at(1)));
        assert_eq!(
            pace.step(1, at(7)),
            Step::Send(at(1)),
            "the six tenths it is late are part of its latency"
        );
    }

    #[test]
    fn what_was_due_and_could_not_be_sent_before_the_end_is_missed() {
        let pace = pace(Target::Duration(SECOND), Some(10.0));
        let end = pace.start + SECOND;
        assert_eq!(pace.step(4, end + GRACE), Step::End { missed: 6 });
        assert!(
            matches!(pace.step(9, end), Step::Send(due) if due < end),
            "a timer was late, not the sender"
        );
        assert_eq!(
            pace.step(10, pace.start + SECOND / 2),
            Step::End { missed: 0 },
            "the 11th is due at the end"
        );
    }

    #[test]
    fn senders_share_the_records_and_the_seconds() {
        let of = |place| Pace { place, senders: 3, ..pace(Target::Records(10), Some(10.0)) };
        assert_eq!([0, 1, 2].map(|place| share(10, place, 3)), [4, 3, 3]);
        let third = of(2);
        assert_eq!(third.step(0, third.start), Step::WaitUntil(third.start + SECOND / 5));
        assert_eq!(third.step(1, third.start), Step::WaitUntil(third.start + SECOND / 2));
        let missed: u64 = (0..3)
            .map(|place| {
                let pace = Pace { target: Target::Duration(SECOND), ..of(place) };
                match pace.step(0, pace.start + SECOND + GRACE) {
                    Step::End { missed } => missed,
                    other => panic!("{other:?}"),
                }
            })
            .sum();
        assert_eq!(missed, 10);
    }
}
