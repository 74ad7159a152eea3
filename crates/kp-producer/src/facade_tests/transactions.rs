//! What the transactional handles promise, over a core that says what the test says.

#![allow(clippy::disallowed_methods, reason = "a caller that blocks needs a thread of its own")]

use super::scripted_core::{Ends, Play, failure, initialized, once};
use crate::{
    BeginError, BuildError, Certainty, CommittedOffset, EndError, ErrorCode, FailureKind, GroupMetadata,
    LongSerializer, OffsetsError, Producer, ProducerConfig, ProducerRecord, SendErrorKind, StringSerializer,
    TopicPartition, TransactionFailureKind, TransactionOutcome, TypedRecord, blocking,
};
use kp_sender::{TransactionEnd, TransactionInput, TransactionOutput};
use kp_time::Clock;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECOND: [(&str, &str); 1] = [("max.block.ms", "1000")];

fn record(value: &str) -> ProducerRecord<'_> {
    ProducerRecord::to("a").partition(0).value(value)
}

fn group() -> GroupMetadata {
    GroupMetadata { group_id: "g".into(), generation: 7, member_id: "m".into(), instance_id: None }
}

fn offset(offset: i64) -> [(TopicPartition, CommittedOffset); 1] {
    [(TopicPartition::new("in", 0), CommittedOffset { offset, leader_epoch: None, metadata: None })]
}

/// A transaction of one record, which is too large.
fn too_large() -> Vec<u8> {
    vec![0; 2 << 20]
}

// TX4, TX9, TX10
#[test]
fn a_commit_tells_what_is_visible_and_the_next_transaction_has_the_next_number() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    let first = play.run(transaction.send(record("1"))).expect("accepted");
    drop(play.run(transaction.send_all([record("2"), record("3")])).expect("accepted"));
    play.run(transaction.send_offsets(offset(4), &group())).expect("they are in");
    play.run(transaction.send_offsets(offset(5), &group())).expect("they are in");
    let committed = play.run(transaction.commit()).expect("it is committed");
    assert_eq!((committed.records, committed.groups, committed.epoch), (3, 1, 3));
    let written = first.try_result().expect("the commit waited for it").expect("it is written");
    assert!(written.in_transaction());
    assert_eq!(producer.last_outcome(), Some(TransactionOutcome::Committed));
    let empty = play.run(producer.begin()).expect("it begins");
    assert_eq!(empty.number(), 2);
    assert_eq!(play.run(empty.commit()).expect("it is committed").records, 0);
    let asked = |input: &TransactionInput| matches!(input, TransactionInput::Init);
    assert_eq!(play.heard.iter().filter(|input| asked(input)).count(), 1, "one producer id is enough");
}

// TX12, TX16
#[test]
fn a_commit_of_a_doomed_transaction_aborts_it_with_the_first_cause_and_the_producer_is_good() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    drop(play.run(transaction.send(record("1"))).expect("accepted"));
    assert_eq!(transaction.doomed(), None);
    let partition = TopicPartition::new("a", 0);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let why = failure(TransactionFailureKind::Partition { partition, code });
    play.say(TransactionOutput::Doomed { number: 1, why: why.clone() });
    play.ends = Ends::With(TransactionEnd::Aborted { why: Some(why.clone()) });
    assert_eq!(transaction.doomed(), Some(why.clone()));
    let refused = play.run(transaction.send(record("2"))).expect_err("nothing enters it any more");
    assert!(matches!(refused.kind(), SendErrorKind::TransactionDoomed { .. }), "{refused}");
    assert!(refused.needs_abort() && !refused.is_fatal());
    let error = play.run(transaction.commit()).expect_err("it is not committed");
    assert_eq!(error, EndError::Aborted(why));
    assert_eq!(
        (error.outcome(), error.is_retriable(), error.is_fatal()),
        (TransactionOutcome::Aborted, true, false)
    );
    play.ends = Ends::AsAsked;
    let transaction = play.run(producer.begin()).expect("it goes on");
    assert_eq!(transaction.doomed(), None);
    play.run(transaction.commit()).expect("it is committed");
}

