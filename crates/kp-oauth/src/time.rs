//! Time, as it comes in from outside.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kp_time::Clock;

/// A clock, and a way to let time go by between two requests.
#[derive(Clone)]
pub struct Time {
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Time {
    /// `pause` blocks the calling thread for about so long.
    pub fn new(clock: Arc<dyn Clock>, pause: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { clock, pause: Arc::new(pause) }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn pause(&self, duration: Duration) {
        (self.pause)(duration);
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Time").finish_non_exhaustive()
    }
}
