//! A record that owns its bytes: for channels, queues and other tasks, where a borrowed one cannot go.

use crate::ProducerRecord;
use bytes::Bytes;
use kp_protocol::PartitionId;

/// A record to be sent that borrows nothing. [`as_record`](Self::as_record) lends it to a producer.
///
/// Costs what its parts cost to own; [`Bytes`] that are cloned are shared, not copied. Where the bytes live long enough, a
/// [`ProducerRecord`] that borrows them costs nothing.
///
/// ```
/// # extern crate kp_record as kp_producer;
/// # fn example(send: impl Fn(kp_producer::ProducerRecord<'_>)) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::OwnedRecord;
/// let (hand_over, take) = std::sync::mpsc::channel();
/// hand_over.send(OwnedRecord::to("orders").key("customer-4").value(vec![1, 2, 3]))?;
/// for record in take.try_iter() {
///     send(record.as_record());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a record does nothing until it is sent"]
pub struct OwnedRecord {
    topic: String,
    partition: Option<i32>,
    timestamp_ms: Option<i64>,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(String, Option<Bytes>)>,
}

impl OwnedRecord {
    /// A record without key and value.
    pub fn to(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            timestamp_ms: None,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    /// The key: from `Bytes`, `Vec<u8>`, `String`, `Box<[u8]>`, or what is `'static`.
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The value, as [`key`](Self::key).
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// As [`ProducerRecord::partition`].
    pub fn partition(mut self, partition: impl Into<PartitionId>) -> Self {
        self.partition = Some(partition.into().0);
        self
    }

    /// As [`ProducerRecord::timestamp_ms`].
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// Adds a header; order and duplicates are kept (KIP-82).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a header whose value is null.
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The same record as `send` takes it, borrowed from this one.
    pub fn as_record(&self) -> ProducerRecord<'_> {
        let mut record = ProducerRecord::to(&self.topic).key(self.key.as_ref()).value(self.value.as_ref());
        if let Some(partition) = self.partition {
            record = record.partition(partition);
        }
        if let Some(timestamp_ms) = self.timestamp_ms {
            record = record.timestamp_ms(timestamp_ms);
        }
        self.headers.iter().fold(record, |record, (name, value)| record.header(name, value.as_ref()))
    }
}

impl From<&ProducerRecord<'_>> for OwnedRecord {
    /// Copies every byte.
    fn from(record: &ProducerRecord<'_>) -> Self {
        let headers = record.headers().iter();
        Self {
            topic: record.topic().to_owned(),
            partition: record.partition_number(),
            timestamp_ms: record.timestamp(),
            key: record.key_bytes().map(Bytes::copy_from_slice),
            value: record.value_bytes().map(Bytes::copy_from_slice),
            headers: headers
                .map(|header| (header.name.to_owned(), header.value.map(Bytes::copy_from_slice)))
                .collect(),
        }
    }
}

impl From<ProducerRecord<'_>> for OwnedRecord {
    /// Copies every byte.
    fn from(record: ProducerRecord<'_>) -> Self {
        Self::from(&record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_owned_and_lent_again_is_the_same_record() {
        let borrowed = |key: Option<&'static str>, value: Option<&'static [u8]>| {
            let record = ProducerRecord::to("t").partition(3).timestamp_ms(70).key(key).value(value);
            record.header("h", "1").null_header("n").header("h", b"")
        };
        for record in [borrowed(Some("k"), Some(b"v")), borrowed(None, None), borrowed(Some(""), None)] {
            let owned = OwnedRecord::from(&record);
            assert_eq!(format!("{:?}", owned.as_record()), format!("{record:?}"));
            assert_eq!(OwnedRecord::from(owned.as_record()), owned);
        }
    }

    #[test]
    fn every_kind_of_owned_bytes_is_taken() {
        let record = OwnedRecord::to(String::from("t")).key(String::from("k")).value(vec![1, 2]);
        let record = record.header("boxed", Box::<[u8]>::from([3])).header("static", "s").null_header("none");
        let lent = record.as_record();
        assert_eq!(
            (lent.topic(), lent.key_bytes(), lent.value_bytes()),
            ("t", Some(&b"k"[..]), Some(&[1, 2][..]))
        );
        let values: Vec<_> = lent.headers().iter().map(|header| header.value).collect();
        assert_eq!(values, [Some(&[3][..]), Some(&b"s"[..]), None]);
        let shared = Bytes::from_static(b"shared");
        let record = OwnedRecord::to("t").value(shared.clone());
        assert_eq!(record.as_record().value_bytes().map(<[u8]>::as_ptr), Some(shared.as_ptr()), "not copied");
    }
}
