//! Frames: byte 0 chooses a limit, byte 1 how the rest is cut. However it is cut, the same frames and the same error
//! come out.

#![no_main]

use bytes::Bytes;
use kp_protocol::{FrameReader, ProtocolError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [limit, cut, stream @ ..] = data else { return };
    let limit = usize::from(*limit) * 4;
    let whole = read(limit, [stream]);
    assert_eq!(read(limit, stream.chunks(usize::from(*cut).max(1))), whole);
    for frame in &whole.0 {
        assert!(frame.len() <= limit);
    }
});

fn read<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Bytes>, Option<ProtocolError>) {
    let mut reader = FrameReader::with_limit(limit);
    let mut frames = Vec::new();
    for piece in pieces {
        reader.extend(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(reader.missing() > 0);
    }
    (frames, None)
}
