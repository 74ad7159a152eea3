//! The system's clock, the default behind the `Clock` seam.

#![allow(clippy::disallowed_methods, reason = "this is the room where the system's clock is read")]

use kp_time::Clock;
use std::time::Instant;

/// The clock of the operating system. Timestamps come from the coarse clock where there is one (on Linux about
/// 5 ns instead of 25; it may lag by one kernel tick, 1 to 10 ms).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn timestamp_ms(&self) -> i64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn timestamp_ms(&self) -> i64 {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_epoch.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_coarse_timestamp_is_close_to_the_exact_one() {
        let exact = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        let coarse = SystemClock.timestamp_ms();
        assert!((coarse - exact).abs() < 2_000, "{coarse} and {exact}");
    }
}
