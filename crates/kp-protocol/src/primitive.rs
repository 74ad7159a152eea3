//! Primitive values of the wire, `size`, `put` and `parse` side by side. Integers are read by hand: nom's own
//! `be_*` cost 14 to 24 % of a decode.

use bytes::Bytes;

use crate::element_sink::{Elements, KeepAll};
use crate::error::{Fault, ProtocolError};
use crate::error_code::ErrorCode;
use crate::field::{Field, Form, ParseFault, Parsed};
use crate::kafka_string::KafkaString;
use crate::record_data::Records;
use crate::topic_partition::TopicId;
use crate::wire_buf::WireBuf;

/// The next `N` bytes.
#[inline(always)]
pub(crate) fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk::<N>() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => ParseFault::err(input, Fault::Truncated { missing: N - input.len() }),
    }
}

/// The next `length` bytes.
#[inline(always)]
pub(crate) fn take(input: &[u8], length: usize) -> Parsed<'_, &[u8]> {
    match input.split_at_checked(length) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => ParseFault::err(input, Fault::TooLong { length, left: input.len() }),
    }
}

/// An unsigned varint of at most five bytes and 32 bits (KIP-482).
#[inline(always)]
pub(crate) fn uvarint(input: &[u8]) -> Parsed<'_, u32> {
    match input.split_first() {
        Some((&byte, rest)) if byte < 0x80 => Ok((rest, u32::from(byte))),
        _ => long_uvarint(input),
    }
}

fn long_uvarint(input: &[u8]) -> Parsed<'_, u32> {
    let mut value = 0u32;
    for (place, &byte) in input.iter().take(5).enumerate() {
        if place == 4 && byte > 0x0f {
            return ParseFault::err(input, Fault::OverlongVarint);
        }
        value |= u32::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok((&input[place + 1..], value));
        }
    }
    ParseFault::err(input, Fault::Truncated { missing: 1 })
}

/// Bytes of an unsigned varint.
#[inline(always)]
pub(crate) const fn uvarint_size(value: u32) -> usize {
    // One byte for each seven bits begun; zero takes one too.
    ((38 - (value | 1).leading_zeros()) / 7) as usize
}

macro_rules! integers {
    ($($ty:ty, $put:ident;)*) => {$(
        impl Field for $ty {
            #[inline(always)]
            fn min_size(_: Form) -> usize {
                size_of::<$ty>()
            }
            #[inline(always)]
            fn size(&self, _: Form) -> Result<usize, ProtocolError> {
                Ok(size_of::<$ty>())
            }
            #[inline(always)]
            fn put(&self, _: Form, out: &mut WireBuf) {
                out.$put(*self);
            }
            #[inline(always)]
            fn parse<'a>(input: &'a [u8], _: &'a Bytes, _: Form) -> Parsed<'a, Self> {
                let (rest, bytes) = array(input)?;
                Ok((rest, <$ty>::from_be_bytes(bytes)))
            }
        }
    )*};
}

integers! {
    i8, put_i8;
    i16, put_i16;
    i32, put_i32;
    i64, put_i64;
}

impl Field for ErrorCode {
    #[inline(always)]
    fn min_size(_: Form) -> usize {
        2
    }
    #[inline(always)]
    fn size(&self, _: Form) -> Result<usize, ProtocolError> {
        Ok(2)
    }
    #[inline(always)]
    fn put(&self, _: Form, out: &mut WireBuf) {
        out.put_i16(self.0);
    }
    #[inline(always)]
    fn parse<'a>(input: &'a [u8], frame: &'a Bytes, form: Form) -> Parsed<'a, Self> {
        let (rest, number) = i16::parse(input, frame, form)?;
        Ok((rest, Self(number)))
    }
}

impl Field for bool {
    #[inline(always)]
    fn min_size(_: Form) -> usize {
        1
    }
    #[inline(always)]
    fn size(&self, _: Form) -> Result<usize, ProtocolError> {
        Ok(1)
    }
    #[inline(always)]
    fn put(&self, _: Form, out: &mut WireBuf) {
        out.put_i8(i8::from(*self));
    }
    #[inline(always)]
    fn parse<'a>(input: &'a [u8], _: &'a Bytes, _: Form) -> Parsed<'a, Self> {
        let (rest, [byte]) = array(input)?;
        Ok((rest, byte != 0))
    }
}

impl Field for TopicId {
    #[inline(always)]
    fn min_size(_: Form) -> usize {
        16
    }
    #[inline(always)]
    fn size(&self, _: Form) -> Result<usize, ProtocolError> {
        Ok(16)
    }
    #[inline(always)]
    fn put(&self, _: Form, out: &mut WireBuf) {
        out.put_slice(&self.0);
    }
    #[inline(always)]
    fn parse<'a>(input: &'a [u8], _: &'a Bytes, _: Form) -> Parsed<'a, Self> {
        let (rest, bytes) = array(input)?;
        Ok((rest, Self(bytes)))
    }
}

/// How long the length before a value is in a version that is not flexible.
pub(crate) enum Prefix {
    I16,
    I32,
}

