//! The laws of transactions (`kp_tests::transaction_laws`) over many seeds: each seed is a cluster, a configuration, one to three
//! instances of an application and a schedule of faults, all in virtual time and on one thread. A failing seed prints itself,
//! its schedule made small, and how to run it again.
//!
//! How many, and where to begin: `kp_tests::simulation::seeds`. `KP_SEED` runs one alone and prints what happened.

#![allow(clippy::print_stdout, reason = "figures of a run are for the reader of its output")]

mod application;
mod consumers;
mod frames;
mod notes;
mod plan;
mod rules;
mod run;
mod shrink;
mod tongue;
mod transaction_fault;
mod watch;
mod written;

use std::sync::Mutex;

use kp_tests::laws::Broken;
use kp_tests::simulation::seeds::{self, Seeds, broken_by, number};
use kp_tests::simulation::shrinking::shrink;
use plan::Plan;
use run::{Counts, Outcome, run};

fn run_seed(seed: u64) -> Result<Outcome, Vec<Broken>> {
    let outcome = broken_by(|| run(&Plan::of_seed(seed)))?;
    if outcome.broken.is_empty() { Ok(outcome) } else { Err(outcome.broken) }
}

fn report(seed: u64, broken: &[Broken]) -> String {
    seeds::report("sim_transactions", seed, broken, |law| {
        let plan = Plan::of_seed(seed);
        let breaks = |plan: &Plan| match broken_by(|| run(plan)) {
            Ok(outcome) => outcome.broken.iter().any(|broken| broken.law == law),
            Err(broken) => broken[0].law == law,
        };
        format!("{:#?}", shrink(&plan, shrink::candidates, breaks))
    })
}

// L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15
#[test]
fn laws_of_transactions_hold_over_many_seeds() {
    let seeds = Seeds::from_environment(3000);
    let totals = Mutex::new(Counts::default());
    let failed = seeds.run(run_seed, |outcome| totals.lock().unwrap().add(&outcome.counts));
    let totals = totals.into_inner().unwrap();
    println!("laws of transactions: seeds {}..{}, {totals:?}", seeds.first(), seeds.end());
    if let Some((seed, broken)) = failed.first() {
        let others: Vec<_> = failed.iter().map(|(seed, broken)| (*seed, broken[0].law)).collect();
        panic!("{}\nfailing seeds: {others:?}", report(*seed, broken));
    }
    assert!(totals.committed > 0 && totals.aborted > 0, "something was committed, and something aborted");
}

/// Runs `KP_SEED` alone; without it, seed 1, twice: a seed decides everything.
#[test]
fn one_seed_goes_the_same_way_each_time() {
    let seed = number("KP_SEED").unwrap_or(1);
    match (run_seed(seed), run_seed(seed)) {
        (Ok(first), Ok(second)) => {
            println!("seed {seed}: {first:#?}");
            assert_eq!(first.trace, second.trace);
        }
        (Err(broken), _) | (_, Err(broken)) => panic!("{}", report(seed, &broken)),
    }
}
