//! Bytes that Java's own classes wrote, in both directions: of every message in every version, of headers, and the
//! table of error codes.

use std::collections::BTreeSet;
use std::fmt::Debug;

use bytes::Bytes;

use crate::api::*;
use crate::field::Form;
use crate::golden_values::{Golden, Place};
use crate::wire::Message;
use crate::{ApiKey, ErrorCode, RequestHeader};

/// Rows: four words each.
fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    include_str!("../tests/data/golden-messages.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect::<Vec<_>>().try_into().expect("has four words"))
}

fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("is a hex digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn version_of(text: &str) -> i16 {
    text.parse().expect("is a version")
}

/// The rows of one message: the value that each stands for, made without them, is written as they say; they are read
/// as that value; and that is written the same again.
fn is_what_java_writes<M: Message + Golden + Default + PartialEq + Debug>(seen: &mut usize) {
    for [_, version, case, hex] in rows().filter(|row| row[0] == M::NAME) {
        let what = format!("{} v{version} {case}", M::NAME);
        let version = version_of(version);
        let skipping = Form { version, flexible: M::API.is_flexible(version), keeps_unknown: false };
        let form = Form { keeps_unknown: true, ..skipping };
        let value = M::golden(&M::default(), &Place::of_message(M::NAME, version, case), form);
        let bytes = unhex(hex);
        let written = |value: &M| crate::encode_body(version, value).map(|segments| segments.concat());
        assert_eq!(written(&value).as_deref(), Ok(&bytes[..]), "{what}: written");
        let read = M::parse_keeping_unknown(&bytes, version);
        assert_eq!(read.as_ref(), Ok(&value), "{what}: read");
        assert_eq!(read.and_then(|read| written(&read)).as_deref(), Ok(&bytes[..]), "{what}: written again");
        let without = M::golden(&M::default(), &Place::of_message(M::NAME, version, case), skipping);
        assert_eq!(M::parse(&bytes, version), Ok(without), "{what}: read, unknown tags skipped");
        *seen += 1;
    }
}

macro_rules! every_message_is_what_java_writes {
    ($seen:ident $($message:ident)*) => { { $(is_what_java_writes::<$message>(&mut $seen);)* } };
}

#[test]
fn every_message_in_every_version_is_written_and_read_as_java_does_it() {
    let mut seen = 0;
    for_every_message!(every_message_is_what_java_writes! seen);
    let bodies = rows().filter(|row| !["Error", "RequestHeader", "ResponseHeader"].contains(&row[0]));
    assert_eq!(seen, bodies.count(), "every row belongs to a message");
}

#[test]
fn the_file_has_every_case_of_every_version_of_every_message_and_no_other() {
    let mut missing: BTreeSet<[String; 3]> = BTreeSet::new();
    for api in ApiKey::ALL {
        for version in api.versions().min..=api.versions().max {
            for case in ["default", "plain", "filled", "mixed", "mixed2", "unknown"] {
                for message in [format!("{api}Request"), format!("{api}Response")] {
                    missing.insert([message, version.to_string(), case.to_owned()]);
                }
            }
            for header in ["RequestHeader", "ResponseHeader"] {
                missing.insert([header.to_owned(), api.to_string(), version.to_string()]);
            }
        }
    }
    for row in rows().filter(|row| row[0] != "Error") {
        let subject = [row[0], row[1], row[2]].map(str::to_owned);
        assert!(missing.remove(&subject), "{subject:?} is none of ours, or there twice");
    }
    assert!(missing.is_empty(), "missing: {missing:?}");
}

#[test]
fn headers_are_written_and_read_as_java_does_it() {
    // KIP-482; KIP-511 for the answer to ApiVersions
    const CORRELATION_ID: i32 = 0x0102_0304;
    for [kind, api, version, hex] in rows().filter(|row| row[0].ends_with("Header")) {
        let api = *ApiKey::ALL.iter().find(|known| known.name() == api).expect("is an API of ours");
        let (version, bytes) = (version_of(version), unhex(hex));
        if kind == "RequestHeader" {
            let client_id = Some("kp-\u{e9}");
            let head =
                crate::request_head(api, version, CORRELATION_ID, client_id, 0).expect("a version of ours");
            assert_eq!((&head[..4], &head[4..]), (&(bytes.len() as u32).to_be_bytes()[..], &bytes[..]));
            let (header, rest) = crate::decode_request_header(&bytes).expect("Java's bytes");
            assert_eq!((header.api, header.version, rest.len()), (api, version, 0));
            assert_eq!((header.correlation_id, header.client_id.as_deref()), (CORRELATION_ID, client_id));
        } else {
            let read = crate::decode_response_header(api, version, &bytes);
            assert_eq!(read, Ok((CORRELATION_ID, Bytes::new())), "{api} v{version}");
            let tagged = api.response_header_version(version) == 1;
            assert_eq!(bytes.len(), if tagged { 5 } else { 4 }, "{api} v{version}");
        }
    }
    // A whole response: size, header, body.
    let response = crate::encode_response(3, CORRELATION_ID, &ApiVersionsResponse::default())
        .expect("a version of ours");
    assert_eq!(response.concat()[..8], [0, 0, 0, 12, 1, 2, 3, 4]);
    let header = RequestHeader { correlation_id: CORRELATION_ID, client_id: None };
    let request =
        crate::encode_request(&header, 0, &ApiVersionsRequest::default()).expect("a version of ours");
    assert_eq!(request.concat(), [0, 0, 0, 10, 0, 18, 0, 0, 1, 2, 3, 4, 0xff, 0xff]);
}

#[test]
fn error_codes_have_javas_names_and_java_says_which_may_be_tried_again() {
    let mut known: BTreeSet<_> = ErrorCode::all().collect();
    for [_, code, name, says] in rows().filter(|row| row[0] == "Error") {
        let code = ErrorCode(code.parse().expect("is a code"));
        assert_eq!(code.name(), name);
        let ours = match (code.is_retriable(), code.refreshes_metadata()) {
            (true, true) => "metadata",
            (true, false) => "retriable",
            (false, refreshes) => {
                assert!(!refreshes, "{code}");
                "-"
            }
        };
        assert_eq!(ours, says, "{code}");
        known.remove(&code);
    }
    assert!(known.is_empty(), "codes that Java does not know: {known:?}");
}
