//! Waiting for something that another process does.

use std::time::{Duration, Instant};

/// Looks every ten milliseconds whether it is `done`, for a minute at most.
pub(crate) fn wait_until(mut done: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}
