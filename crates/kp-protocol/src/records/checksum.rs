//! CRC-32C of record batches. crc-fast was chosen by measurement: 0.24 µs for 16 KiB in cache where crc32c takes
//! 0.59 µs (docs/decisions/0008-crc-fast.md); both use the processor's instructions on x86 and ARM.

use crc_fast::{CrcAlgorithm, Digest};

/// CRC-32C (Castagnoli) over the concatenation of `pieces`.
///
/// ```
/// assert_eq!(kp_protocol::records::crc32c([&b"1234"[..], b"56789"]), 0xe306_9283);
/// ```
#[must_use]
pub fn crc32c<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    pieces.into_iter().for_each(|piece| digest.update(piece));
    digest.finalize() as u32
}
