//! Brokers before 0.11, which take message sets instead of batches (Produce 0 to 2), and those that lack a codec.

use crate::harness::*;
use crate::idempotence::proven;
use bytes::Bytes;
use kp_accumulator::{AccumulatorSettings, Certainty, FailureKind};
use kp_protocol::compression::Compression;
use kp_protocol::records::{LogEntry, MessageFormat, log_entries};
use kp_protocol::{ApiKey, BrokerVersions, ErrorCode, VersionRange};
use std::sync::Arc;

/// What Produce in this request carries for the first partition.
fn records_of(taken: &Taken) -> Bytes {
    taken.parsed.topic_data[0].partition_data[0].records.as_ref().expect("records").to_bytes()
}

/// The format, offset and value of each record of a message set.
fn messages_of(set: &Bytes) -> Vec<(MessageFormat, i64, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in log_entries(set) {
        let LogEntry::Message(message) = entry.expect("whole messages") else { panic!("a batch") };
        message.verify_crc().expect("its checksum");
        for record in message.records(1 << 20).expect("its codec").iter() {
            found.push((message.format(), record.offset.0, record.value.expect("a value").to_vec()));
        }
    }
    found
}

fn knowing_old(produce: i16, compression: Compression) -> Harness {
    let accumulator = AccumulatorSettings { linger: MS(5), compression, ..Default::default() };
    let mut harness = Harness::with(Plan { accumulator, ..Plan::default() });
    harness.versions = Arc::new(up_to(produce));
    harness.add_topic("t", &[1, 1]);
    harness.want("t");
    harness.run();
    harness
}

#[test]
fn each_old_broker_gets_a_message_set_of_its_format_and_its_answer_is_understood() {
    // NC3; design, old brokers
    let formats = [(0, MessageFormat::V0), (1, MessageFormat::V0), (2, MessageFormat::V1)];
    for (version, format) in formats {
        for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let mut harness = knowing_old(version, compression);
            let sent: Vec<_> = (0..3).map(|n| harness.append("t", 0, &[n; 50])).collect();
            harness.advance(MS(5));
            let taken = harness.take_produce();
            assert_eq!(taken.request.version, version);
            let expected: Vec<_> = (0..3).map(|n| (format, i64::from(n), vec![n; 50])).collect();
            let set = records_of(&taken);
            assert_eq!(messages_of(&set), expected, "Produce {version} with {compression:?}");
            let Some(Ok(LogEntry::Message(first))) = log_entries(&set).next() else { panic!("a message") };
            assert_eq!(first.compression(), Ok(compression));
            harness.acknowledge(&taken);
            assert_eq!(offset(&sent[0].completion), Some(40));
        }
    }
}

#[test]
fn a_retry_to_an_old_broker_sends_the_same_bytes_and_a_newer_leader_gets_the_batch() {
    // Rule iii of the design; AC32
    let mut harness = knowing_old(2, Compression::Lz4);
    let sent = harness.append("t", 0, &[7; 500]).completion;
    harness.advance(MS(5));
    let first = harness.take_produce();
    harness.lose(&first, true);
    harness.advance(MS(200));
    let second = harness.take_produce();
    assert_eq!(records_of(&second), records_of(&first));
    harness.answer(&second, |_| refused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    harness.versions = Arc::new(up_to(9));
    harness.advance(MS(500));
    let third = harness.take_produce();
    assert_eq!(third.request.version, 9);
    assert!(matches!(log_entries(&records_of(&third)).next(), Some(Ok(LogEntry::Batch(_)))));
    harness.acknowledge(&third);
    assert!(offset(&sent).is_some());
}

#[test]
fn what_all_brokers_take_is_told_before_the_first_metadata_answer_and_again_when_it_changes() {
    // Design, old brokers: size checks count by the common format
    let mut harness = knowing_old(1, Compression::None);
    let told = harness.formats.remove(0);
    assert_eq!(told.0, Some(MessageFormat::V0));
    assert!(told.1.contains("boot1:9092") && told.1.contains("Produce up to version 1"), "{}", told.1);
    assert!(harness.formats.is_empty(), "told once");
    assert_eq!(harness.accumulator.record_format(), Some(MessageFormat::V0), "sizes are counted by it");
    harness.versions = Arc::new(up_to(9));
    let sent = harness.send(0);
    harness.advance(MS(5));
    assert_eq!(harness.formats.remove(0).0, None, "the broker was upgraded");
    assert_eq!(harness.accumulator.record_format(), None);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

#[test]
fn a_broker_that_speaks_no_produce_is_named() {
    // NC3, SN6
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.versions = Arc::new(BrokerVersions::fixed([(ApiKey::Produce, VersionRange::new(90, 99))]));
    let sent = [harness.send(0), harness.send(0)];
    harness.run();
    assert!(harness.produces().is_empty());
    for sent in sent {
        let failure = failure(&sent);
        let expected = (FailureKind::UnsupportedVersion, Certainty::NotWritten);
        assert_eq!((failure.kind, failure.certainty), expected);
        let words = failure.last.as_ref().unwrap().message.clone().unwrap();
        assert!(words.contains("host1:9092") && words.contains("up to version 99"), "{words}");
    }
}

#[test]
fn zstd_towards_a_broker_that_does_not_know_it_fails_with_what_would_work() {
    // KIP-110. With `--features kp-protocol/zstd`; without the codec nothing can be compressed with it.
    if !Compression::Zstd.is_available() {
        return;
    }
    for version in [1, 2, 6] {
        let mut harness = knowing_old(version, Compression::Zstd);
        let sent = harness.append("t", 0, &[7; 500]).completion;
        harness.advance(MS(5));
        let failure = failure(&sent);
        assert_eq!(
            (failure.kind, failure.certainty),
            (FailureKind::UnsupportedVersion, Certainty::NotWritten)
        );
        let words = failure.last.as_ref().unwrap().message.clone().unwrap();
        assert!(words.contains("zstd needs 7") && words.contains("lz4"), "{words}");
    }
}

#[test]
fn a_numbered_batch_is_not_sent_without_its_number_to_an_old_leader() {
    // ID17, rule 3: a cluster that is half upgraded
    let mut harness = proven();
    harness.versions = Arc::new(up_to(2));
    let second = harness.send(0);
    harness.run();
    let failure = failure(&second);
    assert_eq!((failure.kind, failure.certainty), (FailureKind::UnsupportedVersion, Certainty::NotWritten));
    let words = failure.last.as_ref().unwrap().message.clone().unwrap();
    assert!(words.contains("number of its producer id"), "{words}");
}
