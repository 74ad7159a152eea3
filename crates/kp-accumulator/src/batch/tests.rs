//! The end of a batch: outcome, callbacks, wakers, memory (BB21–BB23, BB28).

use crate::testing::{Room, Rung, settings, value, written};
use crate::{BrokerError, Certainty, FailureKind, Outcome, RecordCallback, RecordResult, Target};
use kp_protocol::{ErrorCode, Offset, PartitionId, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::Waker;

const FIRST: Target = Target::Partition(PartitionId(0));

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, what: &'static str) -> RecordCallback {
    let log = Arc::clone(log);
    Box::new(move |outcome| {
        let result = match outcome.result {
            RecordResult::Written { offset, .. } => format!("{:?}", offset.map(|offset| offset.0)),
            RecordResult::Failed { failure, .. } => format!("{:?}", failure.kind),
        };
        log.lock().push(format!("{what} {} {} {result}", outcome.partition, outcome.index));
    })
}

// BB21, BB22, BB23
#[test]
fn callbacks_run_once_in_append_order_and_know_their_offset() {
    let (room, log) = (Room::new(settings(), &[0]), Log::default());
    room.send_record(FIRST, &value(b"a"), Some(note(&log, "a"))).unwrap();
    room.send(0, b"without");
    room.send_record(FIRST, &value(b"c"), Some(note(&log, "c"))).unwrap();
    room.pass(10);
    Room::acknowledge(room.turn(0), 40);
    assert_eq!(*log.lock(), ["a t-0 0 Some(40)", "c t-0 2 Some(42)"]);
}

// BB22
#[test]
fn callbacks_see_the_outcome_and_run_before_anybody_is_woken() {
    let (room, rung) = (Room::new(settings(), &[0]), Arc::new(Rung::default()));
    let completion = Arc::new(Mutex::new(None::<Arc<crate::Completion>>));
    let (inside, bell) = (Arc::clone(&completion), Arc::clone(&rung));
    let seen = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&seen);
    let callback: RecordCallback = Box::new(move |_| {
        let completion = inside.lock().take().expect("stored by the test");
        *tell.lock() = Some((completion.outcome().is_some(), bell.times()));
    });
    let appended = room.send_record(FIRST, &value(b"a"), Some(callback)).unwrap();
    assert!(appended.completion.poll_record(0, &Waker::from(Arc::clone(&rung))).is_pending());
    *completion.lock() = Some(appended.completion);
    room.pass(10);
    Room::acknowledge(room.turn(0), 0);
    assert_eq!((*seen.lock(), rung.times()), (Some((true, 0)), 1));
}

// BB22
#[test]
fn a_panicking_callback_harms_only_its_own_record() {
    let (room, log) = (Room::new(settings(), &[0]), Log::default());
    room.send_record(FIRST, &value(b"a"), Some(note(&log, "a"))).unwrap();
    room.send_record(FIRST, &value(b"b"), Some(Box::new(|_| std::panic::resume_unwind(Box::new("b")))))
        .unwrap();
    let last = room.send_record(FIRST, &value(b"c"), Some(note(&log, "c"))).unwrap();
    room.pass(10);
    Room::acknowledge(room.turn(0), 7);
    assert_eq!(*log.lock(), ["a t-0 0 Some(7)", "c t-0 2 Some(9)"]);
    assert_eq!(room.accumulator.callback_panics(), 1);
    assert!(matches!(
        last.completion.record_result(2),
        Some(RecordResult::Written { offset: Some(Offset(9)), .. })
    ));
}

// SN11: no lock is held while it runs
#[test]
fn a_callback_may_send_again() {
    let room = Arc::new(Room::new(settings(), &[0]));
    let inside = Arc::downgrade(&room);
    let callback: RecordCallback = Box::new(move |_| {
        inside.upgrade().expect("the room lives").send(0, b"again");
    });
    room.send_record(FIRST, &value(b"first"), Some(callback)).unwrap();
    room.pass(10);
    Room::acknowledge(room.turn(0), 0);
    room.pass(10);
    assert_eq!(room.accumulator.incomplete_records(), 1);
    Room::acknowledge(room.turn(0), 1);
}

#[test]
fn what_callbacks_take_is_counted_and_comes_back() {
    let (room, log) = (Room::new(settings(), &[0]), Log::default());
    room.send(0, b"page");
    let before = room.pool.available();
    for _ in 0..50 {
        room.send_record(FIRST, &value(b"v"), Some(note(&log, "v"))).unwrap();
    }
    let counted = before - room.pool.available();
    assert!(counted >= 50 * size_of::<super::callbacks::Callback>(), "{counted} bytes");
    room.pass(10);
    Room::acknowledge(room.turn(0), 0);
    assert_eq!((room.pool.available(), log.lock().len()), (20_000, 50));
}

