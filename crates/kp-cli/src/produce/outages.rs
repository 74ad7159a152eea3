//! Brokers that cannot be reached: a line when that begins, and a line when it is over; nothing in between.
//! Owns: what was told already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kp_producer::UnreachableBroker;

use crate::console::Console;
use crate::watched::Watched;

/// What the person at the terminal knows.
#[derive(Debug, Default)]
pub(crate) struct Outages(BTreeMap<Arc<str>, Instant>);

impl Outages {
    /// Tells what has changed.
    pub(crate) fn tell(&mut self, watched: &Watched, console: &Console) {
        for line in self.news(&watched.unreachable(), Instant::now()) {
            console.warn(line);
        }
    }

    fn news(&mut self, down: &[UnreachableBroker], now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        self.0.retain(|address, since| {
            let is_down = down.iter().any(|broker| broker.address == *address);
            if !is_down {
                lines.push(format!("broker {address} is back, after {}", in_words(now - *since)));
            }
            is_down
        });
        for broker in down {
            if !self.0.contains_key(&broker.address) {
                let since = now.checked_sub(broker.since).unwrap_or(now);
                self.0.insert(Arc::clone(&broker.address), since);
                lines.push(format!(
                    "broker {} cannot be reached: {}; kp goes on trying, and says when it is back",
                    broker.address, broker.reason
                ));
            }
        }
        lines
    }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        0..=119 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_seconds_then_in_minutes() {
        assert_eq!(in_words(Duration::from_millis(1250)), "1.2 s");
        assert_eq!(in_words(Duration::from_secs(754)), "12 min 34 s");
    }
}
