//! Each call about a transaction, dropped at its k-th look for every k: what was begun then goes one way, and the producer goes on.

use super::scripted_core::{Play, once};
use crate::{
    BeginError, CommittedOffset, GroupMetadata, ProducerRecord, TopicPartition, TransactionOutcome,
    TransactionalProducer,
};
use kp_sender::TransactionInput;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Looks at the future so often, the core having a turn between two looks, and drops it. Whether it had ended by then.
fn drop_after<T>(play: &mut Play, looks: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..looks {
        if let Poll::Ready(output) = once(future.as_mut()) {
            return Some(output);
        }
        play.turn();
    }
    None
}

/// Plays the same with one look more until the call has ended in it.
fn at_each_look(mut play: impl FnMut(usize) -> bool) {
    for looks in 0..20 {
        if play(looks) {
            assert!(looks > 1, "it waits for something");
            return;
        }
    }
    panic!("it never ends");
}

/// A transaction begins, and commits what is sent in it.
fn goes_on(play: &mut Play, producer: &mut TransactionalProducer) {
    let transaction = play.run(producer.begin()).expect("it begins");
    drop(play.run(transaction.send(record("next"))).expect("accepted"));
    assert_eq!(play.run(transaction.commit()).expect("it is committed").records, 1);
}

fn record(value: &str) -> ProducerRecord<'_> {
    ProducerRecord::to("a").partition(0).value(value)
}

fn heard(play: &Play, wanted: impl Fn(&TransactionInput) -> bool) -> usize {
    play.heard.iter().filter(|input| wanted(input)).count()
}

// PB23, L7, L10
#[test]
fn a_commit_that_is_dropped_at_any_look_has_one_end_and_that_is_told() {
    at_each_look(|looks| {
        let (mut play, mut producer) = Play::new(&[]);
        let transaction = play.run(producer.begin()).expect("it begins");
        drop(play.run(transaction.send(record("1"))).expect("accepted"));
        let ended = drop_after(&mut play, looks, transaction.commit());
        let expected = match looks {
            0 => TransactionOutcome::Aborted,
            _ => TransactionOutcome::Committed,
        };
        assert_eq!(play.run(producer.resolve()), Some(expected), "{looks}");
        assert_eq!(play.ends_heard(), [(1, looks > 0)]);
        goes_on(&mut play, &mut producer);
        ended.is_some()
    });
}

// L7, L9, L10
#[test]
fn an_abort_that_is_dropped_at_any_look_goes_on() {
    at_each_look(|looks| {
        let (mut play, mut producer) = Play::new(&[]);
        let transaction = play.run(producer.begin()).expect("it begins");
        drop(play.run(transaction.send(record("1"))).expect("accepted"));
        let ended = drop_after(&mut play, looks, transaction.abort());
        assert_eq!(play.run(producer.resolve()), Some(TransactionOutcome::Aborted), "{looks}");
        assert_eq!(play.ends_heard(), [(1, false)]);
        goes_on(&mut play, &mut producer);
        ended.is_some()
    });
}

// L10
#[test]
fn a_begin_that_is_dropped_at_any_look_begins_nothing_and_a_resolve_loses_nothing() {
    at_each_look(|looks| {
        let (mut play, mut producer) = Play::new(&[]);
        let begun = drop_after(&mut play, looks, producer.begin()).map(|begun| begun.map(drop));
        assert!(matches!(begun, None | Some(Ok(()))), "{begun:?}");
        goes_on(&mut play, &mut producer);
        let begins = heard(&play, |input| matches!(input, TransactionInput::Begin { .. }));
        assert_eq!(begins, 1 + usize::from(begun.is_some()), "{looks}");
        assert_eq!(heard(&play, |input| *input == TransactionInput::Init), 1, "the next call joins it");
        begun.is_some()
    });
    at_each_look(|looks| {
        let (mut play, mut producer) = Play::new(&[]);
        drop(play.run(producer.begin()).expect("it begins"));
        let resolved = drop_after(&mut play, looks, producer.resolve());
        assert!(matches!(resolved, None | Some(Some(TransactionOutcome::Aborted))), "{resolved:?}");
        goes_on(&mut play, &mut producer);
        resolved.is_some()
    });
}

// L13
#[test]
fn offsets_that_are_dropped_at_any_look_are_asked_for_once_or_not_at_all() {
    let group =
        GroupMetadata { group_id: "g".into(), generation: 7, member_id: "m".into(), instance_id: None };
    at_each_look(|looks| {
        let (mut play, mut producer) = Play::new(&[]);
        let transaction = play.run(producer.begin()).expect("it begins");
        let next = CommittedOffset { offset: 4, leader_epoch: None, metadata: None };
        let offsets = [(TopicPartition::new("in", 0), next)];
        let sent = drop_after(&mut play, looks, transaction.send_offsets(offsets, &group));
        play.run(transaction.commit()).expect("it is committed");
        let asked = heard(&play, |input| matches!(input, TransactionInput::SendOffsets { .. }));
        assert_eq!(asked, usize::from(looks > 0), "{looks}");
        goes_on(&mut play, &mut producer);
        sent.is_some()
    });
}

// L10
#[test]
fn an_owned_transaction_that_is_dropped_at_any_look_ends_once_and_its_producer_with_it() {
    at_each_look(|looks| {
        let (mut play, producer) = Play::new(&[]);
        let Ok(transaction) = play.run(producer.begin_owned()) else { panic!("it begins") };
        drop(play.run(transaction.send(record("1"))).expect("accepted"));
        let handle = transaction.handle();
        let ended = drop_after(&mut play, looks, transaction.commit()).map(|(producer, ended)| {
            ended.expect("it is committed");
            drop(producer);
        });
        while play.turn() {}
        assert_eq!(play.ends_heard(), [(1, looks > 0)]);
        let refused = handle.try_send(record("2")).expect_err("it is over");
        assert!(refused.needs_abort() || handle.is_ended(), "{refused}");
        ended.is_some()
    });
}

// TX5
#[test]
fn a_first_call_that_is_dropped_leaves_its_question_to_the_next_call() {
    let (mut play, mut producer) = Play::new(&[("max.block.ms", "1000")]);
    play.init = vec![None];
    assert!(drop_after(&mut play, 3, producer.init()).is_none());
    assert!(matches!(play.run(producer.init()), Err(BeginError::InitTimeout { .. })));
    assert_eq!(heard(&play, |input| *input == TransactionInput::Init), 1);
    play.say(super::scripted_core::initialized());
    goes_on(&mut play, &mut producer);
}
