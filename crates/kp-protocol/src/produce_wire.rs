//! Produce without the structs of [`api`](crate::api), for a producer that sends thousands of these a second: a request written
//! batch by batch, an answer read partition by partition, neither with memory from the heap for a topic, a partition or a
//! batch. The tests hold both against the tables, which say what is right.

use bytes::{BufMut, Bytes, BytesMut};

use crate::api::ProduceRequest;
use crate::primitive::{array, take, uvarint};
use crate::segments::Segments;
use crate::{ApiKey, ProtocolError, TopicId};

const WHAT: &str = "ProduceRequest";
const NEWEST: i16 = ApiKey::Produce.versions().max;
/// Memory for what stands between records: of a hundred requests, then used again if no request holds it any more.
const SCRATCH: usize = 64 << 10;

/// Writes bodies of Produce requests, one after the other.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::api::ProduceRequest;
/// use kp_protocol::{Message, ProduceWriter, TopicId};
///
/// let mut writer = ProduceWriter::default();
/// let mut request = writer.begin(9, None, -1, 30_000, 1)?;
/// request.topic("payments", TopicId::ZERO, 2)?;
/// request.batch(0, b"header", &[Bytes::from_static(b"records")])?;
/// request.records(3, Bytes::from_static(b"a whole batch"))?;
/// let segments = request.finish()?;
///
/// let request = ProduceRequest::parse(&segments.concat().into(), 9)?;
/// assert_eq!(request.topic_data[0].partition_data[1].index, 3);
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Debug, Default)]
pub struct ProduceWriter {
    scratch: BytesMut,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// So many bytes of the scratch.
    Written(usize),
    Shared(Bytes),
}

/// A body that is being written. It must get as many topics and partitions as were announced.
#[derive(Debug)]
#[must_use = "`finish` gives the bytes"]
pub struct ProduceBody<'w> {
    writer: &'w mut ProduceWriter,
    version: i16,
    /// What of the scratch stands in no piece yet.
    loose: usize,
    size: usize,
    topics_left: usize,
    partitions_left: usize,
    is_in_topic: bool,
}

impl ProduceWriter {
    /// Begins a body for `topics` topics. `transactional_id` goes from version 3 on (KIP-98); `acks` is 0, 1, or −1 for all
    /// in-sync replicas; the broker may take `timeout_ms` milliseconds.
    ///
    /// # Errors
    /// [`ProtocolError::UnsupportedVersion`] outside of 0 to 13, [`ProtocolError::TooLong`].
    pub fn begin(
        &mut self,
        version: i16,
        transactional_id: Option<&str>,
        acks: i16,
        timeout_ms: i32,
        topics: usize,
    ) -> Result<ProduceBody<'_>, ProtocolError> {
        if !(0..=NEWEST).contains(&version) {
            return Err(ProtocolError::UnsupportedVersion { what: WHAT, version, min: 0, max: NEWEST });
        }
        // A body that was not finished left something.
        self.scratch.clear();
        self.pieces.clear();
        if self.scratch.capacity() == 0 {
            self.scratch.reserve(SCRATCH);
        }
        let (topics_left, partitions_left, is_in_topic) = (topics, 0, false);
        let mut body = ProduceBody {
            writer: self,
            version,
            loose: 0,
            size: 0,
            topics_left,
            partitions_left,
            is_in_topic,
        };
        if version >= ProduceRequest::BATCHES_FROM {
            match transactional_id {
                Some(id) => body.put_str("transactional id", id)?,
                None if body.is_flexible() => body.put(&[0]),
                None => body.put(&(-1i16).to_be_bytes()),
            }
        }
        body.put(&acks.to_be_bytes());
        body.put(&timeout_ms.to_be_bytes());
        body.put_count(topics)?;
        Ok(body)
    }
}

