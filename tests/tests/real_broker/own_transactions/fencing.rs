//! Two producers with one `transactional.id`, and transactions that were open for too long.

use std::time::{Duration, Instant};

use kp_producer::blocking::{Transaction, TransactionalProducer};
use kp_producer::{BeginError, EndError, ProducerRecord, TransactionFailureKind};

use super::ground::Ground;
use super::written::Written;
use crate::until::wait_until;

/// `transaction.timeout.ms` of producers that are too slow.
const LIMIT: Duration = Duration::from_secs(2);
/// A producer that is fenced is told so within this time, while its brokers are there: not by the end of `max.block.ms`.
const AT_ONCE: Duration = Duration::from_secs(15);

/// TX15, TC12, TC21, L11: the second producer's transaction is open all the while, and is committed at last.
pub(super) fn the_older_of_two_is_told_fenced_and_never_fences_back(ground: &Ground) -> Vec<Written> {
    vec![fenced_at_its_commit(ground), fenced_at_a_send(ground)]
}

fn fenced_at_its_commit(ground: &Ground) -> Written {
    fenced(ground, "fenced-commit", |_| {})
}

fn fenced_at_a_send(ground: &Ground) -> Written {
    let id = "fenced-send";
    fenced(ground, id, |transaction| {
        let record = ProducerRecord::to(id).partition(0).key("older").value("late");
        let delivery = transaction.send(record).expect("accepted: nothing is known yet");
        drop(delivery.wait().expect_err("the partition has another epoch"));
        assert!(transaction.doomed().is_some(), "told by the send");
    })
}

/// The older one does this, then commits, when the newer one has its transaction open.
fn fenced(ground: &Ground, id: &str, before_its_commit: impl FnOnce(&Transaction<'_>)) -> Written {
    let mut written = Written::to(ground.topic(id));
    let (mut older, mut newer) = (ground.producer(id, &[]), ground.producer(id, &[]));
    let transaction = older.begin().expect("it begins");
    written.send(&transaction, "older");
    transaction.flush().expect("it may wait here");
    let others = newer.begin().expect("it begins, and fences");
    written.send(&others, "newer");
    others.flush().expect("it may wait here");

    let asked = Instant::now();
    before_its_commit(&transaction);
    let error = transaction.commit().expect_err("it is fenced");
    assert!(asked.elapsed() < AT_ONCE, "told after {:?}", asked.elapsed());
    assert_fenced(&error);
    assert_finished(&mut older);
    others.commit().expect("the older one did not fence back");
    written.committed("newer");
    written
}

fn assert_fenced(error: &EndError) {
    let is_fenced =
        matches!(error, EndError::Fatal(why) if matches!(why.kind, TransactionFailureKind::Fenced));
    assert!(is_fenced, "{error:?}");
}

fn assert_finished(producer: &mut TransactionalProducer) {
    let error = producer.begin().expect_err("it is finished");
    assert!(matches!(error, BeginError::Fatal(_)), "{error}");
}

/// TX3, TC15, TC21, TM-T: told at a commit, and by a record; the producer goes on where brokers let it.
pub(super) fn a_transaction_that_timed_out_is_told_as_such(ground: &Ground) -> Vec<Written> {
    a_limit_that_the_broker_does_not_take_is_named(ground);
    vec![timed_out(ground, "timeout-commit", false), timed_out(ground, "timeout-send", true)]
}

fn timed_out(ground: &Ground, id: &str, sends_again: bool) -> Written {
    let mut written = Written::to(ground.topic(id));
    let mut producer = ground.producer(id, &[("transaction.timeout.ms", "2000")]);
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "1");
    transaction.flush().expect("it may wait here");
    wait_until(|| ground.state_of(id).transaction_state == "CompleteAbort", "the coordinator's abort");
    if sends_again {
        let record = ProducerRecord::to(id).partition(0).key("1").value("late");
        let delivery = transaction.send(record).expect("accepted: nothing is known yet");
        drop(delivery.wait().expect_err("the partition has another epoch"));
    }
    let error = transaction.commit().expect_err("it was aborted");
    let is_told = matches!(&error, EndError::Aborted(why) if is_time_out(&why.kind)) && error.is_retriable();
    assert!(is_told, "{id}: {error:?}");
    if !ground.has_second_protocol() {
        assert_finished_by_the_time_out(&mut producer, &mut written);
        producer = ground.producer(id, &[]);
    }
    a_next_one_is_committed(&mut producer, &mut written);
    written
}

/// Its time, too, may be up on a busy machine.
fn a_next_one_is_committed(producer: &mut TransactionalProducer, written: &mut Written) {
    for number in 2..10 {
        let transaction = producer.begin().expect("it begins");
        let name = format!("{number}:");
        written.send(&transaction, &name);
        match transaction.commit() {
            Ok(_) => return written.committed(&name),
            Err(error) => assert!(error.is_retriable(), "{error:?}"),
        }
        written.not_all_in_log();
    }
    panic!("none of eight is committed within its time");
}

/// 3.9 renews no pair that has timed out (TM-T7): the next transaction is told so, with the reason.
fn assert_finished_by_the_time_out(producer: &mut TransactionalProducer, written: &mut Written) {
    let failure = match producer.begin() {
        Ok(transaction) => {
            written.not_all_in_log();
            let record = ProducerRecord::to(written.topic()).partition(0).key("x").value("x");
            let _ = transaction.send(record);
            match transaction.commit().expect_err("its pair cannot be renewed") {
                EndError::Fatal(failure) => failure,
                other => panic!("{other:?}"),
            }
        }
        Err(BeginError::Fatal(failure)) => failure,
        Err(other) => panic!("{other:?}"),
    };
    assert!(is_time_out(&failure.kind), "{failure:?}");
    assert_finished(producer);
}

fn is_time_out(kind: &TransactionFailureKind) -> bool {
    matches!(kind, TransactionFailureKind::TimedOut { limit, .. } if *limit == LIMIT)
}

/// The limit of brokers is 15 minutes.
fn a_limit_that_the_broker_does_not_take_is_named(ground: &Ground) {
    let mut producer = ground.producer("limit", &[("transaction.timeout.ms", "900001")]);
    let error = producer.init().expect_err("the broker does not take it");
    let words = error.to_string();
    assert!(matches!(error, BeginError::InvalidTransactionTimeout { .. }), "{error:?}");
    for expected in ["transaction.timeout.ms = 900001", "transaction.max.timeout.ms"] {
        assert!(words.contains(expected), "{words}");
    }
    let mut producer = ground.producer("limit", &[("transaction.timeout.ms", "900000")]);
    producer.init().expect("the broker takes its limit");
}
