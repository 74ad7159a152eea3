//! A broker that only acknowledges: it answers what a producer asks, and throws the records away. What is left of a run is
//! the client's own cost.
//!
//! Every topic exists, with the same number of partitions, led by one broker. Offsets rise by the records of each batch, over all
//! partitions of a connection together. Nothing is checked: kp-sim's double is for that.

use bytes::Bytes;
use kp_protocol::api::{
    ApiVersion, ApiVersionsResponse, InitProducerIdResponse, MetadataRequest, MetadataResponse,
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic, PartitionProduceResponse,
    ProduceResponse, TopicProduceResponse,
};
use kp_protocol::{
    ApiKey, ErrorCode, Message, ProtocolError, Segments, decode_request_header, encode_response,
};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicI64, Ordering};

/// What the sink speaks. Neither Produce nor Metadata has topic ids in these versions.
const SPOKEN: [(ApiKey, i16, i16); 4] = [
    (ApiKey::Produce, 3, 9),
    (ApiKey::Metadata, 0, 8), // librdkafka puts a byte too many behind version 9 when it asks for all topics
    (ApiKey::ApiVersions, 0, 3),
    (ApiKey::InitProducerId, 0, 4),
];
/// Where the count of records stands in a batch of format 2.
const BATCH_COUNT_AT: usize = 57;
/// Bytes that are read at once.
const READ: usize = 1 << 20;
/// Numbers for producers that ask for one.
static NEXT_PRODUCER_ID: AtomicI64 = AtomicI64::new(1000);

/// What the sink says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    /// Partitions of every topic.
    pub partitions: i32,
    /// Topics listed to a client that asks for all: `bench`, or `bench-0`, `bench-1`, … if more than one.
    pub topics: u32,
    /// The port in Metadata answers.
    pub advertised_port: u16,
}

/// The name of topic `number` of `topics`: `base` alone if there is one, else `base-0`, `base-1`, …
#[must_use]
pub fn topic_name(base: &str, number: u64, topics: u64) -> String {
    if topics > 1 { format!("{base}-{number}") } else { base.to_owned() }
}

impl Sink {
    /// Serves one connection until the client closes it.
    ///
    /// # Errors
    /// The connection breaks, or the client sends what the sink does not speak.
    pub fn serve(&self, mut stream: impl Read + Write) -> io::Result<()> {
        let mut connection = Connection { sink: *self, next_offset: 0 };
        let (mut buffer, mut start, mut end) = (vec![0; 2 * READ], 0, 0);
        let mut answers = Vec::new();
        loop {
            // All requests that are whole are answered with one write.
            while let Some(frame) = frame_at(&buffer[start..end]) {
                let frame_start = start + 4;
                start = frame_start + frame;
                connection.answer(&buffer[frame_start..start], &mut answers).map_err(io::Error::other)?;
            }
            stream.write_all(&answers)?;
            answers.clear();
            buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
            if buffer.len() - end < READ {
                buffer.resize(2 * buffer.len(), 0);
            }
            match stream.read(&mut buffer[end..])? {
                0 => return Ok(()),
                read => end += read,
            }
        }
    }
}

/// The length of the frame that `bytes` begin with, if it is whole.
fn frame_at(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    (bytes.len() - 4 >= length).then_some(length)
}

struct Connection {
    sink: Sink,
    next_offset: i64,
}

impl Connection {
    /// Puts the answer to one request behind `out`; nothing for a Produce with `acks=0`.
    fn answer(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let malformed = || ProtocolError::UnknownApiKey { key: -1 };
        let mut head = Cursor { rest: frame, flexible: false };
        let key = head.i16().ok_or_else(malformed)?;
        if key == ApiKey::Produce.key() {
            // The only request of which there are many: records are stepped over, not copied.
            if let Some(segments) = self.produce(head).ok_or_else(malformed)?? {
                put(out, &segments);
            }
            return Ok(());
        }
        let frame = Bytes::copy_from_slice(frame);
        let (header, body) = decode_request_header(&frame)?;
        let (version, correlation_id) = (header.version, header.correlation_id);
        let segments = match header.api {
            ApiKey::ApiVersions if version > 3 => {
                encode_response(0, correlation_id, &api_versions(ErrorCode::UNSUPPORTED_VERSION))
            }
            ApiKey::ApiVersions => {
                encode_response(version, correlation_id, &api_versions(ErrorCode::default()))
            }
            ApiKey::Metadata => {
                let asked = MetadataRequest::parse(&body, version)?;
                encode_response(version, correlation_id, &self.metadata(asked))
            }
            ApiKey::InitProducerId => {
                let producer_id = NEXT_PRODUCER_ID.fetch_add(1, Ordering::Relaxed);
                let answer = InitProducerIdResponse { producer_id, ..Default::default() };
                encode_response(version, correlation_id, &answer)
            }
            other => Err(ProtocolError::UnknownApiKey { key: other.key() }),
        };
        put(out, &segments?);
        Ok(())
    }

