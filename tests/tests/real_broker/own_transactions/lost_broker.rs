//! The broker that coordinates a producer's transactions and a group, and leads some partitions, is killed while transactions are made.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kp_producer::blocking::TransactionalProducer;
use kp_producer::{EndError, TransactionOutcome};

use super::ground::Ground;
use super::is_full;
use super::late::LATE_OFFSETS;
use super::written::Written;
use crate::until::wait_until;

const TOPIC: &str = "lost-broker";
/// Transactions before, during and behind the loss.
const STRETCH: u64 = 5;
const IN_SYNC: Duration = Duration::from_secs(60);

/// TC4, TX19, L1, L3: each is told as committed or aborted, and most are committed.
pub(super) fn transactions_go_on_when_a_broker_is_killed(ground: &Ground) -> Vec<Written> {
    let mut written = Written::to(ground.topic(TOPIC));
    // A record may be told as failed, or be written once more behind an abort.
    written.not_all_in_log();
    let (committed, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let first = ground.group_coordinator(LATE_OFFSETS);
    let ids = (0..100).map(|number| format!("{TOPIC}-{number}"));
    let id = ids.into_iter().find(|id| ground.coordinator(id) == first).expect("each broker keeps some ids");
    let others = ground.cluster().broker_ids().into_iter().filter(|id| *id != first && is_full());
    std::thread::scope(|scope| {
        let sending =
            scope.spawn(|| send_until(ground.producer(&id, &[]), &mut written, &committed, &is_over));
        let more = |what: &str| {
            let enough = committed.load(Ordering::Relaxed) + STRETCH;
            let is_enough = || committed.load(Ordering::Relaxed) >= enough || sending.is_finished();
            wait_until(is_enough, what);
        };
        more("transactions of a whole cluster");
        for victim in [first].into_iter().chain(others) {
            ground.cluster().kill(victim).expect("the broker is killed");
            more("transactions of the others");
            ground.cluster().restart(victim).expect("the broker comes back");
            ground.cluster().wait_until_in_sync(IN_SYNC).expect("it has all again");
        }
        more("transactions of a whole cluster again");
        is_over.store(true, Ordering::Relaxed);
    });
    vec![written]
}

fn send_until(
    mut producer: TransactionalProducer,
    written: &mut Written,
    committed: &AtomicU64,
    is_over: &AtomicBool,
) {
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        let transaction = producer.begin().expect("it begins");
        written.send(&transaction, &format!("{number}:"));
        let outcome = match transaction.commit() {
            Ok(_) => TransactionOutcome::Committed,
            Err(EndError::Unresolved { .. }) => producer.resolve().expect("there was one"),
            Err(error) => error.outcome(),
        };
        match outcome {
            TransactionOutcome::Committed => {
                written.committed(&format!("{number}:"));
                committed.fetch_add(1, Ordering::Relaxed);
            }
            TransactionOutcome::Aborted => {}
            TransactionOutcome::Unresolved | TransactionOutcome::Unknown => {
                panic!("{number} was told as {outcome:?}")
            }
        }
    }
    let told = committed.load(Ordering::Relaxed);
    eprintln!("    {told} of {number} transactions committed around a killed broker");
}
