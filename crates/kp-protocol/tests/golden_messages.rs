//! Bodies of every message in every version as Java's own classes write them, by API number as brokers and proxies read
//! them: read, written again the same, refused when cut short. That they say the right thing is `src/golden_tests.rs`.

use bytes::Bytes;
use kp_protocol::api::{AnyRequest, AnyResponse};
use kp_protocol::{ApiKey, ProtocolError};

/// The rows of the file: message, version, bytes.
fn golden() -> impl Iterator<Item = (&'static str, i16, Bytes)> {
    include_str!("data/golden-messages.txt").lines().filter(|line| !line.starts_with('#')).filter_map(
        |line| {
            let [message, version, _case, hex] =
                line.split(' ').collect::<Vec<_>>().try_into().expect("has four words");
            let is_body = message.ends_with("Request") || message.ends_with("Response");
            is_body.then(|| (message, version.parse().expect("is a version"), unhex(hex)))
        },
    )
}

fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("is a hex digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn api(name: &str) -> ApiKey {
    *ApiKey::ALL.iter().find(|api| api.name() == name).unwrap_or_else(|| panic!("{name} is no API"))
}

/// Reads a body and writes it again.
fn rewritten(message: &str, version: i16, body: &Bytes) -> Result<Vec<u8>, ProtocolError> {
    let segments = if let Some(name) = message.strip_suffix("Request") {
        AnyRequest::parse_keeping_unknown(api(name), version, body)?.encode(version)?
    } else {
        let name = message.strip_suffix("Response").expect("is a request or a response");
        AnyResponse::parse_keeping_unknown(api(name), version, body)?.encode(version)?
    };
    Ok(segments.concat())
}

#[test]
fn what_java_writes_is_read_and_written_again_the_same() {
    for (message, version, body) in golden() {
        let rewritten = rewritten(message, version, &body);
        assert_eq!(rewritten.as_deref(), Ok(&body[..]), "{message} v{version}");
    }
}

#[test]
fn what_java_writes_cut_short_is_refused() {
    for (message, version, body) in golden() {
        for end in 0..body.len() {
            assert!(
                rewritten(message, version, &body.slice(..end)).is_err(),
                "{message} v{version} cut at {end}"
            );
        }
    }
}
