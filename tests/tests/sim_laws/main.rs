//! The laws over many seeds: each seed is a cluster, a configuration, an application and a schedule of faults, all in
//! virtual time and on one thread. A failing seed prints itself, its schedule made small, and how to run it again.
//!
//! `KP_SEEDS` says how many (default 3,000), `KP_FIRST_SEED` where to begin (default 0), `KP_SEED` runs one alone and
//! prints what happened. `KP_FAILURES` says after how many failing seeds it stops (default 10); `KP_SHRINK=0` leaves the
//! failing schedule as it is, which is quicker.

#![allow(clippy::print_stdout, reason = "figures of a run are for the reader of its output")]

mod application;
mod plan;
mod run;
mod shrink;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use kp_tests::laws::Broken;
use plan::Plan;
use run::{Outcome, run};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn run_seed(seed: u64) -> Result<Outcome, Vec<Broken>> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&Plan::of_seed(seed)))).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        vec![Broken { law: "nothing panics", how: words.unwrap_or_default() }]
    })?;
    if outcome.broken.is_empty() { Ok(outcome) } else { Err(outcome.broken) }
}

fn report(seed: u64, broken: &[Broken]) -> String {
    let mut text = format!("seed {seed} breaks {} law(s):\n", broken.len());
    for broken in broken {
        text += &format!("  {broken}\n");
    }
    let law = broken[0].law;
    let plan = Plan::of_seed(seed);
    if number("KP_SHRINK") != Some(0) {
        let small = catch_unwind(AssertUnwindSafe(|| shrink::shrink(&plan, law))).unwrap_or(plan);
        text += &format!("made small:\n{small:#?}\n");
    }
    text + &format!(
        "again: KP_SEED={seed} cargo test --release -p kp-tests --test sim_laws one_seed -- --nocapture\n"
    )
}

#[test]
fn laws_hold_over_many_seeds() {
    let (first, count) = (number("KP_FIRST_SEED").unwrap_or(0), number("KP_SEEDS").unwrap_or(3000));
    let most_failures = number("KP_FAILURES").unwrap_or(10);
    let next = AtomicU64::new(first);
    let (failed, totals) = (Mutex::new(Vec::new()), Mutex::new((0u64, 0u64, 0u64, 0usize, 0usize)));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().len() as u64 >= most_failures {
                        return;
                    }
                    let done = seed - first;
                    if done > 0 && done.is_multiple_of(50_000) {
                        println!("laws: {done} of {count} seeds");
                    }
                    match run_seed(seed) {
                        Ok(outcome) => {
                            let mut totals = totals.lock().unwrap();
                            totals.0 += outcome.accepted as u64;
                            totals.1 += outcome.written as u64;
                            totals.2 += outcome.happened;
                            totals.3 = totals.3.max(outcome.most_unanswered);
                            totals.4 = totals.4.max(outcome.epochs);
                        }
                        Err(broken) => failed.lock().unwrap().push((seed, broken)),
                    }
                }
            });
        }
    });
    let (accepted, written, happened, unanswered, epochs) = *totals.lock().unwrap();
    println!(
        "laws: seeds {first}..{}, {accepted} records accepted, {written} in the logs, {happened} happenings, at most \
         {unanswered} batches of a partition unanswered, at most {epochs} producer epochs",
        first + count
    );
    let failed = failed.into_inner().unwrap();
    if let Some((seed, broken)) = failed.first() {
        let others: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
        panic!("{}\nfailing seeds (at most ten are looked for): {others:?}", report(*seed, broken));
    }
    assert!(written > 0, "something was written");
}

/// Runs `KP_SEED` alone; without it, seed 1, twice: a seed decides everything.
#[test]
fn one_seed_goes_the_same_way_each_time() {
    let seed = number("KP_SEED").unwrap_or(1);
    let (first, second) = (run_seed(seed), run_seed(seed));
    match (first, second) {
        (Ok(first), Ok(second)) => {
            println!("seed {seed}: {first:#?}");
            assert_eq!((first.trace, first.happened), (second.trace, second.happened));
        }
        (Err(broken), _) | (_, Err(broken)) => panic!("{}", report(seed, &broken)),
    }
}
