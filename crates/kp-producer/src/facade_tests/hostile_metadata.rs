//! Metadata answers that are wrong in every way a broker could think of: a record gets an outcome with a reason within
//! its time, and the broker is asked again at the pace of the backoff, not in a loop.

use crate::facade_tests::scripted::{Pace, Rig, Twist};
use crate::{FailureKind, ProducerRecord, SendErrorKind};
use kp_protocol::ErrorCode;
use kp_protocol::api::{MetadataResponse, MetadataResponsePartition};
use std::time::Duration;

/// What becomes of one record.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Written,
    /// `send` has waited in vain, and for this long.
    NoMetadata(Duration),
    /// Accepted, and failed at the end of its time.
    Expired(Duration),
}

const MAX_BLOCK: Duration = Duration::from_millis(1500);
const DELIVERY: Duration = Duration::from_millis(2000);

fn send_to(twist: Twist) -> End {
    let limits = [
        ("max.block.ms", "1500"),
        ("delivery.timeout.ms", "2000"),
        ("request.timeout.ms", "1000"),
        ("linger.ms", "0"),
    ];
    let mut rig = Rig::new(Pace { twist, ..Pace::QUICK }, &limits);
    let producer = rig.producer.clone();
    let sent = rig.run(producer.send(ProducerRecord::to("t").partition(0).value("v")));
    let end = match sent {
        Err(error) => match error.kind() {
            SendErrorKind::MetadataTimeout { waited, reason } => {
                assert!(!reason.is_empty(), "a reason");
                End::NoMetadata(*waited)
            }
            other => panic!("{other:?}"),
        },
        Ok(delivery) => {
            let accepted = rig.clock.elapsed();
            match rig.run(delivery) {
                Ok(_) => End::Written,
                Err(error) if *error.kind() == FailureKind::Expired => {
                    End::Expired(rig.clock.elapsed() - accepted)
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let (asked, elapsed) = (rig.metadata_requests(), rig.clock.elapsed());
    assert!(asked <= 3 + elapsed.as_millis() as usize / 75, "asked {asked} times in {elapsed:?}");
    end
}

fn each_partition(answer: &mut MetadataResponse, change: impl Fn(&mut MetadataResponsePartition)) {
    answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(change);
}

// MD12, MD16
#[test]
fn a_partition_that_no_known_broker_leads_keeps_its_records_until_their_time_is_up() {
    let twists: [(&str, Twist); 4] = [
        ("numbers beyond all", |answer| each_partition(answer, |it| it.partition_index = i32::MAX)),
        ("negative numbers", |answer| each_partition(answer, |it| it.partition_index = -1)),
        ("a leader that is not listed", |answer| each_partition(answer, |it| it.leader_id = 77)),
        ("no leader", |answer| {
            each_partition(answer, |it| {
                (it.leader_id, it.error_code) = (-1, ErrorCode::LEADER_NOT_AVAILABLE);
            });
        }),
    ];
    for (what, twist) in twists {
        assert_eq!(send_to(twist), End::Expired(DELIVERY), "{what}");
    }
}

// MD17, MD21
#[test]
fn an_answer_that_says_nothing_of_the_topic_is_waited_out_for_max_block_ms() {
    let twists: [(&str, Twist); 6] = [
        ("no partitions", |answer| answer.topics.iter_mut().for_each(|it| it.partitions.clear())),
        ("another topic", |answer| answer.topics.iter_mut().for_each(|it| it.name = Some("other".into()))),
        ("no topics", |answer| answer.topics.clear()),
        ("no brokers", |answer| answer.brokers.clear()),
        ("a port that is none", |answer| answer.brokers[0].port = 70_000),
        ("a negative broker", |answer| answer.brokers[0].node_id = -5),
    ];
    for (what, twist) in twists {
        assert_eq!(send_to(twist), End::NoMetadata(MAX_BLOCK), "{what}");
    }
}

// MD11, NC20
#[test]
fn an_answer_with_doubled_partitions_or_a_negative_throttle_still_delivers() {
    let twists: [(&str, Twist); 2] = [
        ("each partition twice", |answer| {
            for topic in &mut answer.topics {
                topic.partitions.extend(topic.partitions.clone());
            }
        }),
        ("a negative throttle", |answer| answer.throttle_time_ms = -7),
    ];
    for (what, twist) in twists {
        assert_eq!(send_to(twist), End::Written, "{what}");
    }
}
