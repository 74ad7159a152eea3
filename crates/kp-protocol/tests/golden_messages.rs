//! Bodies of every message in every version as Java's own classes write them: read, and written again the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use kp_protocol::api::{AnyRequest, AnyResponse};
use kp_protocol::{ApiKey, ProtocolError};

/// The rows of the file: message, version, bytes.
fn golden() -> impl Iterator<Item = (&'static str, i16, Bytes)> {
    include_str!("data/golden-messages.txt").lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [message, version, hex] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("has three words");
        (message, version.parse().expect("is a version"), unhex(hex))
    })
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
        AnyRequest::parse(api(name), version, body)?.encode(version)?
    } else {
        let name = message.strip_suffix("Response").expect("is a request or a response");
        AnyResponse::parse(api(name), version, body)?.encode(version)?
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

#[test]
fn the_file_has_every_version_of_every_message() {
    let mut versions: BTreeMap<&str, Vec<i16>> = BTreeMap::new();
    golden().for_each(|(message, version, _)| versions.entry(message).or_default().push(version));
    for api in ApiKey::ALL {
        let all: Vec<_> = (api.versions().min..=api.versions().max).collect();
        for kind in ["Request", "Response"] {
            assert_eq!(versions.remove(format!("{api}{kind}").as_str()), Some(all.clone()), "{api}{kind}");
        }
    }
    assert!(versions.is_empty(), "{versions:?}");
}
