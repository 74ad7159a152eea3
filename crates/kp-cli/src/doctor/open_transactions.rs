//! Transactions that hold up the readers of a topic: what is open, whose it is, and whether it hangs (KIP-664).
//! A transaction hangs if its producer is silent for longer than any coordinator waits: then nothing will end it by itself.
//! Owns: the questions to the leaders, and the words. Nothing is ended here.

use std::{collections::BTreeMap, time::Duration};

use kp_protocol::{
    ApiKey, VersionRange,
    api::{
        DescribeProducersRequest, DescribeProducersTopicRequest, ListOffsetsPartition, ListOffsetsRequest,
        ListOffsetsTopic, MetadataResponseTopic,
    },
};

use super::{
    listener::written,
    report::{Ailment, Report},
    way::Way,
};
use crate::reader::{BlockingCaller, Connection, Isolation, ReaderError};

const STEP: &str = "transactions";

/// The timestamp of ListOffsets that stands for the end.
const LATEST: i64 = -1;

/// What brokers allow at most, unless they say otherwise (`transaction.max.timeout.ms`).
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// A transaction that is open in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    producer_id: i64,
    epoch: i32,
    /// Of its first record.
    first_offset: i64,
    /// When its producer wrote last, in milliseconds since the Unix epoch.
    last_timestamp: i64,
}

/// A partition in which something is not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Undecided {
    partition: i32,
    /// Where readers of committed records stand, and how far the log goes.
    last_stable_offset: i64,
    high_watermark: i64,
    /// What the leader tells of it; empty where it does not.
    open: Vec<Open>,
}

impl Undecided {
    /// For how long the producer whose transaction was opened first has written nothing; `None` if that is not told.
    fn silent(&self, now_ms: i64) -> Option<Duration> {
        let last = self.open.first()?.last_timestamp;
        let silent_ms = now_ms.saturating_sub(last).max(0).unsigned_abs();
        (last >= 0).then_some(Duration::from_millis(silent_ms))
    }

    fn words(&self, topic: &str) -> String {
        let Self { partition, last_stable_offset, high_watermark, open } = self;
        let whose = match open.first() {
            Some(Open { producer_id, epoch, first_offset, .. }) => {
                format!(
                    "producer id {producer_id}, epoch {epoch}, has a transaction open from offset {first_offset}"
                )
            }
            None => "a transaction is open; whose, the broker does not tell".to_owned(),
        };
        format!(
            "{topic}-{partition}: readers of committed records see it up to offset {last_stable_offset} of \
             {high_watermark}: {whose}"
        )
    }
}

/// Asks the leaders, and tells what is open. `works` are the brokers that can be reached; `limit` is the longest timeout that
/// coordinators allow, `now_ms` the time in milliseconds since the Unix epoch.
pub(super) fn examine(
    report: &mut Report,
    way: &Way<'_>,
    topic: &MetadataResponseTopic,
    works: &BTreeMap<i32, (String, u16)>,
    limit: Duration,
    now_ms: i64,
) {
    let name = topic.name.as_ref().map_or("", |name| name.as_str());
    let mut led: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for partition in &topic.partitions {
        led.entry(partition.leader_id).or_default().push(partition.partition_index);
    }
    let (mut undecided, mut was_asked) = (Vec::new(), false);
    for (leader, partitions) in led {
        let Some((host, port)) = works.get(&leader) else { continue };
        match ask(way, host, *port, name, &partitions) {
            Ok(Some(found)) => {
                was_asked = true;
                undecided.extend(found);
            }
            // Before 0.11 there are no transactions.
            Ok(None) => {}
            Err(error) => {
                let found = format!("whether transactions are open, broker {leader} does not tell: {error}");
                report.skipped(STEP, found);
            }
        }
    }
    if was_asked {
        tell(report, name, &undecided, limit, now_ms);
    }
}

/// What is not decided in the partitions that one broker leads; `None` where it knows no transactions.
fn ask(
    way: &Way<'_>,
    host: &str,
    port: u16,
    topic: &str,
    partitions: &[i32],
) -> Result<Option<Vec<Undecided>>, ReaderError> {
    let changed =
        |ailment: Ailment| ReaderError::Connect { address: written(host, port), why: ailment.found };
    let mut caller = way.caller(None).map_err(changed)?;
    let connection = caller.connect(host, port)?;
    let versions = VersionRange::new(ListOffsetsRequest::ISOLATION_FROM, i16::MAX);
    let Ok(version) = connection.version_within(ApiKey::ListOffsets, versions) else { return Ok(None) };
    let mut ends = |isolation| ends(&mut caller, &connection, version, topic, partitions, isolation);
    // The stable ends first: what is decided meanwhile moves them, not the others.
    let (stable, all) = (ends(Isolation::Committed)?, ends(Isolation::Uncommitted)?);
    let mut undecided: Vec<Undecided> = stable
        .into_iter()
        .filter_map(|(partition, last_stable_offset)| {
            let high_watermark = *all.get(&partition)?;
            let undecided = Undecided { partition, last_stable_offset, high_watermark, open: Vec::new() };
            (last_stable_offset < high_watermark).then_some(undecided)
        })
        .collect();
    if let (false, Ok(version)) = (undecided.is_empty(), connection.version(ApiKey::DescribeProducers)) {
        producers(&mut caller, &connection, version, topic, &mut undecided)?;
    }
    Ok(Some(undecided))
}

