//! Signed varints of records: zigzag, then seven bits a byte, low group first.

use crate::error::Fault;
use crate::field::{ParseFault, Parsed};

#[inline(always)]
pub(crate) const fn encode_i32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline(always)]
pub(crate) const fn encode_i64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Bytes of a varint.
#[inline(always)]
pub(crate) const fn varint_size(value: i32) -> usize {
    ((38 - (encode_i32(value) | 1).leading_zeros()) / 7) as usize
}

/// Bytes of a varlong.
#[inline(always)]
pub(crate) const fn varlong_size(value: i64) -> usize {
    ((70 - (encode_i64(value) | 1).leading_zeros()) / 7) as usize
}

/// A varint of at most five bytes and 32 bits.
#[inline(always)]
pub(crate) fn varint(input: &[u8]) -> Parsed<'_, i32> {
    if let Some((&byte, rest)) = input.split_first()
        && byte < 0x80
    {
        return Ok((rest, i32::from(byte >> 1) ^ -i32::from(byte & 1)));
    }
    let (rest, value) = long(input, 5, 0x0f)?;
    Ok((rest, (value as u32 >> 1) as i32 ^ -((value & 1) as i32)))
}

/// A varlong of at most ten bytes and 64 bits.
#[inline(always)]
pub(crate) fn varlong(input: &[u8]) -> Parsed<'_, i64> {
    if let Some((&byte, rest)) = input.split_first()
        && byte < 0x80
    {
        return Ok((rest, i64::from(byte >> 1) ^ -i64::from(byte & 1)));
    }
    let (rest, value) = long(input, 10, 0x01)?;
    Ok((rest, (value >> 1) as i64 ^ -((value & 1) as i64)))
}

/// At most `bytes` bytes, the last of which holds no more than `last`.
fn long(input: &[u8], bytes: usize, last: u8) -> Parsed<'_, u64> {
    let mut value = 0u64;
    for (place, &byte) in input.iter().take(bytes).enumerate() {
        if place == bytes - 1 && byte > last {
            return ParseFault::err(input, Fault::OverlongVarint);
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok((&input[place + 1..], value));
        }
    }
    ParseFault::err(input, Fault::Truncated { missing: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }

    #[test]
    fn varints_are_read_as_java_writes_them() {
        // BB19
        let vectors: [(i32, &[u8]); 12] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-2, &[0x03]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in vectors {
            assert_eq!(put(u64::from(encode_i32(value))), bytes, "{value}");
            assert_eq!(varint_size(value), bytes.len(), "{value}");
            assert_eq!(varint(bytes), Ok((&[][..], value)));
            assert_eq!(varlong(bytes), Ok((&[][..], i64::from(value))));
            assert!(varint(&bytes[..bytes.len() - 1]).is_err(), "{value} cut short");
        }
        for value in [i64::MIN, i64::MAX, i64::from(i32::MAX) + 1, 1 << 34, -(1 << 62)] {
            let bytes = put(encode_i64(value));
            assert_eq!((varlong(&bytes), varlong_size(value)), (Ok((&[][..], value)), bytes.len()));
            assert!(varlong(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn an_overlong_varint_is_an_error() {
        // BB19
        assert!(varint(&[0x80, 0x80, 0x80, 0x80, 0x10]).is_err(), "33 bits");
        assert!(varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01]).is_err(), "six bytes");
        assert!(varlong(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).is_err(), "65 bits");
        assert!(varlong(&[0x80; 11]).is_err(), "eleven bytes");
    }
}
