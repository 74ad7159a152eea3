//! The seam through which time comes in. Implemented by hosts: the system clock in `kp-producer`,
//! [`ManualClock`](crate::ManualClock) in tests, virtual time in `kp-sim`.

use std::time::{Duration, Instant, SystemTime};

/// Where a producer gets its time from. Object-safe: a producer is built with a `Box<dyn Clock>` or `Arc<dyn Clock>`.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic now. Asked at a public call that waits, when a batch opens, and at each driver turn.
    fn now(&self) -> Instant;

    /// Wall clock in milliseconds since the Unix epoch, for records that bring no timestamp (`CreateTime`).
    ///
    /// Asked once per such record, so it must be cheap; it may lag by one tick of a coarse clock (some
    /// milliseconds).
    fn timestamp_ms(&self) -> i64;

    /// The same as a moment; one before 1970 is 1970.
    fn time_of_day(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(self.timestamp_ms()).unwrap_or_default())
    }
}