// L9
#[test]
fn a_dropped_transaction_is_aborted_without_waiting_and_the_next_one_waits_for_that() {
    let (mut play, mut producer) = Play::new(&[]);
    drop(play.run(producer.begin()).expect("it begins"));
    play.ends = Ends::Never;
    play.turn();
    assert_eq!(play.ends_heard(), [(1, false)]);
    let mut next = Box::pin(producer.begin());
    assert!(once(next.as_mut()).is_pending());
    play.say(TransactionOutput::Ended { number: 1, end: TransactionEnd::Aborted { why: None } });
    let Poll::Ready(Ok(begun)) = once(next.as_mut()) else { panic!("the one before is over") };
    drop(next);
    assert_eq!(begun.number(), 2);
    play.turn();
    assert_eq!(play.heard.last(), Some(&TransactionInput::Begin { number: 2 }));
    // One whose guard was forgotten is no other.
    std::mem::forget(begun);
    play.ends = Ends::AsAsked;
    assert_eq!(play.run(producer.begin()).expect("it begins").number(), 3);
    assert_eq!(play.ends_heard(), [(1, false), (2, false)]);
}

// TX5, L10
#[test]
fn an_end_that_takes_too_long_is_unresolved_until_the_same_end_is_known() {
    let (mut play, mut producer) = Play::new(&SECOND);
    let transaction = play.run(producer.begin()).expect("it begins");
    play.ends = Ends::Never;
    let begun = play.clock.now();
    play.say(TransactionOutput::Stalled { number: Some(1), reason: "broker 2 loads".into() });
    let error = play.run(transaction.commit()).expect_err("nobody knows");
    assert_eq!(error, EndError::Unresolved { waited: MS(1000), reason: "broker 2 loads".into() });
    assert_eq!(play.clock.now() - begun, MS(1000));
    assert_eq!(producer.metrics().counter("txn-commit-time-ns-total"), Some(1_000_000_000));
    assert_eq!((error.outcome(), error.is_retriable()), (TransactionOutcome::Unresolved, false));
    assert_eq!(producer.last_outcome(), Some(TransactionOutcome::Unresolved));
    let error = play.run(producer.begin()).expect_err("not before that is known");
    assert!(matches!(error, BeginError::PreviousUnresolved { waited, .. } if waited == MS(1000)), "{error}");
    assert!(error.is_retriable());
    assert_eq!(play.run(producer.resolve()), Some(TransactionOutcome::Unresolved));
    play.say(TransactionOutput::Ended { number: 1, end: TransactionEnd::Committed { epoch: 3 } });
    assert_eq!(play.run(producer.resolve()), Some(TransactionOutcome::Committed));
    // TC1: one decision, and nothing took it back.
    assert_eq!(play.ends_heard(), [(1, true)]);
    drop(play.run(producer.begin()).expect("it begins"));
}

// L7, PB23
#[test]
fn a_commit_whose_future_is_dropped_goes_on_and_one_that_was_never_polled_is_an_abort() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    {
        let mut commit = Box::pin(transaction.commit());
        assert!(once(commit.as_mut()).is_pending());
    }
    play.turn();
    assert_eq!(play.ends_heard(), [(1, true)]);
    assert_eq!(play.run(producer.resolve()), Some(TransactionOutcome::Committed));
    let transaction = play.run(producer.begin()).expect("it begins");
    drop(transaction.commit());
    play.turn();
    assert_eq!(play.ends_heard(), [(1, true), (2, false)]);
}

// L15, L4, PB22
#[test]
fn nothing_enters_a_transaction_behind_its_end() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    let (handle, topic) = (transaction.handle(), transaction.topic("a"));
    drop(play.run(topic.send(topic.record().value("1"))).expect("accepted"));
    assert_eq!(play.run(transaction.commit()).expect("it is committed").records, 1);
    let next = play.run(producer.begin()).expect("it begins");
    let refusals = [
        play.run(handle.send(record("2"))),
        handle.try_send(record("2")),
        play.run(topic.send(topic.record().value("2"))),
        topic.send_blocking(topic.record().value("2")),
    ];
    for refused in refusals {
        let error = refused.expect_err("it has ended");
        assert_eq!(*error.kind(), SendErrorKind::TransactionEnded);
        assert_eq!(error.certainty(), Certainty::NotWritten);
        assert!(!error.is_fatal() && !error.needs_abort());
    }
    assert_eq!(play.run(handle.send_offsets(offset(4), &group())), Err(OffsetsError::TransactionEnded));
    // Refused for another reason: too late to be a matter of that transaction.
    let value = too_large();
    let error = handle.try_send(ProducerRecord::to("a").value(&value)).expect_err("too large");
    assert!(matches!(error.kind(), SendErrorKind::RecordTooLarge { .. }) && !error.needs_abort());
    play.turn();
    assert!(!play.heard.iter().any(|input| matches!(input, TransactionInput::Doom { .. })));
    assert!(handle.is_ended() && !next.is_ended());
    assert_eq!(next.doomed(), None, "a stranger's refusal is not its matter");
    assert_eq!(play.run(next.commit()).expect("it is committed").records, 0);
}

