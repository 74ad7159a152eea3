//! Responses of every API and version: byte 0 chooses the API, byte 1 the version, the rest is the body. Whatever is
//! read must be written and read back as the same value.

#![no_main]

use bytes::Bytes;
use kp_protocol::api::AnyResponse;
use kp_protocol::{ApiKey, decode_response_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [api, version, body @ ..] = data else { return };
    let api = ApiKey::ALL[usize::from(*api) % ApiKey::ALL.len()];
    let versions = api.versions();
    let version = versions.min + i16::from(*version) % (versions.max - versions.min + 1);
    let body = Bytes::copy_from_slice(body);
    let _ = decode_response_header(api, version, &body);
    if let Ok(response) = AnyResponse::parse(api, version, &body) {
        let written = response.encode(version).expect("what was read in a version can be said in it");
        assert_eq!(AnyResponse::parse(api, version, &Bytes::from(written.concat())), Ok(response));
    }
});
