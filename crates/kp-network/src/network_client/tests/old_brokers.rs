//! Finding out that a cluster is of 0.9, whose brokers neither answer ApiVersions nor close; and not asking at all.

use super::*;
use crate::{OldKafka, SetupStage};
use kp_protocol::VersionRange;
use kp_protocol::api::{MetadataRequest, MetadataResponse};
use kp_protocol::{Message, encode_response};

/// A connection of a client that knows nothing of the cluster, with the two requests it begins with.
fn probing(stage: &mut Stage, id: BrokerId) -> (ConnectionNumber, ReceivedHeader, ReceivedHeader) {
    let number = stage.accepted(id);
    let requests = stage.requests(number);
    let [(versions, _), (probe, body)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((versions.api, versions.version), (ApiKey::ApiVersions, 4));
    assert_eq!((probe.api, probe.version), (ApiKey::Metadata, 0));
    let topics = MetadataRequest::parse(body, 0).unwrap().topics.unwrap();
    let names: Vec<_> = topics.iter().map(|topic| topic.name.as_deref()).collect();
    assert_eq!(names, [Some("/")], "a name that no topic can have, and not the empty list, which means all");
    (number, versions.clone(), probe.clone())
}

fn metadata_answer(header: &ReceivedHeader) -> Vec<u8> {
    encode_response(0, header.correlation_id, &MetadataResponse::default()).unwrap().concat()
}

/// Only the probe is answered, as by 0.9.
fn only_probe_answered(stage: &mut Stage, id: BrokerId) -> (ConnectionNumber, Vec<Event>) {
    let (number, _, probe) = probing(stage, id);
    stage.net.give(number, metadata_answer(&probe));
    (number, stage.turn())
}

fn spoken(stage: &mut Stage, id: BrokerId) -> Option<VersionRange> {
    let Readiness::Ready { versions, .. } = stage.readiness(id) else { panic!("not ready") };
    versions.range(ApiKey::Produce)
}

/// Begins a connection, and says what it began with.
fn greets_with(stage: &mut Stage, id: BrokerId) -> Vec<ApiKey> {
    let (number, _) = stage.attempt(id);
    stage.net.accept(number);
    stage.turn();
    stage.requests(number).into_iter().map(|(header, _)| header.api).collect()
}

const PROBED: [ApiKey; 2] = [ApiKey::ApiVersions, ApiKey::Metadata];

// NC3, NC7
#[test]
fn a_broker_that_answers_only_the_question_behind_api_versions_is_of_0_9() {
    let mut stage = Stage::unknown(settings());
    let (number, events) = only_probe_answered(&mut stage, A);
    let [told @ Event::OldCluster { broker: A, taken_for: OldKafka::V0_9_0, .. }, Event::Connected { .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    let advice = told.advice().unwrap();
    assert!(advice.contains("broker 1 at 10.0.0.1:9092"), "{advice}");
    assert!(advice.contains("broker.version.fallback=0.9.0"), "{advice}");
    assert_eq!(spoken(&mut stage, A), Some(VersionRange::new(0, 1)));
    // And it is as good a connection as any.
    stage.send(number, A, 7);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"answer");
    assert_eq!(answered(&stage.turn()), [(7, Bytes::from_static(b"answer"))]);
}

// NC3
#[test]
fn a_broker_that_answers_both_is_ready_after_the_second_answer() {
    let mut stage = Stage::unknown(settings());
    let (number, versions, probe) = probing(&mut stage, A);
    stage.net.give(number, versions_answer(&versions));
    assert!(stage.turn().is_empty());
    assert_eq!(stage.why(A), Some(WaitReason::Connecting), "an answer is still to come");
    stage.net.give(number, metadata_answer(&probe));
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
    assert_eq!(spoken(&mut stage, A), Some(VersionRange::new(3, 13)));
}

// NC4
#[test]
fn a_broker_that_wants_to_be_asked_in_a_lower_version_is_no_old_one() {
    let mut stage = Stage::unknown(settings());
    let (number, versions, probe) = probing(&mut stage, A);
    let refusal =
        ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..ApiVersionsResponse::default() };
    stage.net.give(number, encode_response(0, versions.correlation_id, &refusal).unwrap().concat());
    assert!(stage.turn().is_empty());
    let (again, _) = stage.request(number);
    assert_eq!((again.api, again.version), (ApiKey::ApiVersions, 0));
    stage.net.give(number, metadata_answer(&probe));
    assert!(stage.turn().is_empty(), "the probe's answer comes between the two");
    stage.net.give(number, versions_answer(&again));
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
    assert_eq!(spoken(&mut stage, A), Some(VersionRange::new(3, 13)));
}

#[test]
fn an_answer_may_come_while_the_question_behind_it_is_still_being_written() {
    let mut stage = Stage::unknown(settings());
    let (number, _) = stage.attempt(A);
    stage.net.accept_with_room(number, 40);
    assert!(stage.turn().is_empty());
    let correlation_id = 0;
    let early = encode_response(4, correlation_id, &speaks()).unwrap().concat();
    stage.net.give(number, early);
    assert!(stage.turn().is_empty());
    stage.net.room(number, usize::MAX);
    assert!(stage.turn().is_empty());
    let requests = stage.requests(number);
    assert_eq!(requests.len(), 2);
    stage.net.give(number, metadata_answer(&requests[1].0));
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
}

#[test]
fn what_was_found_out_holds_for_the_cluster_and_is_told_once() {
    let mut stage = Stage::unknown(settings());
    only_probe_answered(&mut stage, A);
    // No other connection asks: it is ready as soon as it is made.
    let (number, _) = stage.attempt(B);
    stage.net.accept(number);
    let events = stage.turn();
    assert!(matches!(events[..], [Event::Connected { broker: B, .. }]), "{events:?}");
    assert!(stage.net.taken(number).is_empty());
    assert_eq!(spoken(&mut stage, B), Some(VersionRange::new(0, 1)));

    // Found out again, it is no news.
    stage.client.set_brokers(stage.now(), &[broker(BrokerId(-1), "10.0.0.9")]);
    stage.turn();
    let (_, events) = only_probe_answered(&mut stage, BrokerId(-1));
    assert!(matches!(events[..], [Event::Connected { .. }]), "{events:?}");
}

#[test]
fn a_cluster_that_answers_is_not_probed_again() {
    let mut stage = Stage::unknown(settings());
    let (number, versions, _) = probing(&mut stage, A);
    stage.net.give(number, versions_answer(&versions));
    assert!(stage.turn().is_empty());
    // Known from the answer on: a broker that closes on the second question is asked only the first next time.
    stage.net.give(number, Vec::new());
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ClosedByBroker);
    assert_eq!(greets_with(&mut stage, B), [ApiKey::ApiVersions]);
    stage.clock.advance(MS(100));
    assert_eq!(greets_with(&mut stage, A), [ApiKey::ApiVersions]);
}