// L15
#[test]
fn a_send_that_waits_when_the_transaction_ends_is_woken_and_refused_at_once() {
    /// Was woken.
    #[derive(Default)]
    struct Rung(std::sync::atomic::AtomicBool);
    impl Wake for Rung {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let one_page = [("buffer.memory", "30000"), ("batch.size", "16384"), ("linger.ms", "1000")];
    let (mut play, mut producer) = Play::new(&one_page);
    play.acknowledges = false;
    let transaction = play.run(producer.begin()).expect("it begins");
    drop(play.run(transaction.send(record("takes the page"))).expect("accepted"));
    let handle = transaction.handle();
    let waiting = [ProducerRecord::to("unknown"), ProducerRecord::to("b").partition(1)];
    let rung = Arc::new(Rung::default());
    let waker = Waker::from(Arc::clone(&rung));
    let mut context = std::task::Context::from_waker(&waker);
    let mut sends = waiting.map(|record| Box::pin(handle.send(record)));
    assert!(sends.iter_mut().all(|send| send.as_mut().poll(&mut context).is_pending()));
    let now = play.clock.now();
    drop(transaction);
    assert!(rung.0.load(std::sync::atomic::Ordering::SeqCst));
    for mut send in sends {
        let Poll::Ready(Err(error)) = send.as_mut().poll(&mut context) else { panic!("it is refused") };
        assert_eq!(*error.kind(), SendErrorKind::TransactionEnded);
    }
    assert_eq!(play.clock.now(), now);
}

// TX13
#[test]
fn a_refused_send_dooms_the_transaction_but_not_one_that_would_have_had_to_wait() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    let error = transaction.try_send(ProducerRecord::to("unknown")).expect_err("no metadata");
    assert!(*error.kind() == SendErrorKind::WouldBlock && !error.needs_abort());
    assert_eq!(transaction.doomed(), None);
    let value = too_large();
    let error = play.run(transaction.send(ProducerRecord::to("a").value(&value))).expect_err("too large");
    assert!(error.needs_abort());
    let error = play.run(transaction.commit()).expect_err("a record is missing");
    let EndError::Aborted(why) = error else { panic!("{error}") };
    assert!(
        matches!(&why.kind, TransactionFailureKind::SendRefused { reason } if reason.contains("max.request.size"))
    );
    // The core heard of it before it heard of the end.
    let heard = &play.heard[play.heard.len() - 2..];
    assert!(
        matches!(heard, [TransactionInput::Doom { number: 1, .. }, TransactionInput::End { .. }]),
        "{heard:?}"
    );
}

// TX13
#[test]
fn who_handles_each_refusal_can_commit_without_the_refused_records() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    transaction.tolerate_refused();
    let value = too_large();
    let error = play.run(transaction.send(ProducerRecord::to("a").value(&value))).expect_err("too large");
    assert!(!error.needs_abort());
    drop(play.run(transaction.send(record("1"))).expect("accepted"));
    assert_eq!(play.run(transaction.commit()).expect("it is committed").records, 1);
}