// BB24
#[test]
fn a_failure_reaches_every_record_with_its_place_in_the_batch() {
    let (room, log) = (Room::new(settings(), &[0]), Log::default());
    let first = room.send_record(FIRST, &value(b"a"), Some(note(&log, "a"))).unwrap();
    let second = room.send(0, b"b");
    room.pass(10);
    let batch = room.turn(0).pop().unwrap().batch;
    let named = vec![(1, Some(Arc::from("no key")))];
    let kind = FailureKind::InvalidRecord;
    let failure = batch.failure(room.now(), kind, Certainty::NotWritten, None, named);
    batch.settle(Outcome::Failed(Arc::new(failure)));
    assert_eq!(*log.lock(), ["a t-0 0 InvalidRecord"]);
    let Some(RecordResult::Failed { index_in_batch: 1, failure }) = second.completion.record_result(1) else {
        panic!("it failed");
    };
    assert_eq!(failure.record_error(1), Some(Some("no key")));
    assert_eq!(failure.record_error(0), None);
    assert!(matches!(
        first.completion.record_result(0),
        Some(RecordResult::Failed { index_in_batch: 0, .. })
    ));
}

// BB23
#[test]
fn the_brokers_time_counts_for_all_records_of_the_batch() {
    let room = Room::new(settings(), &[0]);
    let appended = room.send_full(0);
    let batch = room.turn(0).pop().unwrap().batch;
    batch.settle(Outcome::Written { base_offset: None, log_append_time: Some(Timestamp(77)) });
    assert!(matches!(
        appended.completion.record_result(0),
        Some(RecordResult::Written { offset: None, log_append_time: Some(Timestamp(77)) })
    ));
}

// BB27
#[test]
fn a_batch_remembers_why_its_last_attempt_failed_and_its_parts_begin_with_that() {
    let room = Room::new(settings(), &[0]);
    let error = |code| BrokerError { code, message: None, broker: None };
    (0..2).for_each(|_| drop(room.send(0, b"v")));
    room.pass(10);
    let mut drained = room.turn(0).remove(0);
    assert_eq!(drained.batch.last_error(), None);
    drained.batch.remember_error(error(ErrorCode::NETWORK_EXCEPTION));
    drained.batch.remember_error(error(ErrorCode::MESSAGE_TOO_LARGE));
    let requeued = drained.batch.requeue(room.now());
    assert_eq!(requeued.last_error(), Some(&error(ErrorCode::MESSAGE_TOO_LARGE)));
    room.accumulator.requeue(requeued, room.now(), None);
    let again = room.turn(0).remove(0);
    let (whole, outcome) = room.accumulator.split(again.batch, room.now()).expect("two records");
    whole.settle(outcome);
    let parts = room.turn(0);
    assert_eq!(parts[0].batch.last_error(), Some(&error(ErrorCode::MESSAGE_TOO_LARGE)));
    Room::acknowledge(parts, 0);
    Room::acknowledge(room.turn(0), 1);
    room.send(0, b"a new batch, perhaps in the same memory");
    room.pass(10);
    let fresh = room.turn(0);
    assert_eq!(fresh[0].batch.last_error(), None);
    Room::acknowledge(fresh, 2);
}

// BB21
#[test]
fn settling_publishes_once() {
    let room = Room::new(settings(), &[0]);
    let appended = room.send_full(0);
    Room::acknowledge(room.turn(0), 3);
    assert!(!appended.completion.publish(written(9)));
}

// BB23
#[test]
fn a_batch_in_memory_that_was_used_before_knows_nothing_of_the_one_before() {
    let room = Room::new(settings(), &[0]);
    let kept = room.send(0, b"kept");
    drop(room.send(0, b"dropped"));
    room.pass(10);
    let mut drained = room.turn(0);
    drained[0].batch.mark_unknown();
    Room::acknowledge(drained, 40);
    // The memory of the first batch is there again, its completion is still looked at.
    assert_eq!(room.accumulator.spares.counts(), (1, 1));
    let second = room.send(0, b"second");
    assert!(!Arc::ptr_eq(&kept.completion, &second.completion));
    assert!(second.completion.outcome().is_none());
    room.pass(10);
    let drained = room.turn(0);
    let batch = &drained[0].batch;
    assert_eq!((batch.attempts(), batch.record_count(), batch.is_ever_unknown()), (1, 1, false));
    Room::acknowledge(drained, 70);
    let offset = |completion: &crate::Completion, index| match completion.record_result(index) {
        Some(RecordResult::Written { offset, .. }) => offset.map(|offset| offset.0),
        other => panic!("{other:?}"),
    };
    assert_eq!((offset(&kept.completion, 0), offset(&second.completion, 0)), (Some(40), Some(70)));
    // No waiter looks at either any more: both serve again, as if new.
    let old = [Arc::as_ptr(&kept.completion), Arc::as_ptr(&second.completion)];
    drop((kept, second));
    for _ in 0..2 {
        let again = room.send(0, b"again");
        assert!(old.contains(&Arc::as_ptr(&again.completion)), "it is used again");
        assert_eq!(room.accumulator.spares.counts().0, 0);
        assert!(again.completion.outcome().is_none() && !again.completion.is_done());
        room.pass(10);
        Room::acknowledge(room.turn(0), 1);
    }
}

