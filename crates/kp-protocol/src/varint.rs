//! The three variable-length integers of the protocol, for callers that read or write pieces of it by hand: unsigned in
//! compact lengths and tags (KIP-482), zigzag of 32 and 64 bits inside records (KIP-98).
//!
//! ```
//! use kp_protocol::varint;
//! let mut out = Vec::new();
//! varint::write_unsigned(300, &mut out);
//! varint::write_i32(-2, &mut out);
//! assert_eq!(out, [0xac, 0x02, 0x03]);
//! let (first, rest) = varint::read_unsigned(&out)?;
//! assert_eq!((first, varint::read_i32(rest)?.0), (300, -2));
//! # Ok::<(), kp_protocol::ProtocolError>(())
//! ```

use crate::error::ProtocolError;
use crate::field::{ParseFault, Parsed};
use crate::primitive::uvarint;
use crate::records::zigzag;

/// An unsigned varint of at most five bytes, and what follows it.
///
/// # Errors
/// [`ProtocolError::Malformed`] if it is cut short or longer than 32 bits.
pub fn read_unsigned(input: &[u8]) -> Result<(u32, &[u8]), ProtocolError> {
    explained(input, uvarint(input))
}

/// A zigzag varint of at most five bytes, and what follows it.
///
/// # Errors
/// [`ProtocolError::Malformed`] if it is cut short or longer than 32 bits.
pub fn read_i32(input: &[u8]) -> Result<(i32, &[u8]), ProtocolError> {
    explained(input, zigzag::varint(input))
}

/// A zigzag varint of at most ten bytes, and what follows it.
///
/// # Errors
/// [`ProtocolError::Malformed`] if it is cut short or longer than 64 bits.
pub fn read_i64(input: &[u8]) -> Result<(i64, &[u8]), ProtocolError> {
    explained(input, zigzag::varlong(input))
}

/// Appends an unsigned varint in its shortest form.
pub fn write_unsigned(value: u32, out: &mut Vec<u8>) {
    put(value.into(), out);
}

/// Appends a zigzag varint in its shortest form.
pub fn write_i32(value: i32, out: &mut Vec<u8>) {
    put(zigzag::encode_i32(value).into(), out);
}

/// Appends a zigzag varint in its shortest form.
pub fn write_i64(value: i64, out: &mut Vec<u8>) {
    put(zigzag::encode_i64(value), out);
}

fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn explained<'a, T>(input: &[u8], parsed: Parsed<'a, T>) -> Result<(T, &'a [u8]), ProtocolError> {
    match parsed {
        Ok((rest, value)) => Ok((value, rest)),
        Err(fault) => Err(ParseFault::explain(fault, "varint", 0, input.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_varints_are_seven_bits_a_byte_low_group_first() {
        // BB19
        let vectors: [(u32, &[u8]); 7] = [
            (0, &[0]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
            (1 << 28, &[0x80, 0x80, 0x80, 0x80, 0x01]),
            (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in vectors {
            let mut out = Vec::new();
            write_unsigned(value, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(read_unsigned(bytes), Ok((value, &[][..])));
            assert_eq!(crate::primitive::uvarint_size(value), bytes.len());
            assert!(read_unsigned(&bytes[..bytes.len() - 1]).is_err(), "{value} cut short");
        }
        assert!(read_unsigned(&[0xff, 0xff, 0xff, 0xff, 0x10]).is_err(), "33 bits");
        assert!(read_unsigned(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01]).is_err(), "six bytes");
    }

    #[test]
    fn what_is_written_is_read_and_the_rest_is_left() {
        // BB19
        let mut out = Vec::new();
        for value in [0, -1, 1, 63, 64, -65, i64::MAX, i64::MIN] {
            write_i64(value, &mut out);
            write_i32(value as i32, &mut out);
        }
        let mut rest = &out[..];
        for value in [0, -1, 1, 63, 64, -65, i64::MAX, i64::MIN] {
            let (wide, after) = read_i64(rest).expect("was just written");
            let (narrow, after) = read_i32(after).expect("was just written");
            assert_eq!((wide, narrow), (value, value as i32));
            rest = after;
        }
        assert!(rest.is_empty());
    }
}
