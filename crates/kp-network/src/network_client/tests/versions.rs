//! ApiVersions: what is asked, and what the answers lead to.

use super::*;
use kp_protocol::api::ApiVersionsRequest;
use kp_protocol::{Message, VersionRange};

#[test]
fn the_first_request_on_a_connection_asks_for_versions_in_the_newest_form() {
    // NC1, NC3
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    let (header, body) = stage.request(number);
    assert_eq!((header.api, header.version), (ApiKey::ApiVersions, 4));
    assert_eq!(header.client_id.unwrap(), "test");
    let request = ApiVersionsRequest::parse(&body, 4).unwrap();
    assert_eq!(request.client_software_name, "kp");
    assert_eq!(request.client_software_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(stage.why(A), Some(WaitReason::Connecting), "not ready before the answer");
}

#[test]
fn a_broker_is_ready_once_it_has_said_what_it_speaks() {
    // NC1, NC3
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let Readiness::Ready { connection, versions } = stage.readiness(A) else { panic!("not ready") };
    assert_eq!(connection, number);
    assert_eq!(versions.negotiate(ApiKey::Produce), Some(13));
    assert_eq!(versions.range(ApiKey::ApiVersions), Some(VersionRange::new(0, 4)));
    assert_eq!(versions.range(ApiKey::Fetch), None);
}

/// UNSUPPORTED_VERSION, in a body of v0 whatever was asked.
fn unsupported(header: &ReceivedHeader, named: Option<i16>) -> Vec<u8> {
    let api_keys = named.map(|max_version| ApiVersion {
        api_key: ApiKey::ApiVersions.key(),
        min_version: 0,
        max_version,
        ..Default::default()
    });
    let answer = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: api_keys.into_iter().collect(),
        ..ApiVersionsResponse::default()
    };
    encode_response(0, header.correlation_id, &answer).unwrap().concat()
}

#[test]
fn a_broker_that_names_its_version_is_asked_again_in_it() {
    // NC4
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    let (header, _) = stage.request(number);
    stage.net.give(number, unsupported(&header, Some(2)));
    assert!(stage.turn().is_empty());
    let (again, body) = stage.request(number);
    assert_eq!((again.version, body.len()), (2, 0));
    assert!(again.correlation_id > header.correlation_id);
    stage.net.give(number, versions_answer(&again));
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
}

#[test]
fn a_broker_that_names_no_lower_version_is_asked_in_version_0() {
    // NC4
    for named in [None, Some(4), Some(9), Some(-3)] {
        let mut stage = Stage::new();
        let number = stage.accepted(A);
        let (header, _) = stage.request(number);
        stage.net.give(number, unsupported(&header, named));
        assert!(stage.turn().is_empty());
        let (again, _) = stage.request(number);
        assert_eq!(again.version, 0, "{named:?}");
        // And there it ends.
        stage.net.give(number, unsupported(&again, Some(0)));
        let (_, _, reason) = broken(&stage.turn());
        assert!(
            matches!(reason, DisconnectReason::ProtocolError(words) if words.contains("UNSUPPORTED_VERSION"))
        );
    }
}

#[test]
fn any_other_error_closes_the_connection() {
    // NC4
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    let (header, _) = stage.request(number);
    let refusal = ApiVersionsResponse { error_code: ErrorCode::INVALID_REQUEST, ..speaks() };
    stage.net.give(number, encode_response(4, header.correlation_id, &refusal).unwrap().concat());
    let (_, _, reason) = broken(&stage.turn());
    assert!(matches!(reason, DisconnectReason::ProtocolError(words) if words.contains("INVALID_REQUEST")));
    assert!(!stage.net.is_open(number));
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

#[test]
fn an_answer_that_cannot_be_read_closes_the_connection() {
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"\0\0\xff\xff\xff\xff\x7f");
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)));
}

#[test]
fn a_foreign_correlation_id_closes_the_connection_also_here() {
    // NC7
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    let (mut header, _) = stage.request(number);
    header.correlation_id += 1;
    stage.net.give(number, versions_answer(&header));
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)));
}

#[test]
fn closed_before_an_answer_hints_at_a_listener_of_another_kind() {
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    let (id, address, reason) = broken(&stage.turn());
    assert_eq!((id, address.as_str()), (A, "10.0.0.1:9092"));
    assert_eq!(reason, DisconnectReason::ClosedWithoutAnswer);
    assert_eq!(reason.to_string(), "closed without an answer: a TLS or SASL listener (security.protocol)?");

    stage.clock.advance(MS(100));
    let number = stage.accepted(A);
    stage.net.fail(number, std::io::ErrorKind::ConnectionReset);
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ClosedWithoutAnswer);
}

#[test]
fn a_broker_that_throttles_at_once_is_left_alone() {
    // NC20: from ApiVersions 2 on the answer comes before the throttling.
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    let (header, _) = stage.request(number);
    let answer = ApiVersionsResponse { throttle_time_ms: 250, ..speaks() };
    stage.net.give(number, encode_response(4, header.correlation_id, &answer).unwrap().concat());
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
    assert_eq!(stage.why(A), Some(WaitReason::Throttled));
    stage.clock.advance(MS(250));
    assert_eq!(stage.why(A), None);
}

#[test]
fn a_new_connection_asks_anew() {
    // NC11: what an earlier connection said is forgotten.
    let mut stage = Stage::new();
    let first = stage.ready(A);
    stage.net.give(first, Vec::new());
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ClosedByBroker);
    stage.clock.advance(MS(100));
    let second = stage.accepted(A);
    assert!(second > first);
    assert_eq!(stage.request(second).0.version, 4);
}
