//! How many producers of this process are alive: each has a thread and connections of its own, and one is enough for most programs.
//! Counted so that a program that loses them hears of it: a callback that owns a handle keeps its producer alive for ever.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// From this many on it is worth a word.
const MANY: usize = 64;

static CENSUS: Census = Census { alive: AtomicUsize::new(0), is_told: AtomicBool::new(false) };

struct Census {
    alive: AtomicUsize,
    is_told: AtomicBool,
}

/// A producer that is alive, until this is dropped.
pub(crate) struct Alive(&'static Census);

impl Alive {
    /// One more. With what an operator should know, once in a process.
    pub(crate) fn new() -> (Self, Option<String>) {
        Self::in_census(&CENSUS)
    }

    fn in_census(census: &'static Census) -> (Self, Option<String>) {
        let alive = census.alive.fetch_add(1, Ordering::Relaxed) + 1;
        let is_news = alive >= MANY && !census.is_told.swap(true, Ordering::Relaxed);
        (Self(census), is_news.then(|| words(alive)))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

fn words(alive: usize) -> String {
    format!(
        "{alive} producers of this process are alive, each with a thread and connections of its own; one serves many \
         threads and topics, and its clones cost nothing. A producer ends with close, or when its last handle is dropped: \
         never while a callback, an interceptor or a listener of its own holds a handle"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_producers_that_are_alive_at_once_are_told_once_and_many_one_after_the_other_are_not() {
        static HERE: Census = Census { alive: AtomicUsize::new(0), is_told: AtomicBool::new(false) };
        for _ in 0..3 * MANY {
            assert_eq!(Alive::in_census(&HERE).1, None, "the one before has ended");
        }
        let all: Vec<_> = (0..3 * MANY).map(|_| Alive::in_census(&HERE)).collect();
        let told: Vec<_> = all.iter().enumerate().filter(|(_, (_, words))| words.is_some()).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, MANY - 1);
        drop(all);
        assert_eq!(HERE.alive.load(Ordering::Relaxed), 0);
    }
}
