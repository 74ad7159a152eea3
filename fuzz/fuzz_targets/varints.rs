//! Varints of all three kinds: what is read is written again in no more bytes, and read back the same.

#![no_main]

use kp_protocol::varint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut written = Vec::new();
    if let Ok((value, rest)) = varint::read_unsigned(data) {
        varint::write_unsigned(value, &mut written);
        assert!(written.len() <= data.len() - rest.len());
        assert_eq!(varint::read_unsigned(&written), Ok((value, &[][..])));
    }
    written.clear();
    if let Ok((value, rest)) = varint::read_i32(data) {
        varint::write_i32(value, &mut written);
        assert!(written.len() <= data.len() - rest.len());
        assert_eq!(varint::read_i32(&written), Ok((value, &[][..])));
        assert_eq!(varint::read_i64(data).map(|(wide, _)| wide), Ok(i64::from(value)));
    }
    written.clear();
    if let Ok((value, rest)) = varint::read_i64(data) {
        varint::write_i64(value, &mut written);
        assert!(written.len() <= data.len() - rest.len());
        assert_eq!(varint::read_i64(&written), Ok((value, &[][..])));
    }
});
