//! Text of the wire: UTF-8, checked once, then carried as a slice of the frame it came in.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::topic_partition::TopicName;

/// A string of a message. Cloning is one reference count; one that was parsed keeps its whole frame alive, so copy
/// what is to be kept for long (`TopicName::from(text.as_str())`).
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KafkaString(Bytes);

impl KafkaString {
    /// A constant, without allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("every constructor takes or checks UTF-8")
    }

    /// The text's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `text`, a slice of `frame`, if it is UTF-8.
    pub(crate) fn from_utf8_in(text: &[u8], frame: &Bytes) -> Option<Self> {
        std::str::from_utf8(text).ok()?;
        Some(Self(frame.slice_ref(text)))
    }
}

impl Deref for KafkaString {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for KafkaString {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for KafkaString {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for KafkaString {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&TopicName> for KafkaString {
    fn from(name: &TopicName) -> Self {
        Self::from(name.as_str())
    }
}

impl From<TopicName> for KafkaString {
    fn from(name: TopicName) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&KafkaString> for TopicName {
    fn from(text: &KafkaString) -> Self {
        Self::new(text.as_str())
    }
}

impl PartialEq<str> for KafkaString {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for KafkaString {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for KafkaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KafkaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
