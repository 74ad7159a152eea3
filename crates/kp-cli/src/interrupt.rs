//! Ctrl-C: the first asks to stop, the second leaves. SIGUSR1 asks a question.
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

/// Runs `tell` at each SIGUSR1, on a thread of its own; where there is no such signal, never.
///
/// # Errors
/// The system took no handler.
#[cfg(unix)]
pub(crate) fn on_usr1(tell: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR1])?;
    std::thread::spawn(move || signals.forever().for_each(|_| tell()));
    Ok(())
}

/// Runs `tell` at each SIGUSR1; there is no such signal here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn on_usr1(_tell: impl Fn() + Send + 'static) -> std::io::Result<()> {
    Ok(())
}