    fn metadata(&self, asked: MetadataRequest) -> MetadataResponse {
        let partition = |partition_index| MetadataResponsePartition {
            partition_index,
            leader_id: 1,
            leader_epoch: 0,
            replica_nodes: vec![1],
            isr_nodes: vec![1],
            ..Default::default()
        };
        let topic = |name| MetadataResponseTopic {
            name: Some(name),
            partitions: (0..self.sink.partitions).map(partition).collect(),
            ..Default::default()
        };
        let all = || {
            let topics = u64::from(self.sink.topics);
            (0..topics).map(|number| topic_name("bench", number, topics).as_str().into()).collect()
        };
        let names = match asked.topics {
            Some(topics) => topics.into_iter().filter_map(|topic| topic.name).collect(),
            None => all(),
        };
        let names: Vec<kp_protocol::KafkaString> = names;
        let broker = MetadataResponseBroker {
            node_id: 1,
            host: "127.0.0.1".into(),
            port: i32::from(self.sink.advertised_port),
            ..Default::default()
        };
        MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some("sink".into()),
            controller_id: 1,
            topics: names.into_iter().map(topic).collect(),
            ..Default::default()
        }
    }

    /// `None` if the request is cut short; within, no segments for `acks=0`.
    fn produce(&mut self, mut at: Cursor<'_>) -> Option<Result<Option<Segments>, ProtocolError>> {
        let version = at.i16()?;
        let correlation_id = at.i32()?;
        let client_id = at.i16()?; // not compact in any version of the header
        at.skip(usize::try_from(client_id).unwrap_or(0))?;
        at.flexible = version >= 9;
        at.tags()?;
        at.string()?; // the transactional id
        let acks = at.i16()?;
        at.i32()?; // timeout
        let mut answer = ProduceResponse::default();
        for _ in 0..at.length()? {
            let name = std::str::from_utf8(at.string()?).ok()?.into();
            let count = at.length()?;
            let mut partition_responses = Vec::with_capacity(count.min(1 << 16));
            for _ in 0..count {
                let index = at.i32()?;
                let length = at.length()?;
                let records = at.skip(length)?;
                at.tags()?;
                let base_offset = self.next_offset;
                let count = records.get(BATCH_COUNT_AT..).and_then(|rest| rest.first_chunk());
                self.next_offset += count.map_or(0, |count| i64::from(i32::from_be_bytes(*count)));
                let answer = PartitionProduceResponse {
                    index,
                    base_offset,
                    log_start_offset: 0,
                    ..Default::default()
                };
                partition_responses.push(answer);
            }
            at.tags()?;
            answer.responses.push(TopicProduceResponse { name, partition_responses, ..Default::default() });
        }
        Some(if acks == 0 { Ok(None) } else { encode_response(version, correlation_id, &answer).map(Some) })
    }
}

fn put(out: &mut Vec<u8>, segments: &[Bytes]) {
    segments.iter().for_each(|segment| out.extend_from_slice(segment));
}

fn api_versions(error_code: ErrorCode) -> ApiVersionsResponse {
    let row = |(api, min_version, max_version): (ApiKey, i16, i16)| ApiVersion {
        api_key: api.key(),
        min_version,
        max_version,
        ..Default::default()
    };
    ApiVersionsResponse { error_code, api_keys: SPOKEN.map(row).to_vec(), ..Default::default() }
}

