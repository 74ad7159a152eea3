//! The topics from outside: the input is filled by kp, the output read back by rdkafka, and both are asked how far they are.

use std::time::Duration;

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::membership::reading;
use crate::recipe::Failure;
use crate::record;

const LIMIT: Duration = Duration::from_secs(30);

/// Writes the records of these numbers, by kp, in their order.
pub fn fill(bootstrap: &str, topic: &str, records: u64) -> Result<(), Failure> {
    let producer = Producer::new(ProducerConfig::default().bootstrap_servers(bootstrap))?;
    for number in 0..records {
        let (key, value) = (record::key(number), record::input(number));
        drop(producer.send(ProducerRecord::to(topic).key(&key).value(&value))?);
    }
    let left = producer.close(Duration::from_secs(120))?.undelivered + producer.failed_records();
    if left == 0 { Ok(()) } else { Err(format!("{left} records of the input were not written").into()) }
}

/// How far the partitions of topics go.
pub struct Ends {
    committed: BaseConsumer,
    uncommitted: BaseConsumer,
}

impl Ends {
    /// Of a cluster.
    pub fn of(bootstrap: &str) -> Result<Self, Failure> {
        let committed = reading(bootstrap).create()?;
        let uncommitted = reading(bootstrap).set("isolation.level", "read_uncommitted").create()?;
        Ok(Self { committed, uncommitted })
    }

    /// The high watermark of each partition.
    pub fn high_watermarks(&self, topic: &str, partitions: i32) -> Result<Vec<i64>, Failure> {
        (0..partitions).map(|each| Ok(self.uncommitted.fetch_watermarks(topic, each, LIMIT)?.1)).collect()
    }

    /// The last stable offset of each partition: a transaction is open in front of the high watermark where it is smaller.
    pub fn last_stable(&self, topic: &str, partitions: i32) -> Result<Vec<i64>, Failure> {
        (0..partitions).map(|each| Ok(self.committed.fetch_watermarks(topic, each, LIMIT)?.1)).collect()
    }

    /// How many records of the topic the group has committed the reading of. A partition with an open commit counts as before.
    pub fn of_group(&self, topic: &str, partitions: i32) -> Result<u64, Failure> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, partitions - 1);
        let committed = self.uncommitted.committed_offsets(asked, LIMIT)?;
        let offsets = committed.elements().into_iter().map(|at| match at.offset() {
            Offset::Offset(offset) => offset as u64,
            _ => 0,
        });
        Ok(offsets.sum())
    }
}

/// Hands every record of a topic over: partition, key, value. With `isolation.level` as given, to the end as it is now.
pub fn read_all(
    bootstrap: &str,
    (topic, partitions): (&str, i32),
    isolation: &str,
    mut each: impl FnMut(i32, &[u8], &[u8]),
) -> Result<(), Failure> {
    let mut config = reading(bootstrap);
    config
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .set("group.id", "loop-judge");
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let mut left = partitions;
    while left > 0 {
        match consumer.poll(LIMIT) {
            Some(Ok(record)) => {
                let (key, value) = (record.key().unwrap_or_default(), record.payload().unwrap_or_default());
                each(record.partition(), key, value);
            }
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => eprintln!("reading {topic}: {error}"),
            None => return Err(format!("{topic}: nothing came for {LIMIT:?}").into()),
        }
    }
    consumer.unassign()?;
    Ok(())
}