/// A value with its length or count in front. `Option` of it is the nullable form.
pub(crate) trait Measured: Sized + 'static {
    const PREFIX: Prefix;
    const WHAT: &'static str;
    /// What the prefix says: bytes, or elements.
    fn length(&self) -> usize;
    fn content_size(&self, form: Form) -> Result<usize, ProtocolError>;
    fn shared_size(&self) -> usize {
        0
    }
    fn put_content(&self, form: Form, out: &mut WireBuf);
    fn parse_content<'a>(input: &'a [u8], length: usize, frame: &'a Bytes, form: Form) -> Parsed<'a, Self>;
    /// The same; elements go to `elements` first.
    #[inline(always)]
    fn parse_content_each<'a, E: Elements>(
        input: &'a [u8],
        length: usize,
        frame: &'a Bytes,
        form: Form,
        _: &mut E,
    ) -> Parsed<'a, Self> {
        Self::parse_content(input, length, frame, form)
    }
}

#[inline(always)]
fn prefix_size<T: Measured>(length: usize, form: Form) -> Result<usize, ProtocolError> {
    let limit = match T::PREFIX {
        Prefix::I16 => i16::MAX as usize,
        Prefix::I32 => i32::MAX as usize - 1,
    };
    if length > limit {
        return Err(ProtocolError::TooLong { what: T::WHAT, length, limit });
    }
    Ok(match T::PREFIX {
        _ if form.flexible => uvarint_size(length as u32 + 1),
        Prefix::I16 => 2,
        Prefix::I32 => 4,
    })
}

#[inline(always)]
fn put_prefix<T: Measured>(length: Option<usize>, form: Form, out: &mut WireBuf) {
    match T::PREFIX {
        _ if form.flexible => out.put_uvarint(length.map_or(0, |length| length as u32 + 1)),
        Prefix::I16 => out.put_i16(length.map_or(-1, |length| length as i16)),
        Prefix::I32 => out.put_i32(length.map_or(-1, |length| length as i32)),
    }
}

/// The length in front, `None` for null.
#[inline(always)]
fn parse_prefix<T: Measured>(input: &[u8], form: Form) -> Parsed<'_, Option<usize>> {
    if form.flexible {
        let (rest, length) = uvarint(input)?;
        return Ok((rest, (length as usize).checked_sub(1)));
    }
    let (rest, length) = match T::PREFIX {
        Prefix::I16 => array(input).map(|(rest, bytes)| (rest, i64::from(i16::from_be_bytes(bytes))))?,
        Prefix::I32 => array(input).map(|(rest, bytes)| (rest, i64::from(i32::from_be_bytes(bytes))))?,
    };
    match length {
        0.. => Ok((rest, Some(length as usize))),
        -1 => Ok((rest, None)),
        _ => ParseFault::err(input, Fault::Negative { length }),
    }
}

#[inline(always)]
fn min_prefix_size<T: Measured>(form: Form) -> usize {
    match T::PREFIX {
        _ if form.flexible => 1,
        Prefix::I16 => 2,
        Prefix::I32 => 4,
    }
}

impl<T: Measured> Field for Option<T> {
    #[inline(always)]
    fn min_size(form: Form) -> usize {
        min_prefix_size::<T>(form)
    }
    #[inline]
    fn size(&self, form: Form) -> Result<usize, ProtocolError> {
        match self {
            Some(value) => Ok(prefix_size::<T>(value.length(), form)? + value.content_size(form)?),
            None => Ok(min_prefix_size::<T>(form)),
        }
    }
    #[inline]
    fn shared_size(&self) -> usize {
        self.as_ref().map_or(0, Measured::shared_size)
    }
    #[inline]
    fn put(&self, form: Form, out: &mut WireBuf) {
        put_prefix::<T>(self.as_ref().map(Measured::length), form, out);
        if let Some(value) = self {
            value.put_content(form, out);
        }
    }
    #[inline]
    fn parse<'a>(input: &'a [u8], frame: &'a Bytes, form: Form) -> Parsed<'a, Self> {
        Self::parse_each(input, frame, form, &mut KeepAll)
    }
    #[inline]
    fn parse_each<'a, E: Elements>(
        input: &'a [u8],
        frame: &'a Bytes,
        form: Form,
        elements: &mut E,
    ) -> Parsed<'a, Self> {
        let (rest, length) = parse_prefix::<T>(input, form)?;
        let Some(length) = length else { return Ok((rest, None)) };
        let (rest, value) = T::parse_content_each(rest, length, frame, form, elements)?;
        Ok((rest, Some(value)))
    }
    #[inline(always)]
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

