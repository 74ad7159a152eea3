//! What is said to the person at the terminal, all of it on stderr.
//! Owns: stderr, and the progress bar that has to step aside for a line of text. Results go to stdout, elsewhere.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use indicatif::ProgressBar;

/// Stderr, quiet or not. Clones are one console.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    quiet: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, bar: Arc::default() }
    }

    /// Progress, and what is worth knowing. Silent with `--quiet`.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.line(format_args!("{text}"));
        }
    }

    /// Something takes effect otherwise than it may seem. Silent with `--quiet`.
    pub(crate) fn warn(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.line(format_args!("kp: warning: {text}"));
        }
    }

    /// Something failed. Never silent.
    pub(crate) fn error(&self, text: impl fmt::Display) {
        self.line(format_args!("kp: {text}"));
    }

    /// Whether a progress bar may be drawn: stderr is a terminal, and the user did not refuse it.
    pub(crate) fn wants_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Lines of text step around this bar from now on.
    pub(crate) fn attach(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        // There is no place left to report that stderr is gone.
        let print = || drop(writeln!(io::stderr().lock(), "{text}"));
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// Whether colours may go to stdout: a terminal, and `NO_COLOR` is not set (to anything but nothing).
pub(crate) fn stdout_in_color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