impl ProduceBody<'_> {
    /// Begins a topic with `partitions` partitions. Version 13 writes its `id` (KIP-516), older ones its `name`.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`]: a name that the version has no length for.
    pub fn topic(&mut self, name: &str, id: TopicId, partitions: usize) -> Result<(), ProtocolError> {
        self.end_topic();
        debug_assert!(self.topics_left > 0, "more topics than announced");
        self.topics_left = self.topics_left.saturating_sub(1);
        self.is_in_topic = true;
        if self.version >= ProduceRequest::TOPIC_IDS_FROM {
            self.put(&id.0);
        } else {
            self.put_str("topic name", name)?;
        }
        self.partitions_left = partitions;
        self.put_count(partitions)
    }

    /// One partition with a batch: the header is copied, its records are shared.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`]: beyond 2 GiB.
    pub fn batch(&mut self, partition: i32, header: &[u8], records: &[Bytes]) -> Result<(), ProtocolError> {
        let size = header.len() + records.iter().map(Bytes::len).sum::<usize>();
        self.begin_partition(partition, size)?;
        self.put(header);
        records.iter().for_each(|piece| self.share(piece.clone()));
        self.end_struct();
        Ok(())
    }

    /// One partition with its records as they are: a batch, or the message set of an old version.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub fn records(&mut self, partition: i32, records: Bytes) -> Result<(), ProtocolError> {
        self.begin_partition(partition, records.len())?;
        self.share(records);
        self.end_struct();
        Ok(())
    }

    /// The whole body, in segments; none is empty, and records are the very segments that were given.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`]: beyond 2 GiB.
    pub fn finish(mut self) -> Result<Segments, ProtocolError> {
        self.end_topic();
        debug_assert!(self.topics_left == 0, "fewer topics than announced");
        self.end_struct();
        self.settle_loose();
        if i32::try_from(self.size).is_err() {
            return Err(too_long("request", self.size, i32::MAX as usize));
        }
        let ProduceWriter { scratch, pieces } = self.writer;
        let mut segments = Segments::with_capacity(pieces.len());
        segments.extend(pieces.drain(..).map(|piece| match piece {
            Piece::Written(bytes) => scratch.split_to(bytes).freeze(),
            Piece::Shared(bytes) => bytes,
        }));
        Ok(segments)
    }

    fn is_flexible(&self) -> bool {
        ApiKey::Produce.is_flexible(self.version)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.writer.scratch.put_slice(bytes);
        self.loose += bytes.len();
        self.size += bytes.len();
    }

    fn put_uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.put(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.put(&[value as u8]);
    }

    /// The count of an array, or the length of bytes.
    fn put_count(&mut self, count: usize) -> Result<(), ProtocolError> {
        let Some(number) = i32::try_from(count).ok().filter(|count| *count < i32::MAX) else {
            return Err(too_long("array", count, i32::MAX as usize - 1));
        };
        if self.is_flexible() {
            self.put_uvarint(number as u32 + 1);
        } else {
            self.put(&number.to_be_bytes());
        }
        Ok(())
    }

    fn put_str(&mut self, what: &'static str, text: &str) -> Result<(), ProtocolError> {
        let Ok(length) = i16::try_from(text.len()) else {
            return Err(too_long(what, text.len(), i16::MAX as usize));
        };
        if self.is_flexible() {
            self.put_uvarint(length as u32 + 1);
        } else {
            self.put(&length.to_be_bytes());
        }
        self.put(text.as_bytes());
        Ok(())
    }

    fn begin_partition(&mut self, partition: i32, size: usize) -> Result<(), ProtocolError> {
        debug_assert!(self.partitions_left > 0, "more partitions than announced");
        self.partitions_left = self.partitions_left.saturating_sub(1);
        self.put(&partition.to_be_bytes());
        self.put_count(size)
    }

    fn share(&mut self, records: Bytes) {
        if !records.is_empty() {
            self.settle_loose();
            self.size += records.len();
            self.writer.pieces.push(Piece::Shared(records));
        }
    }

    fn settle_loose(&mut self) {
        let loose = std::mem::take(&mut self.loose);
        if loose > 0 {
            self.writer.pieces.push(Piece::Written(loose));
        }
    }

    fn end_topic(&mut self) {
        debug_assert!(self.partitions_left == 0, "fewer partitions than announced");
        if std::mem::take(&mut self.is_in_topic) {
            self.end_struct();
        }
    }

    /// Tagged fields: none.
    fn end_struct(&mut self) {
        if self.is_flexible() {
            self.put(&[0]);
        }
    }
}

fn too_long(what: &'static str, length: usize, limit: usize) -> ProtocolError {
    ProtocolError::TooLong { what, length, limit }
}

