//! A producer without threads: its owner turns it. The driver, the sender core, the accumulator and the facade are the
//! same as with [`build`](crate::ProducerBuilder::build); only who calls the turns is another.

use crate::drive::driver::{Driver, give_up};
use crate::shared::Shared;
use kp_accumulator::Sealer;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

/// Turns the driver of a producer that was made by [`build_stepped`](crate::ProducerBuilder::build_stepped).
///
/// For simulations: one thread polls the application's futures and turns the driver, in an order that a seed decides, so
/// that a run can be repeated exactly. Compression runs in the turn too. While [`turn`](Self::turn) runs, its thread is
/// the producer's network thread: a callback that would have to wait gets `WouldDeadlock`, as it does in production.
///
/// Dropping it leaves the producer without a thread that turns it; what was accepted is then failed as unknown.
pub struct Stepper {
    shared: Arc<Shared>,
    /// `None` once it has ended.
    driver: Option<Driver>,
    /// `None` once there is nothing to compress with; never for a producer that was just built.
    sealer: Option<Sealer>,
}

impl Stepper {
    pub(crate) fn new(shared: Arc<Shared>, driver: Driver, sealer: Option<Sealer>) -> Self {
        Self { shared, driver: Some(driver), sealer }
    }

    /// One turn of the driver: commands, what the core wants, one poll of the client (which may block for as long as the
    /// client blocks), its events. Answers `false` when the producer has ended; further turns do nothing.
    pub fn turn(&mut self) -> bool {
        if let Some(sealer) = &mut self.sealer {
            while self.shared.accumulator.seal_next(sealer) {}
        }
        let goes_on = self.driver.as_mut().is_some_and(Driver::step);
        if !goes_on {
            // Nothing of the network is kept any longer than it is used.
            self.driver = None;
            self.shared.accumulator.set_seal_bell(Waker::noop().clone());
        }
        goes_on
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        // With the core go the batches in flight; the rest is failed below, as after a panic of the network thread.
        self.driver = None;
        if !self.shared.ended.is_over() {
            give_up(&self.shared);
        }
    }
}

impl fmt::Debug for Stepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepper").finish_non_exhaustive()
    }
}
