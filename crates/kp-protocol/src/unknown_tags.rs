//! Tagged fields that a newer sender has put into a struct and that no row of ours names (KIP-482): skipped unless the
//! caller asks for them, written back where they were.

use bytes::Bytes;

use crate::error::ProtocolError;
use crate::primitive::uvarint_size;
use crate::tagged::tagged_size;
use crate::wire_buf::WireBuf;

/// The tagged fields of one struct that this crate does not know, lowest tag first. Empty takes one word and no
/// allocation.
///
/// A proxy reads a message with [`Message::parse_keeping_unknown`](crate::Message::parse_keeping_unknown) and writes
/// it again without losing what it does not understand.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::{Message, api::MetadataRequest, encode_body};
/// // No topics, three flags of one byte each, and behind them tag 7 with two bytes.
/// let body = Bytes::from_static(b"\x01\x01\x00\x01\x07\x02hi");
/// let request = MetadataRequest::parse_keeping_unknown(&body, 12)?;
/// assert_eq!(request.unknown_tags.iter().collect::<Vec<_>>(), [(7, &Bytes::from("hi"))]);
/// assert_eq!(encode_body(12, &request)?.concat(), body);
/// assert!(MetadataRequest::parse(&body, 12)?.unknown_tags.is_empty(), "skipped");
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownTags(Option<Box<Kept>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    /// In ascending order of tags, each tag once.
    tags: Vec<(u32, Bytes)>,
}

impl UnknownTags {
    /// Whether there are none.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Tags and their contents, lowest tag first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.0.iter().flat_map(|kept| kept.tags.iter().map(|(tag, content)| (*tag, content)))
    }

    /// Sets the content of a tag. One that the message's version knows by name is refused when it is written.
    pub fn insert(&mut self, tag: u32, content: Bytes) {
        let tags = &mut self.0.get_or_insert_default().tags;
        match tags.binary_search_by_key(&tag, |(tag, _)| *tag) {
            Ok(place) => tags[place].1 = content,
            Err(place) => tags.insert(place, (tag, content)),
        }
    }

    /// How many there are.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |kept| kept.tags.len())
    }

    /// Bytes that they add to a section that already has `known` tags.
    #[cold]
    pub(crate) fn added_size(&self, known: u32) -> usize {
        let count = known + self.len() as u32;
        let contents = self.iter().map(|(tag, content)| tagged_size(tag, content.len()));
        contents.sum::<usize>() + uvarint_size(count) - uvarint_size(known)
    }

    /// Refuses tags that one of the struct's rows already has, or that the version has no section for.
    #[cold]
    pub(crate) fn check(
        &self,
        flexible: bool,
        known: &[Option<u32>],
        part: &'static str,
        version: i16,
    ) -> Result<(), ProtocolError> {
        if !flexible {
            return Err(ProtocolError::FieldNotInVersion { part, field: "unknown_tags", version });
        }
        match self.iter().find(|(tag, _)| known.contains(&Some(*tag))) {
            Some((tag, _)) => {
                let what = "an unknown tag is none that the version knows";
                Err(ProtocolError::Illegal { what, found: tag.into() })
            }
            None => Ok(()),
        }
    }

    /// Writes the fields.
    #[cold]
    pub(crate) fn put(&self, out: &mut WireBuf) {
        for (tag, content) in self.iter() {
            out.put_uvarint(tag);
            out.put_uvarint(content.len() as u32);
            out.put_slice(content);
        }
    }
}
