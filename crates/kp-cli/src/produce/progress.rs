//! The progress bar: how far, how fast, acknowledged and failed. Only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    outcomes::Outcomes,
    summary::{per_second, thousands},
};
use crate::console::Console;

/// A bar over the bytes of the input, or a spinner if their number is unknown.
pub(crate) struct Progress {
    console: Console,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn start(console: &Console, total_bytes: Option<u64>) -> Self {
        let bar = console.wants_progress().then(|| {
            let (bar, template) = match total_bytes {
                Some(total) => (ProgressBar::new(total), "{bar:30} {percent:>3} %  {msg}"),
                None => (ProgressBar::new_spinner(), "{spinner} {decimal_bytes} read  {msg}"),
            };
            // A template that indicatif does not take leaves its own; a test holds both.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        console.attach(bar.clone());
        Self { console: console.clone(), bar }
    }

    /// Redraws. `lately` are acknowledged records and the time they took, since the last call.
    pub(crate) fn show(&self, bytes_read: u64, outcomes: &Outcomes, lately: (u64, Duration)) {
        if let Some(bar) = &self.bar {
            let (acked, failed) = outcomes.counts();
            let rate = per_second(lately.0, lately.1) as u64;
            bar.set_position(bytes_read);
            bar.set_message(format!(
                "{} acked, {} failed, {} records/s",
                thousands(acked),
                thousands(failed),
                thousands(rate)
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.console.attach(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_good() {
        for template in ["{bar:30} {percent:>3} %  {msg}", "{spinner} {decimal_bytes} read  {msg}"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
