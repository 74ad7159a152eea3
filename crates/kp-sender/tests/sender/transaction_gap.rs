//! Between an end and the first batch behind it: the second protocol's leaders hold that back while markers are being written.

use crate::harness::*;
use crate::transactions::{answer_end, begin, ends, initialized, take_end, v2};
use kp_sender::{Input, TransactionInput};

/// A transaction of one record that is committed at once; answers how long behind its beginning the record left.
fn transaction(harness: &mut Harness, number: u64, answered_after: impl Fn(u64) -> u64) -> u64 {
    begin(harness, number);
    harness.send(0);
    harness.run();
    harness.input(Input::Transaction(TransactionInput::End { number, commit: true }));
    harness.run();
    let begun = harness.now();
    while harness.produces().is_empty() {
        harness.advance(MS(1));
        assert!(harness.now() - begun < MS(50), "it is never sent");
    }
    let waited = (harness.now() - begun).as_millis() as u64;
    let taken = harness.take_produce();
    harness.advance(MS(answered_after(waited)));
    harness.acknowledge(&taken);
    let (request, _) = take_end(harness);
    answer_end(harness, &request, 0, (900, 5 + number as i16));
    assert_eq!(ends(harness).len(), number as usize);
    waited
}

// TM-E33, TC14
#[test]
fn a_first_batch_is_kept_back_for_as_long_as_markers_take_where_its_leader_would_hold_it_for_longer() {
    let mut harness = initialized(v2());
    let held_back = |waited| if waited < 4 { 21 } else { 1 };
    let waits: Vec<_> = (1..=60).map(|number| transaction(&mut harness, number, held_back)).collect();
    assert_eq!(waits[0], 0, "{waits:?}");
    assert_eq!(waits[40], 5, "{waits:?}");
}

// TM-E33
#[test]
fn a_batch_that_follows_an_end_leaves_at_once_where_answers_are_quick() {
    let mut harness = initialized(v2());
    let waits: Vec<_> = (1..=60).map(|number| transaction(&mut harness, number, |_| 2)).collect();
    assert_eq!(waits, [0; 60]);
}

// TX11, TX10
#[test]
fn what_is_kept_back_is_dropped_by_an_abort_and_nothing_is_asked() {
    let mut harness = initialized(v2());
    let mut number = 0;
    let held_back = |waited| if waited < 4 { 21 } else { 1 };
    while number < 40 {
        number += 1;
        transaction(&mut harness, number, held_back);
    }
    begin(&mut harness, 41);
    let sent = harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty(), "it waits for the markers");
    harness.input(Input::Transaction(TransactionInput::End { number: 41, commit: false }));
    harness.run();
    failure(&sent);
    assert_eq!(ends(&harness).len(), 41);
    harness.advance(MS(100));
    assert!(harness.requests.is_empty(), "{:?}", harness.requests);
}
