//! What the user hands in: a record that borrows its bytes. Building one allocates nothing unless it has headers.

use kp_protocol::records::{HeaderRef, RecordRef};
use kp_protocol::{PartitionId, Timestamp};

/// A record to be sent: topic, optional key, value, partition, timestamp and headers, all borrowed.
///
/// The bytes are copied once, into the open batch, before `send` returns; so nothing here needs to be `'static`,
/// and a record that was not accepted is still with its owner.
///
/// ```
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
    pub fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, timestamp_ms: None, key: None, value: None, headers: Vec::new() }
    }

    /// The key: decides the partition unless one is named. An empty key is a key.
    pub fn key<B: AsRef<[u8]> + ?Sized>(mut self, key: &'a B) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// The value.
    pub fn value<B: AsRef<[u8]> + ?Sized>(mut self, value: &'a B) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// Names the partition; otherwise the partitioner chooses. A number that the topic does not have makes
    /// `send` wait for metadata up to `max.block.ms`.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// `CreateTime` in milliseconds since the Unix epoch; otherwise the producer's clock is read.
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// Adds a header; order and duplicates are kept (KIP-82).
    pub fn header<B: AsRef<[u8]> + ?Sized>(mut self, name: &'a str, value: &'a B) -> Self {
        self.headers.push(HeaderRef { name, value: Some(value.as_ref()) });
        self
    }

    /// Adds a header whose value is null.
    pub fn null_header(mut self, name: &'a str) -> Self {
        self.headers.push(HeaderRef { name, value: None });
        self
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// The partition that was named.
    #[must_use]
    pub fn partition_number(&self) -> Option<i32> {
        self.partition
    }

    pub(crate) fn partition_id(&self) -> Option<PartitionId> {
        self.partition.map(PartitionId)
    }

    pub(crate) fn timestamp(&self) -> Option<i64> {
        self.timestamp_ms
    }

    pub(crate) fn key_bytes(&self) -> Option<&'a [u8]> {
        self.key
    }

    pub(crate) fn value_bytes(&self) -> Option<&'a [u8]> {
        self.value
    }

    pub(crate) fn headers(&self) -> &[HeaderRef<'a>] {
        &self.headers
    }

    /// The record as the encoder takes it.
    pub(crate) fn as_record_ref(&self, timestamp: Timestamp) -> RecordRef<'_> {
        RecordRef { timestamp, key: self.key, value: self.value, headers: &self.headers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
