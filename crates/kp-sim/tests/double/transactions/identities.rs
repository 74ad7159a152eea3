//! InitProducerId: who is let in under which epoch, and what becomes of an open transaction.

use std::time::Duration;

use kp_sim::{ClusterSettings, KafkaVersion, TransactionSettings, TransactionState};

use super::instance::{ID, Instance, NOBODY, raised};

/// Repeats a call while a transaction is being ended.
fn init_until_ready(
    instance: &mut Instance,
    version: i16,
    pair: Option<super::instance::Pair>,
) -> (i16, (i64, i16)) {
    for _ in 0..10 {
        match instance.init(version, pair) {
            (51, _) => instance.settle(),
            answer => return answer,
        }
    }
    panic!("51 for ever")
}

// TM-I1, TM-I2, TM-I3, TM-I4, TM-I5, TM-I6, TM-I7, TM-I8
#[test]
fn an_identity_is_raised_by_whoever_has_it_and_a_repeat_is_the_same_call() {
    for (version, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(pair.1, 0);
        let second = raised(pair, 1);
        assert_eq!(instance.init(5, None), (0, second), "another instance, or a repeat");
        let third = raised(pair, 2);
        for init in 3..=5 {
            assert_eq!(instance.init(init, Some(second)), (0, third), "{version}: v{init} again and again");
        }
        let fenced = |init| if init < 4 { 47 } else { 90 };
        for init in 3..=5 {
            assert_eq!(instance.init(init, Some(pair)), (fenced(init), NOBODY), "two epochs old");
            assert_eq!(instance.init(init, Some(raised(pair, 7))), (fenced(init), NOBODY), "too high");
            assert_eq!(instance.init(init, Some((pair.0 + 100, 2))), (fenced(init), NOBODY), "another id");
            assert_eq!(instance.init(init, Some((pair.0, -1))), (42, NOBODY));
        }
        assert_eq!(instance.init(0, None), (0, raised(pair, 3)));
    }
}

// TM-L5, TM-I5
#[test]
fn a_pair_is_no_repeat_once_another_instance_has_come_without_one() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(instance.init(5, None), (0, raised(pair, 1)));
        assert_eq!(instance.init(5, Some(pair)), (90, NOBODY), "it is the older instance");
    }
}

// TM-I9, TM-I10, TM-I11, TM-I12, TM-I13, TM-I14
#[test]
fn timeouts_have_a_limit_and_calls_without_an_id_are_of_no_coordinator() {
    for (_, mut instance) in Instance::on_both() {
        let asked = [(0, 50), (-1, 50), (900_000, 0), (900_001, 50), (i32::MAX, 50)];
        for (timeout, code) in asked {
            assert_eq!(instance.init_id(5, Some("another"), None, timeout).0, code, "{timeout} ms");
        }
        assert_eq!(instance.init_id(5, Some(""), None, 60_000), (42, NOBODY));
        let (_, first) = instance.init_id(5, None, None, 60_000);
        let (code, second) = instance.init_id(5, None, Some((12_345, 3)), 60_000);
        assert_eq!((code, second.1), (0, 0));
        assert_ne!(first.0, second.0);
        assert_eq!(instance.init_id(5, None, None, 0).0, 0);
        let (code, (producer_id, epoch)) = instance.init_id(5, Some("never seen"), Some((12_345, 3)), 60_000);
        assert_eq!((code, epoch), (0, 0));
        assert_ne!(producer_id, 12_345);
    }
}

// TM-I15, TC19
#[test]
fn another_instance_waits_for_the_abort_of_what_is_open_and_is_two_epochs_on() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!((instance.add(3, pair, &[0]), instance.produce(11, pair, 0, 0)), (0, (0, 0)));
        assert_eq!(instance.init(5, None), (51, NOBODY));
        assert_eq!(instance.state(), TransactionState::PrepareAbort);
        assert_eq!(init_until_ready(&mut instance, 5, None), (0, raised(pair, 2)));
        assert_eq!(instance.state(), TransactionState::Empty);
        let partition = &instance.client.cluster.topic("t").unwrap().partitions()[0];
        assert_eq!(partition.transactions().aborted().len(), 1);
    }
}