/// Steps over the fields of a request.
struct Cursor<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (skipped, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(skipped)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn uvarint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The length of an array or of bytes; zero for null.
    fn length(&mut self) -> Option<usize> {
        if self.flexible {
            Some(self.uvarint()?.saturating_sub(1))
        } else {
            Some(usize::try_from(self.i32()?).unwrap_or(0))
        }
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = if self.flexible {
            self.uvarint()?.saturating_sub(1)
        } else {
            usize::try_from(self.i16()?).unwrap_or(0)
        };
        self.skip(length)
    }

    /// Tagged fields, which only flexible versions have.
    fn tags(&mut self) -> Option<()> {
        if self.flexible {
            for _ in 0..self.uvarint()? {
                self.uvarint()?;
                let length = self.uvarint()?;
                self.skip(length)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::api::{PartitionProduceData, ProduceRequest, TopicProduceData};
    use kp_protocol::{Records, RequestHeader, decode_response_header, encode_request};

    const SINK: Sink = Sink { partitions: 3, topics: 2, advertised_port: 9092 };

    fn ask<R: kp_protocol::Request>(connection: &mut Connection, version: i16, request: &R) -> Vec<u8> {
        let header = RequestHeader { correlation_id: 7, client_id: Some("test") };
        let frame = encode_request(&header, version, request).unwrap().concat();
        assert_eq!(frame_at(&frame), Some(frame.len() - 4));
        let mut out = Vec::new();
        connection.answer(&frame[4..], &mut out).unwrap();
        out
    }

    fn batch_of(records: i32) -> Records {
        let mut batch = vec![0; 61];
        batch[BATCH_COUNT_AT..].copy_from_slice(&records.to_be_bytes());
        Records::from(Bytes::from(batch))
    }

    fn produce(acks: i16) -> ProduceRequest {
        let data = |index| PartitionProduceData { index, records: Some(batch_of(10)), ..Default::default() };
        let topic = TopicProduceData {
            name: "bench".into(),
            partition_data: vec![data(0), data(2)],
            ..Default::default()
        };
        ProduceRequest { acks, topic_data: vec![topic], ..Default::default() }
    }

    #[test]
    fn every_batch_is_acknowledged_in_classic_and_flexible_versions() {
        for version in 3..=9 {
            let mut connection = Connection { sink: SINK, next_offset: 0 };
            let answer = Bytes::from(ask(&mut connection, version, &produce(-1)));
            let (correlation_id, body) =
                decode_response_header(ApiKey::Produce, version, &answer.slice(4..)).unwrap();
            let response = ProduceResponse::parse(&body, version).unwrap();
            let parts: Vec<_> = response.responses[0]
                .partition_responses
                .iter()
                .map(|partition| (partition.index, partition.base_offset))
                .collect();
            assert_eq!((correlation_id, parts), (7, vec![(0, 0), (2, 10)]), "version {version}");
        }
    }

    #[test]
    fn nothing_is_answered_to_acks_zero() {
        let mut connection = Connection { sink: SINK, next_offset: 0 };
        assert!(ask(&mut connection, 8, &produce(0)).is_empty());
        assert_eq!(connection.next_offset, 20);
    }

    #[test]
    fn a_client_that_asks_for_all_topics_is_told_as_many_as_there_are() {
        let mut connection = Connection { sink: SINK, next_offset: 0 };
        let request = MetadataRequest { topics: None, ..Default::default() };
        let answer = Bytes::from(ask(&mut connection, 9, &request));
        let (_, body) = decode_response_header(ApiKey::Metadata, 9, &answer.slice(4..)).unwrap();
        let response = MetadataResponse::parse(&body, 9).unwrap();
        let shape: Vec<_> = response
            .topics
            .iter()
            .map(|topic| (topic.name.as_deref().unwrap_or(""), topic.partitions.len()))
            .collect();
        assert_eq!((shape, response.brokers[0].port), (vec![("bench-0", 3), ("bench-1", 3)], 9092));
    }

    #[test]
    fn a_request_cut_short_is_an_error_and_not_a_panic() {
        let header = RequestHeader { correlation_id: 7, client_id: None };
        let frame = encode_request(&header, 9, &produce(1)).unwrap().concat();
        for end in 4..frame.len() - 1 {
            let mut connection = Connection { sink: SINK, next_offset: 0 };
            assert!(connection.answer(&frame[4..end], &mut Vec::new()).is_err(), "cut at {end}");
        }
    }
}