/// A room whose listener writes into the log.
fn listening(log: &Log) -> Room {
    let (room, log) = (Room::new(settings(), &[0]), Arc::clone(log));
    let listener = move |token, outcome: crate::RecordOutcome<'_>| match outcome.result {
        RecordResult::Written { offset, .. } => {
            log.lock().push(format!("#{token} {:?}", offset.map(|offset| offset.0)));
        }
        RecordResult::Failed { failure, .. } => log.lock().push(format!("#{token} {:?}", failure.kind)),
    };
    assert!(room.accumulator.set_listener(Box::new(listener)));
    assert!(!room.accumulator.set_listener(Box::new(|_, _| {})), "there is one");
    room
}

// BB21, BB22, BB23
#[test]
fn tokens_and_callbacks_are_told_in_one_order_and_a_panic_harms_nobody_else() {
    let log = Log::default();
    let room = listening(&log);
    room.send_tagged(b"a", 70);
    room.send_record(FIRST, &value(b"b"), Some(note(&log, "b"))).unwrap();
    room.send(0, b"nobody is told");
    room.send_record(FIRST, &value(b"c"), Some(Box::new(|_| panic!("on purpose")))).unwrap();
    room.send_tagged(b"d", u64::MAX);
    room.send_tagged(b"e", 70);
    room.pass(10);
    Room::acknowledge(room.turn(0), 40);
    assert_eq!(
        *log.lock(),
        ["#70 Some(40)", "b t-0 1 Some(41)", "#18446744073709551615 Some(44)", "#70 Some(45)"]
    );
    assert_eq!(room.accumulator.callback_panics(), 1);
    room.send_tagged(b"f", 1);
    drop(room);
    assert_eq!(log.lock().last().unwrap(), "#1 Closed");
}

#[test]
fn what_tokens_take_is_counted_and_comes_back_also_from_a_list_that_is_used_again() {
    let log = Log::default();
    let room = listening(&log);
    for round in 0..3 {
        room.send(0, b"page");
        let before = room.pool.available();
        (0..50).for_each(|token| room.send_tagged(b"v", token));
        let counted = before - room.pool.available();
        assert!(counted >= 50 * size_of::<super::list_memory::Token>(), "round {round}: {counted} bytes");
        assert!(counted <= 50 * 64, "round {round}: {counted} bytes");
        room.pass(10);
        Room::acknowledge(room.turn(0), 0);
        assert_eq!(room.pool.available(), 20_000, "round {round}");
    }
    assert_eq!(log.lock().len(), 150);
}

// BB25
#[test]
fn tokens_follow_their_records_into_the_parts_of_a_split() {
    let log = Log::default();
    let room = listening(&log);
    (0..9).for_each(|token| room.send_tagged(&[b'x'; 90], token));
    room.pass(10);
    let crate::Drained { batch, wire, .. } = room.turn(0).pop().unwrap();
    drop(wire);
    let (whole, outcome) = room.accumulator.split(batch, room.now()).unwrap();
    whole.settle(outcome);
    assert_eq!(log.lock().len(), 0, "nothing is decided");
    let mut base = 100;
    while let Some(drained) = room.turn(0).pop() {
        let records = i64::from(drained.batch.record_count());
        drained.batch.settle(written(base));
        base += records;
    }
    assert_eq!(
        *log.lock(),
        (0..9).map(|token| format!("#{token} Some({})", 100 + token)).collect::<Vec<_>>()
    );
}

#[test]
fn lists_of_tokens_are_used_again() {
    let log = Log::default();
    let room = listening(&log);
    let mut seen = Vec::new();
    for _ in 0..3 {
        room.send_tagged(b"v", 1);
        room.pass(10);
        let drained = room.turn(0);
        seen.push(drained[0].batch.core.callbacks.tokens.as_ptr());
        Room::acknowledge(drained, 0);
        assert_eq!(room.accumulator.lists.kept_count(), 1);
    }
    assert!(seen[1] == seen[0] && seen[2] == seen[0], "{seen:?}");
}