// TM-I16, TM-L10, TC3
#[test]
fn a_pair_on_its_own_open_transaction_goes_on_with_4_3_and_is_lost_with_3_9() {
    for (version, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(instance.add(3, pair, &[0]), 0);
        assert_eq!(instance.init(5, Some(pair)).0, 51);
        let expected = if version == KafkaVersion::V4_3 { (0, raised(pair, 1)) } else { (90, NOBODY) };
        for _ in 0..2 {
            assert_eq!(init_until_ready(&mut instance, 5, Some(pair)), expected, "{version}");
        }
    }
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    let (_, next) = init_until_ready(&mut instance, 5, Some(pair));
    instance.transaction(4, next, 0, true);
    assert_eq!(instance.state(), TransactionState::CompleteCommit);
}

// TM-L9, TC12
#[test]
fn a_late_pair_aborts_the_live_transaction_whatever_its_epoch() {
    for (version, mut instance) in Instance::on_both() {
        let old = instance.begin();
        let live = instance.init(5, Some(old)).1;
        let live = instance.init(5, Some(live)).1;
        assert_eq!(instance.add(3, live, &[0]), 0);
        assert_eq!(instance.init(5, Some(old)).0, 51);
        instance.settle();
        assert_eq!(instance.state(), TransactionState::CompleteAbort);
        assert_eq!(instance.init(5, Some(old)).0, 90);
        assert_eq!(instance.end(4, live, true).0, 90);
        if version == KafkaVersion::V4_3 {
            assert_eq!(instance.end(5, live, true).0, 48);
            assert_eq!(instance.init(5, Some(live)), (0, raised(live, 1)));
        } else {
            assert_eq!(instance.init(5, Some(live)).0, 90, "it is finished");
        }
    }
}

// TM-L6, TM-L7
#[test]
fn a_raised_epoch_has_erased_how_the_last_transaction_ended() {
    for (version, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        instance.transaction(4, pair, 0, true);
        assert_eq!(instance.init(5, Some(pair)), (0, raised(pair, 1)));
        assert_eq!(instance.end(4, pair, true).0, 90, "it was committed all the same");
        if version == KafkaVersion::V4_3 {
            let pair = raised(pair, 1);
            assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
            assert_eq!(instance.end(5, pair, true), (0, raised(pair, 1)));
            instance.settle();
            assert_eq!(instance.init(5, Some(pair)), (0, raised(pair, 1)), "the answer of EndTxn again");
        }
    }
}

// TM-X5, TM-X6
#[test]
fn the_last_epoch_of_a_producer_id_gives_way_to_another_id() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let mut pair = instance.begin();
    while pair.1 < 32_765 {
        pair = instance.init(5, Some(pair)).1;
    }
    let last = raised(pair, 1);
    assert_eq!(instance.init(5, Some(pair)), (0, last));
    assert_eq!(instance.init(5, Some(pair)).0, -1, "the broker's own fault at the edge");
    let (code, next) = instance.init(5, Some(last));
    assert_eq!((code, next.1), (0, 0));
    assert_ne!(next.0, last.0);
    assert_eq!(instance.init(5, Some(last)), (0, next), "a repeat");
}

// TM-X1, TM-X2, TM-X3, TM-X4, TC5
#[test]
fn the_end_of_the_last_epoch_answers_another_id_and_so_does_its_repeat() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let mut pair = instance.begin();
    while pair.1 < 32_766 {
        pair = instance.init(5, Some(pair)).1;
    }
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    let (code, next) = instance.end(5, pair, true);
    assert_eq!((code, next.1), (0, 0));
    assert_ne!(next.0, pair.0);
    instance.settle();
    assert_eq!(instance.end(5, pair, true), (0, next));
    assert_eq!(instance.produce(12, pair, 0, 1).0, 47);
    assert_eq!(instance.end(5, pair, false).0, 48);
    assert_eq!(instance.init(5, Some(pair)), (0, next));
    assert_eq!(instance.client.cluster.transaction(ID).unwrap().producer().producer_id, next.0);
}

// TM-X5, TC5
#[test]
fn an_id_that_begins_near_the_end_of_its_epochs_soon_has_another_producer() {
    let transactions = TransactionSettings { first_epoch: 32_765, ..TransactionSettings::default() };
    let mut instance = Instance::on_a_fresh(ClusterSettings { transactions, ..Default::default() });
    instance.find();
    instance.pass(Duration::from_secs(1));
    let first = instance.begin();
    assert_eq!(first.1, 32_765);
    assert_eq!(instance.begin(), raised(first, 1));
    let next = instance.begin();
    assert!(next.0 > first.0 && next.1 == 0, "{next:?}");
}