#[test]
fn a_new_bootstrap_list_and_only_that_makes_the_client_forget() {
    let bootstrap = [broker(BrokerId(-1), "10.0.0.9")];
    for old in [true, false] {
        let mut stage = Stage::unknown(settings());
        if old {
            only_probe_answered(&mut stage, A);
        } else {
            stage.client.known = KnownCluster::of(ClusterAge::AnswersApiVersions);
        }
        stage.client.set_brokers(stage.now(), &[two_brokers(), bootstrap.to_vec()].concat());
        stage.client.set_brokers(stage.now(), &two_brokers());
        let expected: &[ApiKey] = if old { &[] } else { &[ApiKey::ApiVersions] };
        assert_eq!(greets_with(&mut stage, B), expected);
        stage.client.set_brokers(stage.now(), &bootstrap);
        stage.turn();
        assert_eq!(greets_with(&mut stage, BrokerId(-1)), PROBED);
    }
}

#[test]
fn an_old_cluster_is_asked_again_when_its_age_is_up() {
    let mut stage = Stage::unknown(NetworkSettings { old_cluster_max_age: MS(60_000), ..settings() });
    only_probe_answered(&mut stage, A);
    stage.clock.advance(MS(59_999));
    assert!(greets_with(&mut stage, B).is_empty());
    stage.clock.advance(MS(1));
    stage.client.disconnect(stage.now(), B, "test");
    stage.turn();
    stage.clock.advance(MS(100));
    // It has been upgraded meanwhile.
    let (number, versions, probe) = probing(&mut stage, B);
    stage.net.give(number, [versions_answer(&versions), metadata_answer(&probe)].concat());
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
    assert_eq!(spoken(&mut stage, B), Some(VersionRange::new(3, 13)));
    assert_eq!(spoken(&mut stage, A), Some(VersionRange::new(0, 1)), "until that connection ends");
}

