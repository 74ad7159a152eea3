//! What a transactional producer tells of itself while a transaction is open.

use super::scripted_core::{Ends, Play, failure};
use crate::{ProducerRecord, TransactionFailureKind, TransactionState};
use kp_sender::{TransactionEnd, TransactionOutput};
use kp_time::Clock;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_explanation_tells_how_far_the_transaction_is_and_what_stands_in_its_way() {
    let (mut play, mut producer) = Play::new(&[]);
    let observer = producer.observer();
    let shared = std::sync::Arc::clone(&play.shared);
    let told = move || shared.waits.ledger().explain(shared.clock.now());
    assert_eq!((told().number, told().state), (0, TransactionState::NotInitialized));
    assert_eq!(told().to_string(), "transactions: no producer id yet");
    let transaction = play.run(producer.begin()).expect("it begins");
    drop(transaction.try_send(ProducerRecord::to("a").value("v")).expect("accepted"));
    play.clock.advance(SECOND);
    let line = told().to_string();
    assert_eq!(line, "transaction 1: open, 1 records, begun 1.0s ago (transaction.timeout.ms is 60.0s)");
    let why = failure(TransactionFailureKind::SendRefused { reason: "a: too large".into() });
    play.say(TransactionOutput::Doomed { number: 1, why });
    play.say(TransactionOutput::Stalled { number: Some(1), reason: "broker 2 loads".into() });
    assert!(told().to_string().ends_with("; it can only be aborted: a: too large; broker 2 loads"));
    play.ends = Ends::Never;
    drop(transaction);
    assert_eq!(told().state, TransactionState::Aborting);
    play.say(TransactionOutput::Ended { number: 1, end: TransactionEnd::Aborted { why: None } });
    assert_eq!((told().state, told().age, told().stalled), (TransactionState::Idle, None, None));
    assert_eq!(observer.explain().transaction.map(|told| told.number), Some(1));
}

#[test]
fn an_operator_is_told_once_of_a_transaction_that_is_near_its_timeout() {
    let (mut play, mut producer) = Play::new(&[]);
    let observer = producer.observer();
    for has_records in [false, true, true] {
        let before = observer.notices().len();
        let transaction = play.run(producer.begin()).expect("it begins");
        if has_records {
            drop(transaction.try_send(ProducerRecord::to("a").value("v")).expect("accepted"));
        }
        play.clock.advance(47 * SECOND);
        play.shared.expire_waits(play.clock.now());
        assert_eq!(observer.notices().len(), before, "it is not near");
        play.clock.advance(2 * SECOND);
        play.shared.expire_waits(play.clock.now());
        let expected = usize::from(has_records);
        assert_eq!(observer.notices().len(), expected, "one without records cannot time out");
        play.run(transaction.abort()).expect("it is aborted");
    }
    assert!(observer.notices()[0].contains("transaction.timeout.ms = 60000"), "{:?}", observer.notices());
}