// TX15, TX18
#[test]
fn a_fenced_producer_is_finished_and_says_why_ever_after() {
    for (end, outcome) in [
        (TransactionEnd::Fatal as fn(_) -> _, TransactionOutcome::Aborted),
        (TransactionEnd::Unknown as fn(_) -> _, TransactionOutcome::Unknown),
    ] {
        let (mut play, mut producer) = Play::new(&[]);
        let transaction = play.run(producer.begin()).expect("it begins");
        let fenced = failure(TransactionFailureKind::Fenced);
        play.ends = Ends::With(end(fenced.clone()));
        let error = play.run(transaction.commit()).expect_err("it is fenced");
        assert_eq!((error.outcome(), error.is_fatal(), error.is_retriable()), (outcome, true, false));
        assert_eq!(error.failure(), Some(&fenced));
        assert_eq!(producer.last_outcome(), Some(outcome));
        for _ in 0..2 {
            assert_eq!(play.run(producer.begin()).expect_err("finished"), BeginError::Fatal(fenced.clone()));
        }
        assert_eq!(play.run(producer.init()), Err(BeginError::Fatal(fenced)));
    }
}

// TX3, TX31
#[test]
fn a_producer_id_that_was_refused_is_asked_for_again_by_the_next_call_unless_that_is_of_no_use() {
    let (mut play, mut producer) = Play::new(&SECOND);
    let code = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    let denied = failure(TransactionFailureKind::Authorization(code));
    let refuse = |failure, is_fatal| Some(TransactionOutput::InitFailed { failure, is_fatal });
    play.init = vec![refuse(denied.clone(), false), None];
    assert_eq!(play.run(producer.init()), Err(BeginError::Authorization(denied)));
    // The next attempt is not answered in time, and goes on.
    let error = play.run(producer.init()).expect_err("no answer");
    assert!(matches!(error, BeginError::InitTimeout { waited, .. } if waited == MS(1000)), "{error}");
    play.say(initialized());
    play.run(producer.init()).expect("it is there");
    assert_eq!(play.heard, [TransactionInput::Init, TransactionInput::Init]);

    let (mut play, mut producer) = Play::new(&[("transaction.timeout.ms", "7777777")]);
    play.init = vec![refuse(failure(TransactionFailureKind::InvalidTimeout), true)];
    for _ in 0..2 {
        let error = play.run(producer.begin()).expect_err("the broker does not take it");
        assert!(error.is_fatal());
        assert!(error.to_string().starts_with("transaction.timeout.ms = 7777777"), "{error}");
    }
    assert_eq!(play.heard, [TransactionInput::Init]);
}

// TX21
#[test]
fn offsets_that_are_refused_doom_the_transaction_and_none_at_all_ask_nothing() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    assert_eq!(play.run(transaction.send_offsets([], &group())), Ok(()));
    let unlike = [
        GroupMetadata { member_id: "".into(), ..group() },
        GroupMetadata { generation: -1, ..group() },
        GroupMetadata { group_id: "".into(), ..group() },
    ];
    for group in unlike {
        let refused = play.run(transaction.send_offsets(offset(1), &group));
        assert!(matches!(refused, Err(OffsetsError::InvalidGroup(_))), "{refused:?}");
    }
    let below = play.run(transaction.send_offsets(offset(-1), &group())).expect_err("a broker would take it");
    assert!(
        matches!(below, OffsetsError::InvalidOffset { offset: -1, .. }) && !below.needs_abort(),
        "{below}"
    );
    let alone = GroupMetadata { generation: -1, member_id: "".into(), ..group() };
    play.run(transaction.send_offsets(offset(1), &alone)).expect("a consumer without a group");
    assert_eq!(transaction.doomed(), None);
    let why = failure(TransactionFailureKind::Offsets(ErrorCode::ILLEGAL_GENERATION));
    play.offsets = Some(Err(why.clone()));
    let error = play.run(transaction.send_offsets(offset(1), &group())).expect_err("rebalanced");
    assert!(error.is_rebalanced() && error.needs_abort());
    assert_eq!(error, OffsetsError::Failed(why.clone()));
    assert_eq!(transaction.doomed(), Some(why));
    let asked = |input: &&TransactionInput| matches!(input, TransactionInput::SendOffsets { .. });
    assert_eq!(play.heard.iter().filter(asked).count(), 2);
}

// PB20, L13
#[test]
fn offsets_that_nobody_answers_for_doom_the_transaction() {
    let (mut play, mut producer) = Play::new(&SECOND);
    let transaction = play.run(producer.begin()).expect("it begins");
    play.offsets = None;
    let error = play.run(transaction.send_offsets(offset(1), &group())).expect_err("no answer");
    assert!(matches!(error, OffsetsError::TimedOut { waited, .. } if waited == MS(1000)), "{error}");
    assert!(transaction.doomed().is_some());
    assert!(matches!(play.run(transaction.commit()), Err(EndError::Aborted(_))));
}

