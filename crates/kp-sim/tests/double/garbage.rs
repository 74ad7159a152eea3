//! Nothing that arrives makes the double panic, and garbage changes nothing.

use bytes::Bytes;
use kp_protocol::api::{FetchRequest, MetadataRequest};
use kp_protocol::{ApiKey, RequestHeader, encode_request};
use kp_sim::{ClusterSettings, Reply};
use kp_time::Clock;
use proptest::prelude::*;

use crate::client::{Client, FIRST, by, fetch_request};

fn hand_in(client: &mut Client, frame: Vec<u8>) -> Reply {
    let (now, timestamp_ms) = (client.clock.now(), client.clock.timestamp_ms());
    client.cluster.handle_request(now, timestamp_ms, FIRST, 1, Bytes::from(frame))
}

/// Frames of good requests of several APIs, to be damaged.
fn good_frames() -> Vec<Vec<u8>> {
    let header = RequestHeader { correlation_id: 7, client_id: Some("test") };
    let client = Client::with_topic();
    let produce = |version| {
        let records = crate::client::batch(client.clock.timestamp_ms(), by(1, 0, 0), &["a", "b"]);
        let partition = kp_protocol::api::PartitionProduceData {
            index: 0,
            records: Some(records.into()),
            ..Default::default()
        };
        let topic = kp_protocol::api::TopicProduceData {
            name: "t".into(),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request =
            kp_protocol::api::ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
        encode_request(&header, version, &request).unwrap().concat()
    };
    let metadata = encode_request(&header, 12, &MetadataRequest::default()).unwrap().concat();
    let fetch = encode_request(&header, 12, &FetchRequest { max_wait_ms: 0, ..fetch_request("t", 0) })
        .unwrap()
        .concat();
    let frames = [produce(3), produce(9), metadata, fetch];
    frames.into_iter().map(|frame| frame[4..].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_answered_or_closed_on(frame in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut client = Client::with_topic();
        let _ = hand_in(&mut client, frame);
        prop_assert_eq!(client.cluster.record_count("t"), 0);
    }

    #[test]
    fn a_plausible_header_before_any_bytes_is_answered_or_closed_on(
        api in proptest::sample::select(ApiKey::ALL),
        version in 0i16..20,
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut client = Client::with_topic();
        let mut frame = [api.key().to_be_bytes(), version.to_be_bytes()].concat();
        frame.extend([0, 0, 0, 7, 0xff, 0xff]);
        frame.extend(body);
        let _ = hand_in(&mut client, frame);
        prop_assert_eq!(client.cluster.record_count("t"), 0);
    }

    #[test]
    fn a_good_request_with_damage_never_gets_damaged_records_in(
        which in 0usize..4,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut client = Client::of(ClusterSettings::default());
        client.create("t", |_| {});
        let mut frame = good_frames().swap_remove(which);
        for (at, byte) in damage {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        if is_cut {
            frame.truncate(cut.index(frame.len()));
        }
        let _ = hand_in(&mut client, frame);
        for batch in client.cluster.log("t", 0) {
            let batch = batch.record_batch().unwrap();
            prop_assert!(batch.verify_crc().is_ok());
            prop_assert!(batch.records(1 << 20).unwrap().iter().all(|record| record.is_ok()));
        }
    }
}

#[test]
fn the_frames_that_are_damaged_are_good_to_begin_with() {
    let mut client = Client::with_topic();
    for frame in good_frames() {
        assert!(matches!(hand_in(&mut client, frame), Reply::Answer(_)));
    }
    assert_eq!(client.cluster.record_count("t"), 2, "the second Produce was a duplicate of the first");
}
