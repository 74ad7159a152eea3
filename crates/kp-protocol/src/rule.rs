//! What the brackets of a `wire!` row say, and what follows from it when a field is sized or read.

use std::fmt::{Debug, DebugStruct};
use std::ops::RangeFrom;

use bytes::Bytes;

use crate::api_key::VersionRange;
use crate::element_sink::Elements;
use crate::error::{Fault, ProtocolError};
use crate::field::{Field, Form, ParseFault, Parsed};
use crate::schema::SchemaRow;

/// What the brackets of a row say.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    versions: VersionRange,
    pub(crate) tag: Option<u32>,
    nullable_from: i16,
    ignorable: bool,
    gone: bool,
    secret: bool,
}

impl Rule {
    pub(crate) const fn new(min: i16, max: i16) -> Self {
        Self {
            versions: VersionRange { min, max },
            tag: None,
            nullable_from: i16::MAX,
            ignorable: false,
            gone: false,
            secret: false,
        }
    }

    pub(crate) const fn tag(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    pub(crate) const fn nullable(mut self, versions: RangeFrom<i16>) -> Self {
        self.nullable_from = versions.start;
        self
    }

    pub(crate) const fn ignorable(mut self) -> Self {
        self.ignorable = true;
        self
    }

    /// The newest schemas have dropped the field together with its versions.
    pub(crate) const fn gone(mut self) -> Self {
        self.gone = true;
        self
    }

    /// Not to be shown by `Debug`: it ends up in logs.
    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(crate) const fn schema(
        self,
        part: &'static str,
        field: &'static str,
        texts: [&'static str; 3],
    ) -> SchemaRow {
        let [json_name, rust_type, default] = texts;
        SchemaRow {
            part,
            field,
            json_name,
            rust_type,
            default,
            versions: self.versions,
            nullable_from: if self.nullable_from == i16::MAX { None } else { Some(self.nullable_from) },
            tag: self.tag,
            ignorable: self.ignorable,
            gone: self.gone,
        }
    }

    /// Whether the field stands in its place in this version (and not in the tagged section, nor nowhere).
    #[inline(always)]
    pub(crate) const fn is_plain(self, version: i16) -> bool {
        self.tag.is_none() && self.versions.contains(version)
    }

    #[inline(always)]
    pub(crate) const fn is_tagged(self, form: Form) -> bool {
        self.tag.is_some() && form.flexible && self.versions.contains(form.version)
    }

    /// Whether it matters that the field holds its default: then a tagged field is left out, and one that the version lacks
    /// is no loss.
    #[inline(always)]
    pub(crate) const fn asks_for_default(self, version: i16) -> bool {
        if self.versions.contains(version) { self.tag.is_some() } else { !self.ignorable }
    }

    /// Bytes of the field in its place; refuses what this version cannot say.
    #[inline(always)]
    pub(crate) fn size<T: Field>(
        self,
        value: &T,
        is_default: bool,
        form: Form,
        name: (&'static str, &'static str),
    ) -> Result<usize, ProtocolError> {
        if !self.versions.contains(form.version) {
            if self.ignorable || is_default {
                return Ok(0);
            }
            return Err(not_in_version(name, form.version));
        }
        if value.is_null() && form.version < self.nullable_from {
            return Err(null_not_allowed(name, form.version));
        }
        if self.tag.is_some() { Ok(0) } else { value.size(form) }
    }

    #[inline(always)]
    pub(crate) fn parse<'a, T: Field, E: Elements>(
        self,
        input: &'a [u8],
        frame: &'a Bytes,
        form: Form,
        elements: &mut E,
    ) -> Parsed<'a, T> {
        let (rest, value) = T::parse_each(input, frame, form, elements)?;
        if value.is_null() && form.version < self.nullable_from {
            return ParseFault::err(input, Fault::Null);
        }
        Ok((rest, value))
    }

    /// The content of a tagged field, which must fill its section exactly.
    pub(crate) fn parse_tagged<'a, T: Field, E: Elements>(
        self,
        section: &'a [u8],
        frame: &'a Bytes,
        form: Form,
        elements: &mut E,
    ) -> Result<T, nom::Err<ParseFault>> {
        let (rest, value) = self.parse(section, frame, form, elements)?;
        if !rest.is_empty() {
            return ParseFault::err(rest, Fault::LeftOver { bytes: rest.len() });
        }
        Ok(value)
    }
}

impl Rule {
    /// A field for `Debug`.
    pub(crate) fn show(self, shown: &mut DebugStruct<'_, '_>, name: &str, value: &dyn Debug) {
        if self.secret {
            shown.field(name, &format_args!("(not shown)"));
        } else {
            shown.field(name, value);
        }
    }
}

#[cfg(test)]
impl Rule {
    /// Any value the version can say.
    pub(crate) fn sample<T: crate::sample::Sample>(
        self,
        entropy: &mut crate::sample::Entropy<'_>,
        form: Form,
    ) -> T {
        let value = T::sample(entropy, form);
        if form.version < self.nullable_from { value.unnull(entropy, form) } else { value }
    }
}

#[cfg(test)]
impl Rule {
    /// The value of the golden bytes.
    pub(crate) fn golden<T: crate::golden_values::Golden>(
        self,
        initial: &T,
        place: crate::golden_values::Place,
        form: Form,
    ) -> T {
        let allows_null = form.version >= self.nullable_from;
        T::golden(initial, &crate::golden_values::Place { allows_null, ..place }, form)
    }
}

#[cold]
fn not_in_version((part, field): (&'static str, &'static str), version: i16) -> ProtocolError {
    ProtocolError::FieldNotInVersion { part, field, version }
}

#[cold]
fn null_not_allowed((part, field): (&'static str, &'static str), version: i16) -> ProtocolError {
    ProtocolError::NullNotAllowed { part, field, version }
}
