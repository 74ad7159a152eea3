//! EndTxn, one table for each version of transactions.

use std::time::Duration;

use kp_sim::{KafkaVersion, TransactionState};

use super::instance::{ID, Instance, NOBODY, raised};

/// The code in versions before 2.
fn old(version: i16, code: i16) -> i16 {
    if version < 2 && code == 90 { 47 } else { code }
}

// TM-E1, TM-E2, TM-E4, TM-E5, TM-E6, TM-E7
#[test]
fn before_version_5_an_end_is_repeated_for_as_long_as_nothing_is_added() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        for version in 0..=4 {
            assert_eq!(instance.end(version, pair, true).0, 48, "nothing was ever added");
            assert_eq!(instance.end(version, pair, false).0, 48);
        }
        let mut sequence = 0;
        for version in 0..=4 {
            for committed in [true, false] {
                instance.transaction(version, pair, sequence, committed);
                sequence += 1;
                for _ in 0..3 {
                    assert_eq!(instance.end(version, pair, committed), (0, NOBODY), "also a false success");
                }
                assert_eq!(instance.end(version, pair, !committed).0, 48);
            }
        }
    }
}

// TM-E20, TM-E21, TM-E22, TM-E23
#[test]
fn only_the_one_who_has_the_identity_ends_a_transaction() {
    for (kafka_version, mut instance) in Instance::on_both() {
        let first = instance.begin();
        let pair = instance.init(5, Some(first)).1;
        assert_eq!(instance.add(3, pair, &[0]), 0);
        let newest = if kafka_version == KafkaVersion::V4_3 { 5 } else { 4 };
        for version in 0..=newest {
            assert_eq!(instance.end_id(version, "another", pair, true).0, 49);
            assert_eq!(instance.end_id(version, "", pair, true).0, 42);
            assert_eq!(instance.end(version, (pair.0 + 1, pair.1), true).0, 49);
            assert_eq!(instance.end(version, first, true).0, old(version, 90));
            assert_eq!(instance.end(version, raised(pair, 1), true).0, old(version, 90));
        }
        assert_eq!(instance.state(), TransactionState::Ongoing);
    }
}

// TM-E3, TM-E32, TC14
#[test]
fn until_the_markers_are_written_an_end_is_answered_51() {
    for kafka_version in [KafkaVersion::V3_9, KafkaVersion::V4_3] {
        let newest = if kafka_version == KafkaVersion::V4_3 { 5 } else { 4 };
        for version in [4, newest] {
            let mut instance = Instance::with_slow_markers(kafka_version);
            let pair = instance.begin();
            assert_eq!((instance.add(3, pair, &[0]), instance.produce(11, pair, 0, 0).0), (0, 0));
            assert_eq!(instance.end(version, pair, true).0, 0);
            assert_eq!(instance.state(), TransactionState::PrepareCommit);
            for _ in 0..3 {
                assert_eq!(instance.end(version, pair, true).0, 51);
                assert_eq!(instance.init(5, Some(pair)).0, 51);
            }
            assert_eq!(instance.client.cluster.log("t", 0).len(), 1, "no marker yet");
            instance.pass(Duration::from_secs(1));
            assert_eq!(instance.state(), TransactionState::CompleteCommit);
            assert_eq!(instance.client.cluster.log("t", 0).len(), 2);
            assert_eq!(instance.end(version, pair, true).0, 0);
        }
    }
}

// TM-E15, TM-L3, TC1
#[test]
fn before_version_5_a_late_end_ends_the_transaction_that_is_open_when_it_arrives() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        instance.transaction(4, pair, 0, false);
        assert_eq!((instance.add(3, pair, &[0]), instance.produce(11, pair, 0, 1).0), (0, 0));
        assert_eq!(instance.end(4, pair, false).0, 0, "the one before, once more");
        instance.settle();
        assert_eq!(instance.produce(11, pair, 0, 2).0, 120, "the rest of it");
        assert_eq!(instance.end(4, pair, true).0, 48);
    }
}

/// What EndTxn 5 answers in a state, by decision and epoch of the request.
fn table(bring: impl Fn(&mut Instance) -> (i64, i16), expected: [(bool, i16, i16); 4]) {
    for (committed, behind, code) in expected {
        let mut instance = Instance::on(KafkaVersion::V4_3);
        let current = bring(&mut instance);
        let rises = code == 0 && behind == 0;
        let answer = if code == 0 { (0, raised(current, i16::from(rises))) } else { (code, NOBODY) };
        let asked = raised(current, -behind);
        assert_eq!(instance.end(5, asked, committed), answer, "committed {committed}, {behind} behind");
    }
}

// TM-E1, TM-E4, TM-E5, TM-E6, TM-E7, TM-E9, TM-E10, TM-E15, TC5, TC7
#[test]
fn since_version_5_each_cell_of_the_table_is_as_measured() {
    let ended = |committed| {
        move |instance: &mut Instance| {
            let pair = instance.begin();
            assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
            let (code, next) = instance.end(5, pair, committed);
            assert_eq!((code, next), (0, raised(pair, 1)));
            instance.settle();
            next
        }
    };
    let empty = |instance: &mut Instance| {
        let pair = instance.begin();
        instance.init(5, Some(pair)).1
    };
    table(empty, [(false, 1, 90), (false, 0, 0), (true, 1, 90), (true, 0, 48)]);
    table(ended(false), [(false, 1, 0), (false, 0, 0), (true, 1, 48), (true, 0, 48)]);
    table(ended(true), [(false, 1, 48), (false, 0, 0), (true, 1, 0), (true, 0, 48)]);
    let ongoing = move |instance: &mut Instance| {
        let pair = ended(true)(instance);
        assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
        pair
    };
    table(ongoing, [(false, 1, 90), (false, 0, 0), (true, 1, 90), (true, 0, 0)]);
    table(ended(true), [(false, 2, 90), (true, 2, 90), (true, -1, 90), (false, -1, 90)]);
}

// TM-E1
#[test]
fn an_abort_of_nothing_is_an_abort_since_version_5() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.end(5, pair, false), (0, raised(pair, 1)));
    instance.settle();
    assert_eq!(instance.state(), TransactionState::CompleteAbort);
    assert_eq!(instance.end(4, pair, true).0, 90, "the same by version 4, with the old pair");
}

// TM-E30, TM-E31, TC17
#[test]
fn the_version_of_the_end_decides_whether_the_epoch_rises_however_it_was_opened() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0), (0, 0));
    assert_eq!(instance.end(4, pair, true).0, 0);
    instance.settle();
    assert_eq!(instance.client.cluster.transaction(ID).unwrap().producer().epoch, pair.1);
    assert_eq!(instance.produce(12, pair, 0, 1), (0, 2), "the sequences go on");
    instance.end(4, pair, true);
    instance.settle();
    assert_eq!((instance.add(3, pair, &[0]), instance.produce(11, pair, 0, 2).0), (0, 0));
    assert_eq!(instance.end(5, pair, true), (0, raised(pair, 1)));
}
