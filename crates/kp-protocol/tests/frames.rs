//! Frames and headers, both ends of a connection.

use bytes::Bytes;
use kp_protocol::api::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ProduceResponse};
use kp_protocol::{
    ApiKey, ErrorCode, FrameReader, Message, ProtocolError, Request, RequestHeader, decode_request_header,
    decode_response_header, encode_body, encode_request, encode_response, request_head,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn frames_come_out_the_same_however_the_bytes_come_in(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8),
        cuts in prop::collection::vec(1..20usize, 1..50),
    ) {
        let stream: Vec<u8> =
            frames.iter().flat_map(|frame| [&(frame.len() as i32).to_be_bytes()[..], frame].concat()).collect();
        let mut reader = FrameReader::default();
        let mut read = Vec::new();
        let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let cut = rest.len().min(*cuts.next().expect("cycles"));
            reader.extend(&rest[..cut]);
            rest = &rest[cut..];
            while let Some(frame) = reader.next_frame().expect("within the limit") {
                read.push(frame.to_vec());
            }
            prop_assert!(reader.missing() > 0);
        }
        prop_assert_eq!(read, frames);
        prop_assert_eq!(reader.buffered(), 0);
    }
}

#[test]
fn a_frame_at_the_limit_passes_and_one_above_or_below_zero_does_not() {
    let read = |size: i32| {
        let mut reader = FrameReader::with_limit(10);
        reader.extend(&size.to_be_bytes());
        reader.next_frame()
    };
    assert_eq!(read(10), Ok(None));
    for size in [11, i32::MAX, -1, i32::MIN] {
        assert_eq!(read(size), Err(ProtocolError::FrameSize { size, limit: 10 }));
    }
    assert_eq!(read(0), Ok(Some(Bytes::new())));
}

#[test]
fn a_reader_knows_how_much_is_missing() {
    let mut reader = FrameReader::default();
    assert_eq!(reader.missing(), 4);
    reader.buffer_mut().extend_from_slice(&[0, 0, 0]);
    assert_eq!(reader.missing(), 1);
    reader.extend(&[9, 1, 2]);
    assert_eq!(reader.missing(), 7);
    reader.extend(&[0; 7]);
    assert_eq!(reader.missing(), 0);
}

#[test]
fn head_and_body_apart_are_the_same_bytes_as_the_whole_request() {
    let body = MetadataRequest { topics: Some(vec![]), ..Default::default() };
    for version in 0..=13 {
        for client_id in [None, Some(""), Some("client-1")] {
            let header = RequestHeader { correlation_id: -5, client_id };
            let whole = encode_request(&header, version, &body).expect("can be said").concat();
            let segments = encode_body(version, &body).expect("can be said");
            let body_len = segments.iter().map(Bytes::len).sum();
            let head = request_head(ApiKey::Metadata, version, -5, client_id, body_len).expect("fits");
            assert_eq!([&head[..], &segments.concat()].concat(), whole, "v{version}");
            let size = i32::from_be_bytes(whole[..4].try_into().expect("four bytes"));
            assert_eq!(size as usize, whole.len() - 4);
        }
    }
}

#[test]
fn a_broker_reads_what_a_client_wrote_and_the_other_way_round() {
    let request = ApiVersionsRequest { client_software_name: "kp".into(), ..Default::default() };
    let response = ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..Default::default() };
    for version in 0..=5 {
        let header = RequestHeader { correlation_id: 77, client_id: Some("me") };
        let frame = Bytes::from(encode_request(&header, version, &request).expect("can be said").concat());
        let (received, body) = decode_request_header(&frame.slice(4..)).expect("is a header");
        assert_eq!(
            (received.api, received.version, received.correlation_id),
            (ApiKey::ApiVersions, version, 77)
        );
        assert_eq!(received.client_id.as_deref(), Some("me"));
        let read = ApiVersionsRequest::parse(&body, version).expect("is a body");
        assert_eq!(read, if version < 3 { ApiVersionsRequest::default() } else { request.clone() });

        let frame = Bytes::from(encode_response(version, 77, &response).expect("can be said").concat());
        let (correlation_id, body) =
            decode_response_header(ApiVersionsRequest::KEY, version, &frame.slice(4..)).expect("is a header");
        assert_eq!(correlation_id, 77);
        assert_eq!(ApiVersionsResponse::parse(&body, version), Ok(response.clone()));
    }
}

#[test]
fn the_header_of_an_api_versions_response_never_has_tags() {
    // KIP-511: the body of v3 is flexible, its header is not.
    let versions = encode_response(3, 1, &ApiVersionsResponse::default()).expect("can be said").concat();
    assert_eq!(versions, b"\0\0\0\x0c\0\0\0\x01\0\0\x01\0\0\0\0\0");
    let produce = encode_response(9, 1, &ProduceResponse::default()).expect("can be said").concat();
    assert_eq!(produce, b"\0\0\0\x0b\0\0\0\x01\0\x01\0\0\0\0\0");
}

#[test]
fn a_version_of_the_future_still_shows_its_header_to_a_broker() {
    // KIP-511: it is to be answered with UNSUPPORTED_VERSION in v0.
    let frame = Bytes::from_static(b"\0\x12\0\x63\0\0\0\x05\0\x02me\0what comes then is unknown");
    let (received, body) = decode_request_header(&frame).expect("is a header");
    assert_eq!((received.api, received.version, received.correlation_id), (ApiKey::ApiVersions, 99, 5));
    assert!(matches!(
        ApiVersionsRequest::parse(&body, received.version),
        Err(ProtocolError::UnsupportedVersion { version: 99, min: 0, max: 5, .. })
    ));
}

#[test]
fn headers_cut_short_or_of_unknown_apis_are_refused() {
    let header = RequestHeader { correlation_id: 1, client_id: Some("me") };
    let request = encode_request(&header, 9, &MetadataRequest::default()).expect("can be said").concat();
    let header_len = 2 + 2 + 4 + 2 + 2 + 1;
    for end in 0..header_len {
        assert!(
            decode_request_header(&Bytes::copy_from_slice(&request[4..4 + end])).is_err(),
            "cut at {end}"
        );
    }
    let unknown = Bytes::from_static(b"\x03\xe7\0\0\0\0\0\0\xff\xff");
    assert_eq!(decode_request_header(&unknown), Err(ProtocolError::UnknownApiKey { key: 999 }));
    for end in 0..5 {
        let frame = Bytes::copy_from_slice(&[0; 5][..end]);
        assert!(decode_response_header(ApiKey::Produce, 9, &frame).is_err(), "cut at {end}");
    }
}

#[test]
fn a_client_id_too_long_for_its_length_is_cut_between_two_characters() {
    let long = "ü".repeat(20_000);
    let head = request_head(ApiKey::Metadata, 1, 0, Some(&long), 0).expect("fits");
    let (received, _) = decode_request_header(&head.slice(4..)).expect("is a header");
    assert_eq!(received.client_id.expect("is there").as_bytes().len(), 32_766);
}

#[test]
fn a_version_outside_the_table_is_not_written() {
    let refused = encode_body(14, &MetadataRequest::default());
    assert_eq!(
        refused,
        Err(ProtocolError::UnsupportedVersion { what: "MetadataRequest", version: 14, min: 0, max: 13 })
    );
    assert!(request_head(ApiKey::Metadata, -1, 0, None, 0).is_err());
}
