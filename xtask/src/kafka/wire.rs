//! The requests that the machinery itself needs, written by hand: Metadata v0, CreateTopics v2, ListOffsets, CreateAcls v1.
//!
//! Kept apart from `kp-protocol` on purpose: what starts and watches the judge shares no code with the judged.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const CREATE_TOPICS: i16 = 19;
const CREATE_ACLS: i16 = 30;
/// A broker that does not answer Metadata within this is not up; making a topic takes a write to the quorum.
const METADATA_PATIENCE: Duration = Duration::from_secs(2);
const CREATE_PATIENCE: Duration = Duration::from_secs(15);
/// An answer of more bytes is not one to these requests.
const LARGEST_ANSWER: usize = 16 << 20;

/// What one broker knows of the cluster.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// Ids of the brokers that are up.
    pub(crate) brokers: Vec<i32>,
    /// All partitions of all topics.
    pub(crate) partitions: Vec<PartitionView>,
}

/// One partition, as one broker knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The leader's broker id, -1 if there is none.
    pub leader: i32,
    /// Broker ids of all replicas.
    pub replicas: Vec<i32>,
    /// Broker ids of the replicas in sync.
    pub in_sync: Vec<i32>,
}

/// Asks the broker on `port` for all brokers and topics (Metadata v0, which every version since 0.8 answers).
pub(crate) fn metadata(port: u16) -> io::Result<View> {
    let answer = round_trip(port, METADATA, 0, &0i32.to_be_bytes(), METADATA_PATIENCE)?;
    parse_metadata(&mut Reader(&answer))
}

/// A topic to make.
pub(crate) struct NewTopic<'a> {
    pub(crate) name: &'a str,
    pub(crate) partitions: i32,
    pub(crate) replication: i16,
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Asks the broker on `port` to make a topic (CreateTopics v2). Answers the error code and message.
pub(crate) fn create_topic(port: u16, topic: &NewTopic<'_>) -> io::Result<(i16, Option<String>)> {
    let mut body = Vec::new();
    body.extend(1i32.to_be_bytes());
    put_string(&mut body, topic.name);
    body.extend(topic.partitions.to_be_bytes());
    body.extend(topic.replication.to_be_bytes());
    body.extend(0i32.to_be_bytes()); // no manual assignment
    body.extend((topic.settings.len() as i32).to_be_bytes());
    for (key, value) in topic.settings {
        put_string(&mut body, key);
        put_string(&mut body, value);
    }
    body.extend(10_000i32.to_be_bytes()); // timeout_ms
    body.push(0); // validate_only
    let answer = round_trip(port, CREATE_TOPICS, 2, &body, CREATE_PATIENCE)?;
    let mut reader = Reader(&answer);
    let _throttle_time_ms = reader.i32()?;
    let _topics = reader.i32()?;
    let _name = reader.string()?;
    Ok((reader.i16()?, reader.string()?))
}

/// Asks the broker on `port` for a partition's end, in ListOffsets v0 (up to 3.9) or v1 (since 0.10.1). Answers the error
/// code: 0 only from a broker that knows itself to be the leader, which it learns after it named itself in Metadata.
pub(crate) fn list_offsets(port: u16, topic: &str, partition: i32, version: i16) -> io::Result<i16> {
    let mut body = Vec::new();
    body.extend((-1i32).to_be_bytes()); // replica_id: a client
    body.extend(1i32.to_be_bytes());
    put_string(&mut body, topic);
    body.extend(1i32.to_be_bytes());
    body.extend(partition.to_be_bytes());
    body.extend((-1i64).to_be_bytes()); // timestamp: the end
    if version == 0 {
        body.extend(1i32.to_be_bytes()); // max_num_offsets
    }
    let answer = round_trip(port, LIST_OFFSETS, version, &body, METADATA_PATIENCE)?;
    let mut reader = Reader(&answer);
    let _topics = reader.i32()?;
    let _name = reader.string()?;
    let _partitions = reader.i32()?;
    let _partition = reader.i32()?;
    reader.i16()
}

