//! Requests of every API and version: byte 0 chooses the API, byte 1 the version, the rest is the body; all of it is
//! also read as a whole request with its header. Whatever is read must be written and read back as the same value.

#![no_main]

use bytes::Bytes;
use kp_protocol::api::AnyRequest;
use kp_protocol::{ApiKey, decode_request_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [api, version, body @ ..] = data else { return };
    let api = ApiKey::ALL[usize::from(*api) % ApiKey::ALL.len()];
    let versions = api.versions();
    let version = versions.min + i16::from(*version) % (versions.max - versions.min + 1);
    check(api, version, &Bytes::copy_from_slice(body));
    if let Ok((header, body)) = decode_request_header(&Bytes::copy_from_slice(data)) {
        check(header.api, header.version, &body);
    }
});

fn check(api: ApiKey, version: i16, body: &Bytes) {
    if let Ok(request) = AnyRequest::parse(api, version, body) {
        let written = request.encode(version).expect("what was read in a version can be said in it");
        assert_eq!(AnyRequest::parse(api, version, &Bytes::from(written.concat())), Ok(request));
    }
}
