//! Ctrl-C: the first asks to stop, the second leaves.
//! Owns: the signal handler. It runs on a thread of the `ctrlc` crate, so it may lock and print.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::console::Console;

/// The exit code of a program that Ctrl-C ended.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Runs `first` on the first Ctrl-C (or SIGTERM); the second ends the process at once, after saying how many records
/// are in doubt if `in_doubt` knows.
///
/// # Errors
/// The system took no handler.
pub(crate) fn on_interrupt(
    console: Console,
    first: impl Fn() + Send + 'static,
    in_doubt: impl Fn() -> Option<u64> + Send + 'static,
) -> Result<(), ctrlc::Error> {
    let seen = AtomicU32::new(0);
    ctrlc::set_handler(move || {
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            first();
        } else {
            console.attach(None);
            if let Some(records) = in_doubt() {
                console.error(format_args!("left at once; records in doubt: {records}"));
            }
            process::exit(EXIT_INTERRUPTED.into());
        }
    })
}