/// Asks the broker on `port` to let `principal`, e.g. `User:alice`, write to a topic and look at it (CreateAcls v1): from then
/// on others may not. Answers the first error code that is not 0, and its message.
pub(crate) fn allow_on_topic(port: u16, topic: &str, principal: &str) -> io::Result<(i16, Option<String>)> {
    const TOPIC: i8 = 2;
    const LITERAL: i8 = 3;
    const WRITE: i8 = 4;
    const ALLOW: i8 = 3;
    let mut body = Vec::new();
    body.extend(1i32.to_be_bytes());
    body.extend(TOPIC.to_be_bytes());
    put_string(&mut body, topic);
    body.extend(LITERAL.to_be_bytes());
    put_string(&mut body, principal);
    put_string(&mut body, "*"); // from every host
    body.extend(WRITE.to_be_bytes()); // writing includes looking (Describe)
    body.extend(ALLOW.to_be_bytes());
    let answer = round_trip(port, CREATE_ACLS, 1, &body, CREATE_PATIENCE)?;
    let mut reader = Reader(&answer);
    let _throttle_time_ms = reader.i32()?;
    let _results = reader.i32()?;
    Ok((reader.i16()?, reader.string()?))
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as i16).to_be_bytes());
    out.extend(text.as_bytes());
}

fn round_trip(port: u16, api_key: i16, version: i16, body: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), METADATA_PATIENCE)?;
    stream.set_read_timeout(Some(patience))?;
    let mut request = Vec::new();
    request.extend(api_key.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(1i32.to_be_bytes()); // correlation id
    put_string(&mut request, "xtask");
    request.extend(body);
    let mut frame = (request.len() as i32).to_be_bytes().to_vec();
    frame.append(&mut request);
    stream.write_all(&frame)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if !(4..=LARGEST_ANSWER).contains(&length) {
        return Err(odd(format!("an answer of {length} bytes")));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer.split_off(4))
}

fn parse_metadata(reader: &mut Reader<'_>) -> io::Result<View> {
    let mut view = View::default();
    for _ in 0..reader.count()? {
        view.brokers.push(reader.i32()?);
        let _host = reader.string()?;
        let _port = reader.i32()?;
    }
    for _ in 0..reader.count()? {
        let _error = reader.i16()?;
        let topic = reader.string()?.unwrap_or_default();
        for _ in 0..reader.count()? {
            let _error = reader.i16()?;
            view.partitions.push(PartitionView {
                topic: topic.clone(),
                partition: reader.i32()?,
                leader: reader.i32()?,
                replicas: reader.numbers()?,
                in_sync: reader.numbers()?,
            });
        }
    }
    Ok(view)
}

fn odd(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Takes Kafka's classic types from the front of an answer.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> io::Result<&[u8]> {
        let (head, tail) =
            self.0.split_at_checked(count).ok_or_else(|| odd("the answer is cut off".to_owned()))?;
        self.0 = tail;
        Ok(head)
    }

    fn i16(&mut self) -> io::Result<i16> {
        self.take(2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn i32(&mut self) -> io::Result<i32> {
        self.take(4).map(|bytes| i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// An array's length; each element has at least two bytes here, so more than are left is nonsense.
    fn count(&mut self) -> io::Result<usize> {
        let count = self.i32()?.max(0) as usize;
        if count > self.0.len() { Err(odd(format!("an array of {count}"))) } else { Ok(count) }
    }

    fn numbers(&mut self) -> io::Result<Vec<i32>> {
        (0..self.count()?).map(|_| self.i32()).collect()
    }

    fn string(&mut self) -> io::Result<Option<String>> {
        match usize::try_from(self.i16()?) {
            Ok(length) => self.take(length).map(|bytes| Some(String::from_utf8_lossy(bytes).into_owned())),
            Err(_) => Ok(None), // -1: null
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_answer_gives_brokers_and_leaders() {
        let mut bytes = Vec::new();
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(7i32.to_be_bytes());
        put_string(&mut bytes, "127.0.0.1");
        bytes.extend(9092i32.to_be_bytes());
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(0i16.to_be_bytes());
        put_string(&mut bytes, "orders");
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(0i16.to_be_bytes());
        for number in [3, 7, 2, 7, 8, 1, 7i32] {
            bytes.extend(number.to_be_bytes());
        }
        let partition = PartitionView {
            topic: "orders".to_owned(),
            partition: 3,
            leader: 7,
            replicas: vec![7, 8],
            in_sync: vec![7],
        };
        let view = View { brokers: vec![7], partitions: vec![partition] };
        assert_eq!(parse_metadata(&mut Reader(&bytes)).unwrap(), view);
        for cut in 0..bytes.len() {
            assert!(parse_metadata(&mut Reader(&bytes[..cut])).is_err(), "cut at {cut}");
        }
    }
}
