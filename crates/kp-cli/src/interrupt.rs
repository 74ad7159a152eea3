//! Ctrl-C: the first asks to stop, the second leaves.
//! Owns: the signal handler. It runs on a thread of the `ctrlc` crate, so it may lock and print.

use std::{
    process,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use crate::console::Console;

/// The exit code of a program that Ctrl-C ended.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// The handler of a process is one, and so is this.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether there was a Ctrl-C since a handler was set: for waits that look from time to time.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Runs `first` on the first Ctrl-C (or SIGTERM); the second runs `last` and ends the process at once.
///
/// # Errors
/// The system took no handler.
pub(crate) fn on_interrupt(
    console: Console,
    first: impl Fn() + Send + 'static,
    last: impl Fn() + Send + 'static,
) -> Result<(), ctrlc::Error> {
    let seen = AtomicU32::new(0);
    ctrlc::set_handler(move || {
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            INTERRUPTED.store(true, Ordering::Relaxed);
            first();
        } else {
            console.attach(None);
            last();
            process::exit(EXIT_INTERRUPTED.into());
        }
    })
}