fn ends(
    caller: &mut BlockingCaller,
    connection: &Connection,
    version: i16,
    topic: &str,
    partitions: &[i32],
    isolation: Isolation,
) -> Result<BTreeMap<i32, i64>, ReaderError> {
    let partition = |index: &i32| ListOffsetsPartition {
        partition_index: *index,
        timestamp: LATEST,
        ..ListOffsetsPartition::default()
    };
    let asked = ListOffsetsTopic {
        name: topic.into(),
        partitions: partitions.iter().map(partition).collect(),
        ..Default::default()
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.level(),
        topics: vec![asked],
        ..Default::default()
    };
    let answer = caller.call(connection, version, &request)?;
    let found = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    // What a partition lacks, `topic` tells: here it has no end.
    Ok(found.filter(|it| it.error_code.is_ok()).map(|it| (it.partition_index, it.offset)).collect())
}

/// Fills in what the leader knows of the producers.
fn producers(
    caller: &mut BlockingCaller,
    connection: &Connection,
    version: i16,
    topic: &str,
    undecided: &mut [Undecided],
) -> Result<(), ReaderError> {
    let asked = DescribeProducersTopicRequest {
        name: topic.into(),
        partition_indexes: undecided.iter().map(|it| it.partition).collect(),
        ..Default::default()
    };
    let request = DescribeProducersRequest { topics: vec![asked], ..Default::default() };
    let answer = caller.call(connection, version, &request)?;
    for told in answer.topics.into_iter().flat_map(|topic| topic.partitions) {
        let Some(found) = undecided.iter_mut().find(|it| it.partition == told.partition_index) else {
            continue;
        };
        let open = told.active_producers.iter().filter(|producer| producer.current_txn_start_offset >= 0);
        found.open = open
            .map(|producer| Open {
                producer_id: producer.producer_id,
                epoch: producer.producer_epoch,
                first_offset: producer.current_txn_start_offset,
                last_timestamp: producer.last_timestamp,
            })
            .collect();
        found.open.sort_by_key(|open| open.first_offset);
    }
    Ok(())
}

fn tell(report: &mut Report, name: &str, undecided: &[Undecided], limit: Duration, now_ms: i64) {
    let (hanging, open): (Vec<_>, Vec<_>) =
        undecided.iter().partition(|it| it.silent(now_ms).is_some_and(|silent| silent > limit));
    for partition in &hanging {
        let (Some(first), Some(silent)) = (partition.open.first(), partition.silent(now_ms)) else {
            continue;
        };
        let (number, offset, minutes) = (partition.partition, first.first_offset, silent.as_secs() / 60);
        report.warning(STEP, Ailment::new(
            format!("{}, and has written nothing for {minutes} minutes: the transaction hangs", partition.words(name)),
            format!("abort it: kafka-transactions.sh abort --topic {name} --partition {number} --start-offset {offset} --bootstrap-server …"),
        ));
    }
    match (open.first(), open.len()) {
        (Some(one), 1) => report.ok(STEP, one.words(name)),
        (Some(one), count) => report.ok(STEP, format!("{}; {} more are open", one.words(name), count - 1)),
        (None, _) if hanging.is_empty() => {
            report.ok(STEP, format!("{name}: none is open, so readers of committed records see all"));
        }
        (None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn undecided(last_timestamp: i64) -> Undecided {
        let open = Open { producer_id: 7, epoch: 2, first_offset: 5, last_timestamp };
        Undecided { partition: 3, last_stable_offset: 5, high_watermark: 9, open: vec![open] }
    }

    fn told(undecided: &[Undecided]) -> serde_json::Value {
        let mut report = Report::new(true);
        tell(&mut report, "orders", undecided, MAX_TIMEOUT, 100 * MINUTE_MS);
        assert!(report.is_healthy(), "a producer works all the same");
        report.to_json()["steps"][0].clone()
    }

    #[test]
    fn a_transaction_hangs_when_its_producer_is_silent_for_longer_than_coordinators_wait() {
        let step = told(&[undecided(100 * MINUTE_MS - 16 * MINUTE_MS)]);
        assert_eq!(step["verdict"], "warning");
        let found = "orders-3: readers of committed records see it up to offset 5 of 9: producer id 7, epoch 2, has a \
                     transaction open from offset 5, and has written nothing for 16 minutes: the transaction hangs";
        assert_eq!(step["found"], found);
        let remedy = "abort it: kafka-transactions.sh abort --topic orders --partition 3 --start-offset 5 --bootstrap-server …";
        assert_eq!(step["remedy"], remedy);
    }

    #[test]
    fn one_whose_producer_wrote_lately_or_is_not_told_of_is_open_and_no_ailment() {
        assert_eq!(told(&[undecided(100 * MINUTE_MS - 15 * MINUTE_MS)])["verdict"], "ok");
        assert_eq!(told(&[undecided(-1)])["verdict"], "ok");
        assert_eq!(told(&[Undecided { open: Vec::new(), ..undecided(0) }])["verdict"], "ok");
        assert_eq!(told(&[])["found"], "orders: none is open, so readers of committed records see all");
    }
}