#[test]
fn an_abort_tells_what_it_discards() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    drop(play.run(transaction.send(record("1"))).expect("accepted"));
    let aborted = play.run(transaction.abort()).expect("it is aborted");
    assert_eq!((aborted.discarded, aborted.in_log), (1, 0));
    assert_eq!(producer.last_outcome(), Some(TransactionOutcome::Aborted));
    play.turn();
    assert_eq!(play.ends_heard(), [(1, false)]);
}

#[test]
fn a_transaction_that_owns_its_producer_gives_it_back_at_the_end() {
    let (mut play, producer) = Play::new(&[]);
    let transaction = play.run(producer.begin_owned()).expect("it begins");
    drop(play.run(transaction.send(record("1"))).expect("accepted"));
    let (producer, ended) = play.run(transaction.commit());
    assert_eq!(ended.expect("it is committed").records, 1);
    let transaction = play.run(producer.begin_owned()).expect("it begins");
    let (producer, ended) = play.run(transaction.abort());
    ended.expect("it is aborted");
    play.ends = Ends::With(TransactionEnd::Fatal(failure(TransactionFailureKind::Fenced)));
    let transaction = play.run(producer.begin_owned()).expect("it begins");
    let (producer, _) = play.run(transaction.commit());
    let (producer, error) = play.run(producer.begin_owned()).expect_err("it is fenced");
    assert!(error.is_fatal() && producer.transactional_id() == "t-1");
}

// CL9, L10
#[test]
fn when_the_producer_ends_a_commit_that_was_asked_for_is_unknown_and_an_abort_is_certain() {
    for commits in [true, false] {
        let (mut play, mut producer) = Play::new(&[]);
        let transaction = play.run(producer.begin()).expect("it begins");
        play.ends = Ends::Never;
        let end = async {
            match commits {
                true => transaction.commit().await.map(drop),
                false => transaction.abort().await.map(drop),
            }
        };
        let mut end = pin!(end);
        assert!(once(end.as_mut()).is_pending());
        play.turn();
        crate::drive::driver::give_up(&play.shared);
        let Poll::Ready(Err(error)) = once(end.as_mut()) else { panic!("nobody will tell") };
        match commits {
            true => assert!(matches!(error, EndError::Unknown(_)), "{error}"),
            false => assert!(matches!(error, EndError::Fatal(_)), "{error}"),
        }
    }
}

#[test]
fn a_producer_that_is_dropped_ends_although_handles_and_observers_live_on() {
    let (mut play, mut producer) = Play::new(&[]);
    let (observer, handle) = (producer.observer(), play.run(producer.begin()).expect("it begins").handle());
    drop(producer);
    play.turn();
    assert_eq!(play.ends_heard(), [(1, false)], "the abort comes first");
    assert!(play.shared.accumulator.is_closed());
    let error = handle.try_send(record("1")).expect_err("it has ended");
    assert_eq!(*error.kind(), SendErrorKind::TransactionEnded);
    assert_eq!(observer.last_outcome(), Some(TransactionOutcome::Aborted));
}

// CL2
#[test]
fn no_call_waits_on_the_network_thread() {
    let (mut play, mut producer) = Play::new(&[]);
    let transaction = play.run(producer.begin()).expect("it begins");
    play.shared.link.enter_network_thread();
    assert_eq!(play.run(transaction.send_offsets(offset(1), &group())), Err(OffsetsError::WouldDeadlock));
    // The end is on its way all the same.
    assert!(matches!(
        play.run(transaction.commit()),
        Err(EndError::Unresolved { waited: Duration::ZERO, .. })
    ));
    play.shared.link.leave_network_thread();
    assert_eq!(play.run(producer.resolve()), Some(TransactionOutcome::Committed));
    let (mut other, mut fresh) = Play::new(&[]);
    fresh.producer().shared().link.enter_network_thread();
    assert_eq!(other.run(fresh.begin()).expect_err("it would wait"), BeginError::WouldDeadlock);
    fresh.producer().shared().link.leave_network_thread();
}

