//! What the user hands in: a record that borrows its bytes. Building one allocates nothing unless it has headers.

use kp_protocol::records::{HeaderRef, RecordRef};
use kp_protocol::{PartitionId, Timestamp};

/// What a key, a value or a header is made of: bytes that the caller lends, or none.
///
/// `&B` for everything that can be seen as bytes: `&str`, `&[u8]`, `&Vec<u8>`, `&String`, `&Bytes`, `&[u8; N]`, `&Box<[u8]>`; and
/// `Option<&B>` of the same, where `None` is null (FA16). For an `Option` that owns its bytes: `option.as_ref()` or
/// `option.as_deref()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not bytes that a record can borrow",
    note = "lend it: `&text`, `&vector`, `&bytes`, `option.as_ref()`; a number as `&n.to_be_bytes()` or `&n.to_string()`"
)]
pub trait RecordBytes<'a> {
    /// The bytes; `None` is null.
    fn record_bytes(self) -> Option<&'a [u8]>;
}

impl<'a, B: AsRef<[u8]> + ?Sized> RecordBytes<'a> for &'a B {
    fn record_bytes(self) -> Option<&'a [u8]> {
        Some(self.as_ref())
    }
}

impl<'a, B: AsRef<[u8]> + ?Sized> RecordBytes<'a> for Option<&'a B> {
    fn record_bytes(self) -> Option<&'a [u8]> {
        self.map(B::as_ref)
    }
}

/// A record to be sent: topic, optional key, value, partition, timestamp and headers, all borrowed.
///
/// The bytes are copied once, into the open batch, before `send` returns; so nothing here needs to be `'static`,
/// and a record that was not accepted is still with its owner.
///
/// ```
/// # extern crate kp_record as kp_producer;
/// use kp_producer::ProducerRecord;
/// let order = String::from("{\"id\":17}");
/// let record = ProducerRecord::to("orders").key("customer-4").value(&order).header("trace", b"ab12");
/// assert_eq!(record.topic(), "orders");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a record does nothing until it is sent"]
pub struct ProducerRecord<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp_ms: Option<i64>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<HeaderRef<'a>>,
}

impl<'a> ProducerRecord<'a> {
    /// A record without key and value (a null value is a tombstone on a compacted topic).
    #[inline]
    pub fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, timestamp_ms: None, key: None, value: None, headers: Vec::new() }
    }

    /// The key: decides the partition unless one is named. An empty key is a key, `None` is none.
    pub fn key(mut self, key: impl RecordBytes<'a>) -> Self {
        self.key = key.record_bytes();
        self
    }

    /// The value. An empty value is a value, `None` is null: a tombstone on a compacted topic.
    ///
    /// ```
    /// # extern crate kp_record as kp_producer;
    /// use kp_producer::ProducerRecord;
    /// let (text, state): (String, Option<Vec<u8>>) = ("shipped".into(), None);
    /// let event = ProducerRecord::to("events").key("order-17").value(&text);
    /// let state = ProducerRecord::to("states").key("order-17").value(state.as_ref());
    /// ```
    pub fn value(mut self, value: impl RecordBytes<'a>) -> Self {
        self.value = value.record_bytes();
        self
    }

    /// Names the partition; otherwise the partitioner chooses. A number that the topic does not have makes
    /// `send` wait for metadata up to `max.block.ms`.
    pub fn partition(mut self, partition: impl Into<PartitionId>) -> Self {
        self.partition = Some(partition.into().0);
        self
    }

    /// `CreateTime` in milliseconds since the Unix epoch; otherwise the producer's clock is read.
    #[inline]
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// Adds a header; order and duplicates are kept, `None` is null (KIP-82).
    pub fn header(mut self, name: &'a str, value: impl RecordBytes<'a>) -> Self {
        self.headers.push(HeaderRef { name, value: value.record_bytes() });
        self
    }

    /// Adds a header whose value is null.
    pub fn null_header(mut self, name: &'a str) -> Self {
        self.headers.push(HeaderRef { name, value: None });
        self
    }

    /// The topic's name.
    #[inline]
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// The partition that was named.
    #[inline]
    #[must_use]
    pub fn partition_number(&self) -> Option<i32> {
        self.partition
    }

    /// The same as the producer's own parts name partitions.
    #[inline]
    #[must_use]
    pub fn partition_id(&self) -> Option<PartitionId> {
        self.partition.map(PartitionId)
    }

    /// Its time in milliseconds since the Unix epoch, if one was set.
    #[inline]
    #[must_use]
    pub fn timestamp(&self) -> Option<i64> {
        self.timestamp_ms
    }

    /// The bytes of the key; `None` is no key.
    #[inline]
    #[must_use]
    pub fn key_bytes(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// The bytes of the value; `None` is null.
    #[inline]
    #[must_use]
    pub fn value_bytes(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The headers in their order.
    #[inline]
    #[must_use]
    pub fn headers(&self) -> &[HeaderRef<'a>] {
        &self.headers
    }

    /// The record as the encoder takes it.
    #[inline]
    #[must_use]
    pub fn as_record_ref(&self, timestamp: Timestamp) -> RecordRef<'_> {
        RecordRef { timestamp, key: self.key, value: self.value, headers: &self.headers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FA16
    #[test]
    fn keys_values_and_headers_are_lent_by_whatever_holds_bytes_and_none_is_null() {
        let (slice, vector, array, boxed) = (&b"s"[..], vec![1u8, 2], [3u8; 4], Box::<[u8]>::from(&b"x"[..]));
        let (text, string, bytes) = ("t", String::from("st"), bytes::Bytes::from_static(b"by"));
        let cow = std::borrow::Cow::Borrowed(slice);
        let (some, none): (Option<String>, Option<Vec<u8>>) = (Some(String::new()), None);
        let lent = ProducerRecord::to("t")
            .header("str", text)
            .header("slice", slice)
            .header("vector", &vector)
            .header("array", &array)
            .header("boxed", &boxed)
            .header("string", &string)
            .header("bytes", &bytes)
            .header("cow", &cow)
            .header("some", Some(text))
            .header("empty", some.as_ref())
            .header("none", none.as_deref());
        let values: Vec<_> = lent.headers().iter().map(|header| header.value).collect();
        let expected: [&[u8]; 10] = [b"t", b"s", &[1, 2], &[3; 4], b"x", b"st", b"by", b"s", b"t", b""];
        assert_eq!(values[..10], expected.map(Some));
        assert_eq!(values[10], None);
        let record = ProducerRecord::to("t").key(some.as_deref()).value(none.as_ref());
        assert_eq!((record.key_bytes(), record.value_bytes()), (Some(&[][..]), None));
        let record = ProducerRecord::to("t").value(&vector).value(None::<&str>);
        assert_eq!(record.value_bytes(), None, "the last word counts");
    }

    #[test]
    fn a_record_borrows_every_kind_of_bytes() {
        let (text, vector, array) = (String::from("v"), vec![1u8, 2], [3u8; 4]);
        let record = ProducerRecord::to("t").key(&vector).value(&text).header("h", &array).null_header("n");
        assert_eq!(record.key_bytes(), Some(&[1u8, 2][..]));
        assert_eq!(record.value_bytes(), Some(&b"v"[..]));
        assert_eq!(record.headers()[0].value, Some(&[3u8; 4][..]));
        assert_eq!(record.headers()[1].value, None);
    }
}