macro_rules! measured_fields {
    ($([$($generic:tt)*] $ty:ty;)*) => {$(
        impl $($generic)* Field for $ty {
            #[inline(always)]
            fn min_size(form: Form) -> usize {
                min_prefix_size::<Self>(form)
            }
            #[inline]
            fn size(&self, form: Form) -> Result<usize, ProtocolError> {
                Ok(prefix_size::<Self>(self.length(), form)? + self.content_size(form)?)
            }
            #[inline]
            fn shared_size(&self) -> usize {
                Measured::shared_size(self)
            }
            #[inline]
            fn put(&self, form: Form, out: &mut WireBuf) {
                put_prefix::<Self>(Some(self.length()), form, out);
                self.put_content(form, out);
            }
            #[inline]
            fn parse<'a>(input: &'a [u8], frame: &'a Bytes, form: Form) -> Parsed<'a, Self> {
                Self::parse_each(input, frame, form, &mut KeepAll)
            }
            #[inline]
            fn parse_each<'a, E: Elements>(
                input: &'a [u8],
                frame: &'a Bytes,
                form: Form,
                elements: &mut E,
            ) -> Parsed<'a, Self> {
                let (rest, length) = parse_prefix::<Self>(input, form)?;
                match length {
                    Some(length) => Self::parse_content_each(rest, length, frame, form, elements),
                    None => ParseFault::err(input, Fault::Null),
                }
            }
        }
    )*};
}

measured_fields! {
    [] KafkaString;
    [] Bytes;
    [] Records;
    [<T: Field>] Vec<T>;
}

impl Measured for KafkaString {
    const PREFIX: Prefix = Prefix::I16;
    const WHAT: &'static str = "string";

    #[inline(always)]
    fn length(&self) -> usize {
        self.as_bytes().len()
    }
    #[inline(always)]
    fn content_size(&self, _: Form) -> Result<usize, ProtocolError> {
        Ok(self.length())
    }
    #[inline(always)]
    fn put_content(&self, _: Form, out: &mut WireBuf) {
        out.put_slice(self.as_bytes());
    }
    #[inline]
    fn parse_content<'a>(input: &'a [u8], length: usize, frame: &'a Bytes, _: Form) -> Parsed<'a, Self> {
        let (rest, text) = take(input, length)?;
        match Self::from_utf8_in(text, frame) {
            Some(text) => Ok((rest, text)),
            None => ParseFault::err(input, Fault::NotUtf8),
        }
    }
}

impl Measured for Bytes {
    const PREFIX: Prefix = Prefix::I32;
    const WHAT: &'static str = "byte string";

    #[inline(always)]
    fn length(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    fn content_size(&self, _: Form) -> Result<usize, ProtocolError> {
        Ok(self.len())
    }
    #[inline(always)]
    fn put_content(&self, _: Form, out: &mut WireBuf) {
        out.put_slice(self);
    }
    #[inline]
    fn parse_content<'a>(input: &'a [u8], length: usize, frame: &'a Bytes, _: Form) -> Parsed<'a, Self> {
        let (rest, bytes) = take(input, length)?;
        Ok((rest, frame.slice_ref(bytes)))
    }
}

impl Measured for Records {
    const PREFIX: Prefix = Prefix::I32;
    const WHAT: &'static str = "records";

    #[inline]
    fn length(&self) -> usize {
        self.len()
    }
    #[inline]
    fn content_size(&self, _: Form) -> Result<usize, ProtocolError> {
        Ok(self.len())
    }
    #[inline]
    fn shared_size(&self) -> usize {
        self.len()
    }
    #[inline]
    fn put_content(&self, _: Form, out: &mut WireBuf) {
        out.put_shared(self);
    }
    #[inline]
    fn parse_content<'a>(input: &'a [u8], length: usize, frame: &'a Bytes, _: Form) -> Parsed<'a, Self> {
        let (rest, bytes) = take(input, length)?;
        Ok((rest, Self::from(frame.slice_ref(bytes))))
    }
}

impl<T: Field> Measured for Vec<T> {
    const PREFIX: Prefix = Prefix::I32;
    const WHAT: &'static str = "array";

    #[inline(always)]
    fn length(&self) -> usize {
        self.len()
    }
    #[inline]
    fn content_size(&self, form: Form) -> Result<usize, ProtocolError> {
        self.iter().try_fold(0, |size, element| Ok(size + element.size(form)?))
    }
    #[inline]
    fn shared_size(&self) -> usize {
        self.iter().map(Field::shared_size).sum()
    }
    #[inline]
    fn put_content(&self, form: Form, out: &mut WireBuf) {
        for element in self {
            element.put(form, out);
        }
    }
    #[inline]
    fn parse_content<'a>(input: &'a [u8], length: usize, frame: &'a Bytes, form: Form) -> Parsed<'a, Self> {
        Self::parse_content_each(input, length, frame, form, &mut KeepAll)
    }
    #[inline]
    fn parse_content_each<'a, E: Elements>(
        input: &'a [u8],
        length: usize,
        frame: &'a Bytes,
        form: Form,
        elements: &mut E,
    ) -> Parsed<'a, Self> {
        if length > input.len() / T::min_size(form).max(1) {
            return ParseFault::err(input, Fault::TooMany { count: length, left: input.len() });
        }
        let mut kept = Self::with_capacity(if E::KEEPS_ALL { length } else { 0 });
        let mut rest = input;
        for _ in 0..length {
            let (after, element) = T::parse_each(rest, frame, form, elements)?;
            rest = after;
            if let Some(element) = elements.offer(element) {
                kept.push(element);
            }
        }
        Ok((rest, kept))
    }
}
