//! A record as it was read: parts of a line, before the producer sees them.

use std::borrow::Cow;

/// A record as the input has it; borrowed from the line where that is possible.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct InputRecord<'a> {
    pub(crate) key: Option<Cow<'a, [u8]>>,
    pub(crate) value: Option<Cow<'a, [u8]>>,
    pub(crate) headers: Vec<Header<'a>>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp_ms: Option<i64>,
}

/// Name and value of a header.
pub(crate) type Header<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);