#[test]
fn neither_a_timeout_nor_a_close_nor_a_reset_makes_a_cluster_old() {
    type End = fn(&mut Stage, ConnectionNumber);
    let time_is_up: End = |stage, _| stage.clock.advance(MS(10_000));
    let closed: End = |stage, number| stage.net.give(number, Vec::new());
    let reset: End = |stage, number| stage.net.fail(number, std::io::ErrorKind::ConnectionReset);
    let ends = [
        (time_is_up, DisconnectReason::SetupTimeout(SetupStage::Versions)),
        (closed, DisconnectReason::ClosedWithoutAnswer),
        (reset, DisconnectReason::ClosedWithoutAnswer),
    ];
    for (end, expected) in ends {
        let mut stage = Stage::unknown(settings());
        let (number, ..) = probing(&mut stage, A);
        end(&mut stage, number);
        assert_eq!(broken(&stage.turn()).2, expected);
        assert_eq!(greets_with(&mut stage, B), PROBED, "after {expected}");
    }
}

#[test]
fn a_broker_that_is_asked_in_vain_is_probed_next_time() {
    // A cluster of several versions: one broker has answered ApiVersions, another cannot.
    let mut stage = Stage::new();
    stage.ready(A);
    assert_eq!(greets_with(&mut stage, B), [ApiKey::ApiVersions]);
    stage.clock.advance(MS(10_000));
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::SetupTimeout(SetupStage::Versions));
    stage.clock.advance(MS(100));
    only_probe_answered(&mut stage, B);
    assert_eq!(spoken(&mut stage, B), Some(VersionRange::new(0, 1)));
}

// NC7
#[test]
fn a_foreign_answer_closes_the_connection_also_while_two_are_awaited() {
    for after_versions in [false, true] {
        let mut stage = Stage::unknown(settings());
        let (number, versions, mut probe) = probing(&mut stage, A);
        if after_versions {
            stage.net.give(number, versions_answer(&versions));
            assert!(stage.turn().is_empty());
        }
        probe.correlation_id += 1;
        stage.net.give(number, metadata_answer(&probe));
        let (_, _, reason) = broken(&stage.turn());
        let expected = if after_versions { "instead of 1" } else { "instead of 0" };
        assert!(
            matches!(&reason, DisconnectReason::ProtocolError(words) if words.contains(expected)),
            "{reason}"
        );
    }
}

#[test]
fn what_is_no_metadata_answer_does_not_make_a_cluster_old() {
    let mut stage = Stage::unknown(settings());
    let (number, _, probe) = probing(&mut stage, A);
    stage.answer(number, &probe, b"\x7f\xff\xff\xff");
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)));
    assert_eq!(greets_with(&mut stage, B), PROBED);
}

#[test]
fn with_a_version_to_fall_back_on_no_broker_is_asked() {
    for (old, produce) in [(OldKafka::V0_9_0, 1), (OldKafka::V0_10_0, 2)] {
        let mut stage = Stage::unknown(NetworkSettings { version_fallback: Some(old), ..settings() });
        let (number, _) = stage.attempt(A);
        stage.net.accept(number);
        let events = stage.turn();
        assert!(matches!(events[..], [Event::Connected { broker: A, .. }]), "{events:?}");
        assert!(stage.net.taken(number).is_empty());
        assert_eq!(spoken(&mut stage, A), Some(VersionRange::new(0, produce)));
        // It is seen when the broker closes, though nothing was asked.
        stage.net.give(number, Vec::new());
        assert_eq!(broken(&stage.turn()).2, DisconnectReason::ClosedByBroker);
    }
}
