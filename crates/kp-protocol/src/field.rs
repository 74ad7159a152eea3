//! How one field is sized, written and read, in a given version. What a message is made of; `wire.rs` puts it together.

use bytes::Bytes;

use crate::element_sink::Elements;
use crate::error::{Fault, ProtocolError};
use crate::wire_buf::WireBuf;

/// How a value is written: the message's version, and whether that is flexible (KIP-482).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) version: i16,
    pub(crate) flexible: bool,
    /// Reading: whether tags without a row are kept instead of skipped.
    pub(crate) keeps_unknown: bool,
}

/// What a parser returns: the rest of the input and the value.
pub(crate) type Parsed<'a, T> = nom::IResult<&'a [u8], T, ParseFault>;

/// A fault and how much input was left where it was found; [`ProtocolError::Malformed`] is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParseFault {
    pub(crate) left: usize,
    pub(crate) fault: Fault,
}

impl ParseFault {
    #[cold]
    pub(crate) fn err<T>(input: &[u8], fault: Fault) -> Result<T, nom::Err<Self>> {
        Err(nom::Err::Error(Self { left: input.len(), fault }))
    }

    /// The public error, for an input of `len` bytes.
    #[cold]
    pub(crate) fn explain(
        error: nom::Err<Self>,
        what: &'static str,
        version: i16,
        len: usize,
    ) -> ProtocolError {
        let Self { left, fault } = match error {
            nom::Err::Error(fault) | nom::Err::Failure(fault) => fault,
            nom::Err::Incomplete(_) => Self { left: 0, fault: Fault::Truncated { missing: 1 } },
        };
        ProtocolError::Malformed { what, version, at: len.saturating_sub(left), fault }
    }
}

impl<'a> nom::error::ParseError<&'a [u8]> for ParseFault {
    fn from_error_kind(input: &'a [u8], kind: nom::error::ErrorKind) -> Self {
        let fault = match kind {
            nom::error::ErrorKind::Eof => Fault::Truncated { missing: 1 },
            _ => Fault::Malformed,
        };
        Self { left: input.len(), fault }
    }

    fn append(_: &'a [u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// A value of one field. A type decides its own encoding.
pub(crate) trait Field: Sized + 'static {
    /// The least number of bytes any value takes; array counts are checked against it.
    fn min_size(form: Form) -> usize;
    fn size(&self, form: Form) -> Result<usize, ProtocolError>;
    /// Bytes handed on by reference.
    fn shared_size(&self) -> usize {
        0
    }
    fn put(&self, form: Form, out: &mut WireBuf);
    /// `input` is a slice of `frame`.
    fn parse<'a>(input: &'a [u8], frame: &'a Bytes, form: Form) -> Parsed<'a, Self>;
    /// The same for a value that may hold arrays: their elements go to `elements` first.
    #[inline(always)]
    fn parse_each<'a, E: Elements>(
        input: &'a [u8],
        frame: &'a Bytes,
        form: Form,
        _: &mut E,
    ) -> Parsed<'a, Self> {
        Self::parse(input, frame, form)
    }
    fn is_null(&self) -> bool {
        false
    }
}

/// Compares a field with its default; a function, so that the default's type is known.
#[inline(always)]
pub(crate) fn is_default<T: PartialEq>(value: &T, default: &T) -> bool {
    value == default
}