/// One partition of an answer in which nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainAck<'a> {
    /// The topic's name, up to version 12.
    pub topic: &'a [u8],
    /// The topic's id, from version 13 on (KIP-516).
    pub topic_id: TopicId,
    /// The partition.
    pub partition: i32,
    /// The first record's offset; −1 if there is none.
    pub base_offset: i64,
    /// The broker's append time in milliseconds, −1 where the topic keeps the producer's (KIP-32).
    pub log_append_time_ms: i64,
}

/// Reads a Produce answer in which every partition is well and nothing is said besides: gives each partition to `each`, and
/// returns the throttle time in milliseconds. `None` for any other answer, and for bytes that are none: what was given to
/// `each` until then counts for nothing, and [`ProduceResponse`](crate::api::ProduceResponse) reads the whole or says what is
/// wrong.
///
/// ```
/// use kp_protocol::api::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
/// use kp_protocol::{encode_body, read_plain_acks};
///
/// let partition = PartitionProduceResponse { index: 3, base_offset: 17, ..Default::default() };
/// let topic = TopicProduceResponse { name: "t".into(), partition_responses: vec![partition], ..Default::default() };
/// let answer = encode_body(9, &ProduceResponse { responses: vec![topic], ..Default::default() })?.concat();
/// let mut offsets = Vec::new();
/// let throttle_ms = read_plain_acks(&answer, 9, |ack| offsets.push((ack.partition, ack.base_offset)));
/// assert_eq!((throttle_ms, offsets), (Some(0), vec![(3, 17)]));
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
pub fn read_plain_acks<'a>(body: &'a [u8], version: i16, mut each: impl FnMut(PlainAck<'a>)) -> Option<i32> {
    let mut at = Plain { rest: body, flexible: ApiKey::Produce.is_flexible(version) };
    if !(0..=NEWEST).contains(&version) {
        return None;
    }
    for _ in 0..at.length()? {
        let (mut topic, mut topic_id) = (&[][..], TopicId::ZERO);
        if version >= ProduceRequest::TOPIC_IDS_FROM {
            topic_id = TopicId(at.array()?);
        } else {
            topic = at.text()?;
        }
        for _ in 0..at.length()? {
            let partition = i32::from_be_bytes(at.array()?);
            if at.array()? != [0, 0] {
                return None; // an error
            }
            let base_offset = i64::from_be_bytes(at.array()?);
            let log_append_time_ms = if version >= 2 { i64::from_be_bytes(at.array()?) } else { -1 };
            if version >= 5 {
                at.array::<8>()?; // where the log begins
            }
            if version >= 8 && (at.length()? != 0 || !at.is_null_text()?) {
                return None;
            }
            at.no_tags()?;
            each(PlainAck { topic, topic_id, partition, base_offset, log_append_time_ms });
        }
        at.no_tags()?;
    }
    let throttle_ms = if version >= 1 { i32::from_be_bytes(at.array()?) } else { 0 };
    at.no_tags()?;
    at.rest.is_empty().then_some(throttle_ms)
}

/// Steps over an answer; `None` for whatever is not plain.
struct Plain<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Plain<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (rest, bytes) = array(self.rest).ok()?;
        self.rest = rest;
        Some(bytes)
    }

    fn uvarint(&mut self) -> Option<u32> {
        let (rest, value) = uvarint(self.rest).ok()?;
        self.rest = rest;
        Some(value)
    }

    /// The length of an array that is not null.
    fn length(&mut self) -> Option<usize> {
        if self.flexible {
            self.uvarint()?.checked_sub(1).map(|length| length as usize)
        } else {
            usize::try_from(i32::from_be_bytes(self.array()?)).ok()
        }
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = if self.flexible {
            self.uvarint()?.checked_sub(1)? as usize
        } else {
            usize::try_from(i16::from_be_bytes(self.array()?)).ok()?
        };
        let (rest, text) = take(self.rest, length).ok()?;
        self.rest = rest;
        Some(text)
    }

    fn is_null_text(&mut self) -> Option<bool> {
        Some(if self.flexible { self.uvarint()? == 0 } else { self.array()? == (-1i16).to_be_bytes() })
    }

    fn no_tags(&mut self) -> Option<()> {
        if self.flexible { (self.uvarint()? == 0).then_some(()) } else { Some(()) }
    }
}

#[cfg(test)]
mod tests;
