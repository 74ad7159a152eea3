//! The loop over many seeds, on as many threads as there are processors, and what the environment says about it.
//!
//! `KP_SEEDS` says how many, `KP_FIRST_SEED` where to begin (default 0), `KP_FAILURES` after how many failing seeds it stops
//! (default 10); `KP_SHRINK=0` leaves a failing plan as it is, which is quicker.

#![allow(clippy::print_stdout, reason = "figures of a run are for the reader of its output")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::laws::Broken;

/// A number from the environment.
///
/// # Panics
/// If it is there and is no number.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Seeds to run.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    first: u64,
    count: u64,
    most_failures: u64,
}

impl Seeds {
    /// As the environment has it.
    #[must_use]
    pub fn from_environment(count: u64) -> Self {
        Self {
            first: number("KP_FIRST_SEED").unwrap_or(0),
            count: number("KP_SEEDS").unwrap_or(count),
            most_failures: number("KP_FAILURES").unwrap_or(10),
        }
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The one behind the last.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.count
    }

    /// Runs them all; `add` is given what went well. Answers those that failed, in the order in which they were found.
    ///
    /// # Panics
    /// If `run` does not catch its panics.
    pub fn run<T>(
        self,
        run: impl Fn(u64) -> Result<T, Vec<Broken>> + Sync,
        add: impl Fn(T) + Sync,
    ) -> Vec<(u64, Vec<Broken>)> {
        let next = AtomicU64::new(self.first);
        let failed = Mutex::new(Vec::new());
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.end() || failed.lock().unwrap().len() as u64 >= self.most_failures {
                            return;
                        }
                        let done = seed - self.first;
                        if done > 0 && done.is_multiple_of(50_000) {
                            println!("laws: {done} of {} seeds", self.count);
                        }
                        match run(seed) {
                            Ok(outcome) => add(outcome),
                            Err(broken) => failed.lock().unwrap().push((seed, broken)),
                        }
                    }
                });
            }
        });
        failed.into_inner().unwrap()
    }
}

/// Runs one, and takes a panic for a broken law.
///
/// # Errors
/// What was broken.
pub fn broken_by<T>(run: impl FnOnce() -> T) -> Result<T, Vec<Broken>> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        vec![Broken { law: "nothing panics", how: words.unwrap_or_default() }]
    })
}

/// What is printed about a failing seed; `small` makes its plan small.
pub fn report(
    test: &str,
    seed: u64,
    broken: &[Broken],
    small: impl FnOnce(&'static str) -> String,
) -> String {
    let mut text = format!("seed {seed} breaks {} law(s):\n", broken.len());
    for broken in broken {
        text += &format!("  {broken}\n");
    }
    if let Some(first) = broken.first().filter(|_| number("KP_SHRINK") != Some(0)) {
        text += &format!("made small:\n{}\n", small(first.law));
    }
    text + &format!(
        "again: KP_SEED={seed} cargo test --release -p kp-tests --test {test} one_seed -- --nocapture\n"
    )
}
