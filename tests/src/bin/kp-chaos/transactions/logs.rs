//! What is in the logs at the end: records and markers of every partition, the offsets that groups were given, and how far readers of
//! committed records may read. By Fetch, from the leaders, without a proxy and without the producer's own code for answers of records.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_protocol::api::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use kp_protocol::records::{ControlRecord, RecordBatch, batches};
use kp_protocol::{ErrorCode, Records};
use kp_tests::laws::Place;
use kp_tests::socket::Socket;
use kp_tests::transaction_history::{Entry, Reach};
use xtask::kafka::KafkaCluster;

use super::{INPUT, TOPIC};
use crate::Failure;

/// Where brokers keep the offsets of groups.
const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// The newest Fetch that says a topic by its name.
const FETCH: i16 = 12;
/// Bytes asked for at a time.
const PIECE: i32 = 4 << 20;
/// The most that a batch may unpack to.
const UNPACKED: usize = 64 << 20;

/// A log, entry by entry.
pub(super) type Log = Vec<(i64, Entry)>;

/// All that is in the logs.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) records: BTreeMap<Place, Log>,
    /// In the order in which they became visible, group by group.
    pub(super) group_offsets: Vec<(String, Place, i64)>,
}

/// A partition's leader, and a connection to it.
struct Leader {
    socket: Socket,
    place: Place,
}

impl Leader {
    fn of(cluster: &KafkaCluster, place: &Place) -> Result<Self, Failure> {
        let leader = cluster.leader(&place.0, place.1)?.ok_or_else(|| format!("{place:?} has no leader"))?;
        Ok(Self { socket: Socket::to_broker(cluster, leader), place: place.clone() })
    }

