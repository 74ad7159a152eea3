//! Time as an argument: what the rooms of kp know about clocks, deadlines, backoff and timers.
//!
//! Nothing here reads a clock by itself. A host owns a [`Clock`] and tells the machines below it what time it
//! is; a test owns a [`ManualClock`] and moves it.
//!
//! ```
//! use kp_time::{Clock, Deadline, ManualClock};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let deadline = Deadline::after(clock.now(), Duration::from_secs(60), "max.block.ms");
//! clock.advance(Duration::from_secs(61));
//! assert!(deadline.is_past(clock.now()));
//! ```

#![forbid(unsafe_code)]

mod backoff;
mod clock;
mod deadline;
mod manual_clock;
mod parked_thread;
mod questions;
mod timers;
mod wait_list;

pub use backoff::{Backoff, Jitter};
pub use clock::Clock;
pub use deadline::Deadline;
pub use manual_clock::ManualClock;
pub use parked_thread::ParkedThread;
pub use questions::{Questions, Unanswered};
pub use timers::TimerTable;
pub use wait_list::{Left, Overdue, Ticket, WaitList, Wakers};
