//! The laws over many seeds: each seed is a cluster, a configuration, an application and a schedule of faults, all in
//! virtual time and on one thread. A failing seed prints itself, its schedule made small, and how to run it again.
//!
//! How many, and where to begin: `kp_tests::simulation::seeds`. `KP_SEED` runs one alone and prints what happened.

#![allow(clippy::print_stdout, reason = "figures of a run are for the reader of its output")]

mod application;
mod plan;
mod run;
mod shrink;
mod watch;

use std::sync::Mutex;

use kp_tests::laws::Broken;
use kp_tests::simulation::seeds::{self, Seeds, broken_by, number};
use kp_tests::simulation::shrinking::shrink;
use plan::Plan;
use run::{Outcome, run};

fn run_seed(seed: u64) -> Result<Outcome, Vec<Broken>> {
    let outcome = broken_by(|| run(&Plan::of_seed(seed)))?;
    if outcome.broken.is_empty() { Ok(outcome) } else { Err(outcome.broken) }
}

fn report(seed: u64, broken: &[Broken]) -> String {
    seeds::report("sim_laws", seed, broken, |law| {
        let plan = Plan::of_seed(seed);
        let breaks = |plan: &Plan| run(plan).broken.iter().any(|broken| broken.law == law);
        let small = broken_by(|| shrink(&plan, shrink::candidates, breaks)).unwrap_or(plan);
        format!("{small:#?}")
    })
}

#[test]
fn laws_hold_over_many_seeds() {
    let seeds = Seeds::from_environment(3000);
    let totals = Mutex::new((0u64, 0u64, 0u64, 0usize, 0usize));
    let failed = seeds.run(run_seed, |outcome| {
        let mut totals = totals.lock().unwrap();
        totals.0 += outcome.accepted as u64;
        totals.1 += outcome.written as u64;
        totals.2 += outcome.happened;
        totals.3 = totals.3.max(outcome.most_unanswered);
        totals.4 = totals.4.max(outcome.epochs);
    });
    let (accepted, written, happened, unanswered, epochs) = *totals.lock().unwrap();
    println!(
        "laws: seeds {}..{}, {accepted} records accepted, {written} in the logs, {happened} happenings, at most \
         {unanswered} batches of a partition unanswered, at most {epochs} producer epochs",
        seeds.first(),
        seeds.end()
    );
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