    fn fetch(&mut self, fetch_offset: i64) -> Result<PartitionData, Failure> {
        let partition = FetchPartition {
            partition: self.place.1,
            fetch_offset,
            partition_max_bytes: PIECE,
            ..Default::default()
        };
        let topic = FetchTopic {
            topic: self.place.0.as_str().into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request =
            FetchRequest { replica_id: -1, max_bytes: PIECE, topics: vec![topic], ..Default::default() };
        let answer = self.socket.ask(FETCH, &request).map_err(|no| format!("no answer to Fetch: {no:?}"))?;
        let topic = answer.responses.into_iter().next().ok_or("no topic in an answer to Fetch")?;
        let data = topic.partitions.into_iter().next().ok_or("no partition in an answer to Fetch")?;
        match data.error_code {
            ErrorCode::NONE => Ok(data),
            code => Err(format!("Fetch of {:?}: {code}", self.place).into()),
        }
    }

    /// Every batch up to the high watermark.
    fn each_batch(
        &mut self,
        mut take: impl FnMut(&RecordBatch) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut offset = 0;
        loop {
            let data = self.fetch(offset)?;
            let bytes: Bytes = data.records.as_ref().map(Records::to_bytes).unwrap_or_default();
            for batch in batches(&bytes) {
                let batch = batch?;
                batch.verify_crc()?;
                take(&batch)?;
                offset = batch.header().last_offset() + 1;
            }
            if offset >= data.high_watermark {
                return Ok(());
            }
        }
    }
}

impl Logs {
    pub(super) fn read(cluster: &KafkaCluster) -> Result<Self, Failure> {
        let mut logs = Self::default();
        for place in places(cluster, &[TOPIC])? {
            let mut log = Log::new();
            Leader::of(cluster, &place)?.each_batch(|batch| take_records(batch, &mut log))?;
            logs.records.insert(place, log);
        }
        for place in places(cluster, &[OFFSETS_TOPIC])? {
            let mut open = BTreeMap::new();
            let all = &mut logs.group_offsets;
            Leader::of(cluster, &place)?.each_batch(|batch| take_offsets(batch, &mut open, all))?;
        }
        Ok(logs)
    }
}

fn places(cluster: &KafkaCluster, topics: &[&str]) -> Result<Vec<Place>, Failure> {
    let all = cluster.partitions()?.into_iter().filter(|view| topics.contains(&view.topic.as_str()));
    Ok(all.map(|view| (view.topic, view.partition)).collect())
}

/// How far readers may read, in every partition that transactions of a run may be in.
pub(super) fn reaches(cluster: &KafkaCluster) -> Result<BTreeMap<Place, Reach>, Failure> {
    let mut reaches = BTreeMap::new();
    for place in places(cluster, &[TOPIC, OFFSETS_TOPIC])? {
        let data = Leader::of(cluster, &place)?.fetch(0)?;
        reaches.insert(place, Reach { stable: data.last_stable_offset, high: data.high_watermark });
    }
    Ok(reaches)
}

/// Waits until no transaction is open, at most for `limit`; answers how far readers may read then, and how long it took.
pub(super) fn wait_until_stable(
    cluster: &KafkaCluster,
    limit: Duration,
) -> Result<(BTreeMap<Place, Reach>, Duration), Failure> {
    let begun = Instant::now();
    loop {
        let reaches = reaches(cluster)?;
        let is_stable = reaches.values().all(|reach| reach.stable == reach.high);
        if is_stable || begun.elapsed() > limit {
            return Ok((reaches, begun.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn marker_of(batch: &RecordBatch) -> Result<Option<(i64, bool)>, Failure> {
    let records = batch.records(UNPACKED)?;
    let Some(record) = records.iter().next() else { return Ok(None) };
    let record = record?;
    Ok(match ControlRecord::parse(&record)? {
        ControlRecord::Commit { .. } => Some((record.offset.0, true)),
        ControlRecord::Abort { .. } => Some((record.offset.0, false)),
        ControlRecord::Other { .. } => None,
    })
}

fn take_records(batch: &RecordBatch, log: &mut Log) -> Result<(), Failure> {
    let header = batch.header();
    let pair = (header.producer_id, header.producer_epoch);
    if header.attributes.is_control() {
        log.extend(marker_of(batch)?.map(|(offset, commit)| (offset, Entry::Marker { pair, commit })));
        return Ok(());
    }
    if !header.attributes.is_transactional() {
        return Err(format!("a batch without a transaction at {}", header.base_offset).into());
    }
    for record in &batch.records(UNPACKED)? {
        let record = record?;
        let text = std::str::from_utf8(record.value.unwrap_or_default())?;
        let id =
            text.parse().map_err(|_| format!("a record without an id at {}: {text:?}", record.offset))?;
        log.push((record.offset.0, Entry::Record { pair, id }));
    }
    Ok(())
}

type GroupOffset = (String, Place, i64);

fn take_offsets(
    batch: &RecordBatch,
    open: &mut BTreeMap<i64, Vec<GroupOffset>>,
    visible: &mut Vec<GroupOffset>,
) -> Result<(), Failure> {
    let header = batch.header();
    if header.attributes.is_control() {
        let Some((_, commit)) = marker_of(batch)? else { return Ok(()) };
        let taken = open.remove(&header.producer_id).unwrap_or_default();
        if commit {
            visible.extend(taken);
        }
        return Ok(());
    }
    for record in &batch.records(UNPACKED)? {
        let record = record?;
        let read = group_offset(record.key.unwrap_or_default(), record.value.unwrap_or_default());
        let Some(read) = read.filter(|(_, place, _)| place.0 == INPUT) else { continue };
        if header.attributes.is_transactional() {
            open.entry(header.producer_id).or_default().push(read);
        } else {
            visible.push(read);
        }
    }
    Ok(())
}

/// Key: version 0 or 1, group, topic, partition. Value: version, offset, and more. Other versions are of other things.
fn group_offset(key: &[u8], value: &[u8]) -> Option<GroupOffset> {
    let (version, rest) = key.split_at_checked(2)?;
    if u16::from_be_bytes(version.try_into().ok()?) > 1 {
        return None;
    }
    let (group, rest) = string(rest)?;
    let (topic, rest) = string(rest)?;
    let partition = i32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
    let offset = i64::from_be_bytes(value.get(2..10)?.try_into().ok()?);
    Some((group, (topic, partition), offset))
}

fn string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_at_checked(2)?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(length.try_into().ok()?)))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_of_a_group_is_read_from_its_key_and_value() {
        let key = [&[0, 1][..], &[0, 1], b"g", &[0, 2], b"in", &[0, 0, 0, 3]].concat();
        let value = [&[0, 3][..], &77i64.to_be_bytes(), &[0, 0, 0, 0]].concat();
        assert_eq!(group_offset(&key, &value), Some(("g".into(), ("in".into(), 3), 77)));
        let members = [&[0, 2][..], &[0, 1], b"g"].concat();
        assert_eq!(group_offset(&members, &value), None, "a group's members are no offset");
        assert_eq!(group_offset(&key, &[]), None, "an offset that was taken away is none");
    }
}
