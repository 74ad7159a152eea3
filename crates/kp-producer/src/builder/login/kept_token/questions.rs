//! Questions to a provider that have begun: one after another, unless one comes to no end. Owns: when another may begin. Never: a
//! lock that is held while the provider is asked; it may never answer.

use std::time::Duration;

/// So long a connection waits for the question of an earlier one, which is shorter than its own set-up: its thread is needed.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A question for which so many connections have waited in vain, one after the other for a minute, is one without an end.
pub(super) const MOST_IN_VAIN: u32 = 12;
/// So many may hang; there are other things to do for the threads that are left.
pub(super) const MOST_OPEN: usize = 3;

/// See the module.
#[derive(Default)]
pub(super) struct Questions {
    begun: u64,
    /// Those that have not come to their end, by number.
    open: Vec<u64>,
    /// How many connections gave up waiting for the newest.
    in_vain: u32,
    /// The newest that was answered with a token.
    answered: u64,
}

impl Questions {
    /// Whether another has to wait.
    pub(super) fn are_open(&self) -> bool {
        let is_hopeless = self.in_vain >= MOST_IN_VAIN && self.open.len() < MOST_OPEN;
        !self.open.is_empty() && !is_hopeless
    }

    /// A connection waited, and gave up.
    pub(super) fn waited_in_vain(&mut self) {
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// The number of a new one.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.in_vain = 0;
        self.open.push(self.begun);
        self.begun
    }

    /// Whether it was taken for one without an end, and a newer one has a token.
    pub(super) fn is_overtaken(&self, number: u64) -> bool {
        self.answered > number
    }

    pub(super) fn answered(&mut self, number: u64) {
        self.answered = number;
    }

    pub(super) fn end(&mut self, number: u64) {
        self.open.retain(|open| *open != number);
    }
}