// TX2
#[test]
fn a_transactional_id_and_a_producer_without_transactions_do_not_go_together() {
    let plain = || ProducerConfig::default().bootstrap_servers("nowhere:1");
    let error = Producer::builder(plain().transactional_id("t")).build().expect_err("it has a name");
    assert!(matches!(error, BuildError::Transactional) && error.to_string().contains("build_transactional"));
    let error = Producer::builder(plain()).build_transactional().expect_err("it has no name");
    assert!(matches!(error, BuildError::NotTransactional) && error.to_string().contains("transactional.id"));
    let classic = plain().transactional_id("t");
    let mut config = classic;
    config.set("kp.defaults", "0.9").expect("a good value");
    let error = Producer::builder(config).build_transactional().expect_err("it gives up idempotence");
    assert!(error.to_string().contains("idempotence"), "{error}");
}

#[test]
fn handles_go_to_other_threads_and_the_guarantee_is_told() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (mut play, mut producer) = Play::new(&[]);
    shared(&producer);
    shared(&producer.observer());
    assert!(producer.guarantees().atomic);
    let transaction = play.run(producer.begin()).expect("it begins");
    shared(&transaction);
    shared(&transaction.handle());
    drop(transaction);
    assert_eq!(producer.transactional_id(), "t-1");
}

#[test]
fn without_async_the_same_calls_block_until_the_driver_has_turned() {
    let (mut play, producer) = Play::new(&[]);
    let application = std::thread::spawn(move || {
        let mut producer = blocking::TransactionalProducer::from(producer);
        let transaction = producer.begin().expect("it begins");
        let delivery = transaction.send(record("1")).expect("accepted");
        let handle = transaction.handle();
        let other = std::thread::spawn(move || handle.send_all([record("2"), record("3")]).map(drop));
        other.join().expect("no panic").expect("accepted");
        transaction.send_offsets(offset(4), &group()).expect("they are in");
        let late = transaction.handle();
        let committed = transaction.commit().expect("it is committed");
        assert!(delivery.wait().expect("it is written").in_transaction());
        let error = late.send(record("4")).expect_err("it has ended");
        assert_eq!(*error.kind(), SendErrorKind::TransactionEnded);
        producer.begin().expect("it begins").abort().expect("it is aborted");
        assert_eq!(producer.resolve(), Some(TransactionOutcome::Aborted));
        (committed.records, committed.groups, producer)
    });
    while !application.is_finished() {
        if !play.turn() {
            std::thread::yield_now();
        }
    }
    let (records, groups, producer) = application.join().expect("no panic");
    assert_eq!((records, groups, producer.transactional_id()), (3, 1, "t-1"));
}

// TX12
#[test]
fn a_record_that_failed_says_that_its_transaction_needs_an_abort() {
    let (mut play, mut producer) = Play::new(&[]);
    play.acknowledges = false;
    let transaction = play.run(producer.begin()).expect("it begins");
    let delivery = play.run(transaction.send(record("1"))).expect("accepted");
    let mut all = play.run(transaction.send_all([record("2")])).expect("accepted");
    play.shared.accumulator.fail_everything(FailureKind::Closed);
    let error = delivery.try_result().expect("it has ended").expect_err("it has failed");
    assert!(error.needs_abort());
    let outcomes = all.try_outcomes().expect("they are there");
    assert!(outcomes.errors().all(|(_, error)| error.needs_abort()) && outcomes.written() == 0);
}

// FA1
#[test]
fn typed_records_go_through_serializers_that_are_made_once() {
    let (mut play, mut producer) = Play::new(&[]);
    let orders = producer.typed::<i64, str>(LongSerializer, StringSerializer).expect("they are configured");
    for _ in 0..2 {
        let transaction = play.run(producer.begin()).expect("it begins");
        let typed = transaction.typed(&orders);
        drop(play.run(typed.send(TypedRecord::to("a").key(&17).value("shipped"))).expect("accepted"));
        assert_eq!(play.run(transaction.commit()).expect("it is committed").records, 1);
        let error = typed.try_send(&TypedRecord::to("a").key(&17).value("late")).expect_err("it has ended");
        assert_eq!(*error.kind(), SendErrorKind::TransactionEnded);
    }
}
