//! The tagged fields of a struct (KIP-482): their size, how one is written, and the section read field by field.

use crate::error::Fault;
use crate::field::{Field, Form, ParseFault, Parsed};
use crate::primitive::{take, uvarint, uvarint_size};
use crate::wire_buf::WireBuf;

/// Bytes of a tagged field whose content takes `size`.
#[inline]
pub(crate) const fn tagged_size(tag: u32, size: usize) -> usize {
    uvarint_size(tag) + uvarint_size(size as u32) + size
}

/// Writes a tagged field: tag, size, content.
pub(crate) fn put_tagged<T: Field>(tag: u32, value: &T, form: Form, out: &mut WireBuf) {
    out.put_uvarint(tag);
    // The sizing pass has sized this value and found nothing wrong with it; see `Message::put`.
    out.put_uvarint(value.size(form).unwrap_or_default() as u32);
    value.put(form, out);
}

/// A struct's tagged fields, read one by one.
pub(crate) struct TagSection {
    left: u32,
    last: Option<u32>,
}

/// A tagged field's tag and content.
pub(crate) type TaggedField<'a> = (u32, &'a [u8]);

impl TagSection {
    #[inline(always)]
    pub(crate) fn open(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, left) = uvarint(input)?;
        Ok((rest, Self { left, last: None }))
    }

    /// The next field, `None` behind the last.
    #[inline(always)]
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Parsed<'a, Option<TaggedField<'a>>> {
        if self.left == 0 {
            return Ok((input, None));
        }
        self.read(input).map(|(rest, field)| (rest, Some(field)))
    }

    fn read<'a>(&mut self, input: &'a [u8]) -> Parsed<'a, TaggedField<'a>> {
        self.left -= 1;
        let (rest, tag) = uvarint(input)?;
        if self.last.is_some_and(|last| tag <= last) {
            return ParseFault::err(input, Fault::TagOrder { tag });
        }
        self.last = Some(tag);
        let (rest, size) = uvarint(rest)?;
        let (rest, section) = take(rest, size as usize)?;
        Ok((rest, (tag, section)))
    }
}
