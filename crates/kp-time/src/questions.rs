//! Questions to code of the program that have begun: one after another, unless one comes to no end. Owns: when another may begin.
//! Never: a lock that is held while it is asked; it may never answer.

use std::fmt;
use std::time::Duration;

/// Why there is no answer; printed, it is a part of one line.
///
/// ```
/// use kp_time::{Questions, Unanswered};
///
/// let mut questions = Questions::default();
/// questions.begin();
/// assert_eq!(questions.unanswered(), Unanswered::AskedEarlier);
/// (1..Questions::MOST_OPEN).for_each(|_| drop(questions.begin()));
/// let line = "3 calls of the provider have not returned, and it is not asked again until one of them does";
/// assert_eq!(questions.unanswered().to_string(), line);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswered {
    /// Another one's question is open.
    AskedEarlier,
    /// [`Questions::MOST_OPEN`] calls hang.
    Exhausted,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AskedEarlier => {
                f.write_str("an earlier connection asked for it, and there is no answer yet")
            }
            Self::Exhausted => write!(
                f,
                "{} calls of the provider have not returned, and it is not asked again until one of them does",
                Questions::MOST_OPEN
            ),
        }
    }
}

/// The questions of one asker, who keeps this under its lock and asks without it. Those who want the answer to an open question wait
/// for [`PATIENCE`](Self::PATIENCE) at most.
///
/// ```
/// use kp_time::Questions;
///
/// let mut questions = Questions::default();
/// let first = questions.begin();
/// assert!(questions.are_open(), "the next has to wait");
/// (0..Questions::MOST_IN_VAIN).for_each(|_| questions.waited_in_vain());
/// assert!(!questions.are_open(), "it may never be answered");
/// let second = questions.begin();
/// questions.answered(second);
/// questions.end(second);
/// assert!(questions.is_overtaken(first));
/// ```
#[derive(Debug, Default)]
pub struct Questions {
    begun: u64,
    /// Those that have not come to their end, by number.
    open: Vec<u64>,
    /// How many gave up waiting for the newest.
    in_vain: u32,
    /// The newest that has an answer which can be used.
    answered: u64,
}

impl Questions {
    /// So long one waits for the question of another, which is shorter than the set-up of a connection: its thread is needed.
    pub const PATIENCE: Duration = Duration::from_secs(5);
    /// A question for which so many have waited in vain, one after the other for a minute, is one without an end.
    pub const MOST_IN_VAIN: u32 = 12;
    /// So many may hang; there are other things to do for the threads that are left.
    pub const MOST_OPEN: usize = 3;

    /// Whether another has to wait.
    #[must_use]
    pub fn are_open(&self) -> bool {
        let is_hopeless = self.in_vain >= Self::MOST_IN_VAIN && self.open.len() < Self::MOST_OPEN;
        !self.open.is_empty() && !is_hopeless
    }

    /// One waited for the newest, and gave up.
    pub fn waited_in_vain(&mut self) {
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// Whether as many are open as may hang: none begins before one of them has come to its end.
    #[must_use]
    pub fn are_exhausted(&self) -> bool {
        self.open.len() >= Self::MOST_OPEN
    }

    /// Why one who waited for an open question has no answer.
    #[must_use]
    pub fn unanswered(&self) -> Unanswered {
        if self.are_exhausted() { Unanswered::Exhausted } else { Unanswered::AskedEarlier }
    }

    /// The number of a new one, which is open until its [`end`](Self::end).
    pub fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.in_vain = 0;
        self.open.push(self.begun);
        self.begun
    }

    /// How many have begun.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether it was taken for one without an end, and a newer one has an answer.
    #[must_use]
    pub fn is_overtaken(&self, number: u64) -> bool {
        self.answered > number
    }

    /// It has an answer which can be used.
    pub fn answered(&mut self, number: u64) {
        self.answered = number;
    }

    /// It is open no more, with or without an answer.
    pub fn end(&mut self, number: u64) {
        self.open.retain(|open| *open != number);
    }
}
