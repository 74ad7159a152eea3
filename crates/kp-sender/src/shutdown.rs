//! Closing as states: a core that is asked to close finishes, then fails what is left, then is closed (CL3, CL4). Pure.
//!
//! ```text
//! Running ──close(deadline)──▶ Finishing ──all settled──────────────▶ Closed
//!    │                             │ deadline                           ▲
//!    └────────close_now────────────┴──────────▶ Forcing ──all settled───┘
//! ```

use kp_time::Deadline;
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// Records are accepted and sent.
    Running,
    /// No record is accepted any more; what was accepted is finished.
    Finishing { deadline: Deadline },
    /// What is not settled is failed, as soon as it can be had: a batch may still be with a compression worker.
    Forcing,
    /// Nothing is left.
    Closed,
}

impl Shutdown {
    /// A wish to close by then. The earlier of two wishes counts (CL5: closing twice is fine).
    pub(crate) fn close(self, by: Deadline) -> Self {
        match self {
            Self::Running => Self::Finishing { deadline: by },
            Self::Finishing { deadline } if by.at() < deadline.at() => Self::Finishing { deadline: by },
            same => same,
        }
    }

    pub(crate) fn close_now(self) -> Self {
        match self {
            Self::Running | Self::Finishing { .. } => Self::Forcing,
            same => same,
        }
    }

    /// The state at `now`, `is_done` = nothing that was accepted is unsettled.
    pub(crate) fn advance(self, now: Instant, is_done: bool) -> Self {
        match self {
            Self::Finishing { .. } | Self::Forcing if is_done => Self::Closed,
            Self::Finishing { deadline } if deadline.is_past(now) => Self::Forcing,
            same => same,
        }
    }

    /// Whether batches still go out.
    pub(crate) fn may_send(self) -> bool {
        matches!(self, Self::Running | Self::Finishing { .. })
    }

    /// Whether the end was asked for and is not reached.
    pub(crate) fn is_closing(self) -> bool {
        matches!(self, Self::Finishing { .. } | Self::Forcing)
    }

    /// When [`advance`](Self::advance) has something to do without anything happening.
    pub(crate) fn next(self) -> Option<Instant> {
        match self {
            Self::Finishing { deadline } => Some(deadline.at()),
            Self::Running | Self::Forcing | Self::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};
    use std::time::Duration;

    fn by(now: Instant, ms: u64) -> Deadline {
        Deadline::after(now, Duration::from_millis(ms), "close")
    }

    #[test]
    fn closing_waits_for_what_was_accepted_and_forces_at_the_deadline() {
        // CL3, CL4
        let now = ManualClock::new().now();
        let finishing = Shutdown::Running.close(by(now, 10));
        assert_eq!(finishing.advance(now, true), Shutdown::Closed);
        assert_eq!(finishing.advance(now, false), finishing);
        assert_eq!(finishing.next(), Some(now + Duration::from_millis(10)));
        let forcing = finishing.advance(now + Duration::from_millis(10), false);
        assert_eq!(forcing, Shutdown::Forcing);
        assert_eq!(forcing.advance(now, false), Shutdown::Forcing);
        assert_eq!(forcing.advance(now, true), Shutdown::Closed);
        assert_eq!(Shutdown::Running.advance(now, true), Shutdown::Running);
    }

    #[test]
    fn closing_twice_keeps_the_earlier_deadline_and_never_goes_back() {
        // CL5
        let now = ManualClock::new().now();
        let finishing = Shutdown::Running.close(by(now, 10)).close(by(now, 99));
        assert_eq!(finishing, Shutdown::Finishing { deadline: by(now, 10) }, "a later wish changes nothing");
        let finishing = finishing.close(by(now, 5));
        assert_eq!(finishing, Shutdown::Finishing { deadline: by(now, 5) });
        assert_eq!(finishing.close_now().close(by(now, 99)), Shutdown::Forcing);
        assert_eq!(Shutdown::Closed.close_now(), Shutdown::Closed);
    }
}
