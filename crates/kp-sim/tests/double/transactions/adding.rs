//! AddPartitionsToTxn and AddOffsetsToTxn.

use kp_sim::{KafkaVersion, TransactionState};

use super::instance::{ID, Instance, raised};

// TM-A1, TM-A2, TM-A3, TM-A4, TM-A5, TM-A6, TM-A7
#[test]
fn partitions_are_added_all_or_none_by_the_one_who_has_the_identity() {
    for (kafka_version, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        for version in 0..=5 {
            let asked: [(&str, &[i32]); 3] = [("t", &[1]), ("none", &[0]), ("t", &[99])];
            assert_eq!(instance.add_topics(version, ID, pair, &asked), [55, 3, 3]);
        }
        assert_eq!(instance.state(), TransactionState::Empty, "{kafka_version}: nothing was added");
        for version in 0..=5 {
            assert_eq!(instance.add(version, pair, &[0, 1]), 0);
            let fenced = if version < 2 { 47 } else { 90 };
            assert_eq!(instance.add(version, raised(pair, 1), &[0]), fenced);
            assert_eq!(instance.add(version, (pair.0 + 1, 0), &[0]), 49);
            assert_eq!(instance.add_topics(version, "another", pair, &[("t", &[0])]), [49]);
        }
        assert_eq!((instance.state(), instance.partitions()), (TransactionState::Ongoing, vec![0, 1]));
        let next = {
            instance.end(4, pair, true);
            instance.settle();
            instance.init(5, Some(pair)).1
        };
        assert_eq!(instance.add(3, pair, &[0]), 90, "too old");
        assert_eq!(instance.add(3, next, &[0]), 0);
    }
}

// TM-A8, TC22
#[test]
fn a_request_without_topics_opens_a_transaction() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert!(instance.add_topics(3, ID, pair, &[]).is_empty());
    assert_eq!((instance.state(), instance.partitions()), (TransactionState::Ongoing, vec![]));
}

// TM-A9
#[test]
fn a_leader_that_asks_whether_a_partition_is_in_adds_nothing() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.init(5, None).1;
        let pair = instance.init(5, Some(pair)).1;
        for version in 4..=5 {
            assert_eq!(instance.verify(version, pair), 120);
            assert_eq!(instance.verify(version, raised(pair, -1)), 90);
        }
        assert_eq!(instance.state(), TransactionState::Empty);
        assert_eq!((instance.add(3, pair, &[1]), instance.verify(4, pair)), (0, 0));
    }
}

// TM-A10, TM-E33, TC14
#[test]
fn until_the_markers_are_there_nothing_is_added_and_a_fenced_producer_hears_of_it_first_on_4_3() {
    for version in [KafkaVersion::V3_9, KafkaVersion::V4_3] {
        let mut instance = Instance::with_slow_markers(version);
        let old = instance.begin();
        let pair = instance.init(5, Some(old)).1;
        assert_eq!(instance.add(3, pair, &[0]), 0);
        assert_eq!(instance.end(4, pair, true).0, 0);
        assert_eq!(instance.add(3, pair, &[0]), 51);
        assert_eq!(instance.add_offsets(3, ID, pair, "g"), 51);
        let expected = if version == KafkaVersion::V4_3 { 51 } else { 90 };
        assert_eq!(instance.add(3, old, &[0]), expected, "{version}");
        instance.pass(std::time::Duration::from_secs(1));
        assert_eq!(instance.add(3, pair, &[0]), 0);
    }
}

// TM-O1, TM-O2, TM-O3, TM-O4, TM-O5, TM-O6
#[test]
fn a_group_is_added_as_the_partition_that_keeps_its_offsets() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        for version in 0..=4 {
            assert_eq!(instance.add_offsets(version, ID, pair, "g"), 0);
            let fenced = if version < 2 { 47 } else { 90 };
            assert_eq!(instance.add_offsets(version, ID, raised(pair, 1), "g"), fenced);
            assert_eq!(instance.add_offsets(version, ID, (pair.0 + 1, 0), "g"), 49);
            assert_eq!(instance.add_offsets(version, "another", pair, "g"), 49);
        }
        assert_eq!(instance.add_offsets(3, ID, pair, ""), 0, "the broker does not protect from it");
        let entry = instance.client.cluster.transaction(ID).unwrap();
        let partitions: Vec<String> = entry.partitions().map(ToString::to_string).collect();
        // "g".hashCode() is 103, "".hashCode() is 0; there are 50.
        assert_eq!(partitions, ["__consumer_offsets-0", "__consumer_offsets-3"]);
        assert_eq!(entry.groups().collect::<Vec<_>>(), ["", "g"]);
    }
}
