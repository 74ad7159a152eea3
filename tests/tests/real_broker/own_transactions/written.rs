//! What a part has written to a topic, and what readers must see of it.

use std::collections::{BTreeMap, BTreeSet};

use kp_producer::ProducerRecord;
use kp_producer::blocking::Transaction;
use kp_tests::java_reader::{Isolation, ReadRecord, read_topics_as};

use super::ground::{Ground, PARTITIONS};

/// Values by partition, in the order of their sending.
type Values = BTreeMap<i32, Vec<String>>;

/// The records of one topic.
#[derive(Debug)]
pub(super) struct Written {
    topic: String,
    visible: Values,
    all: Values,
    /// Whether everything that was sent is in the log, once.
    is_all_in_log: bool,
}

impl Written {
    /// Of a topic into which nothing was sent yet.
    pub(super) fn to(topic: impl Into<String>) -> Self {
        let (visible, all) = (Values::new(), Values::new());
        Self { topic: topic.into(), visible, all, is_all_in_log: true }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Says that some records may not have reached the log, or stand there twice.
    pub(super) fn not_all_in_log(&mut self) {
        self.is_all_in_log = false;
    }

    /// A record that is sent within a transaction of which the end will be told.
    pub(super) fn sent(&mut self, partition: i32, value: &str) {
        self.all.entry(partition).or_default().push(value.to_owned());
    }

    /// The transaction of all records whose value begins with `name` was committed.
    pub(super) fn committed(&mut self, name: &str) {
        for (partition, values) in &self.all {
            let of_it = values.iter().filter(|value| value.starts_with(name)).cloned();
            self.visible.entry(*partition).or_default().extend(of_it);
        }
    }

    /// Sends a record named `name` to each partition.
    pub(super) fn send(&mut self, transaction: &Transaction<'_>, name: &str) {
        for partition in 0..PARTITIONS {
            let value = format!("{name} in {partition}");
            let record = ProducerRecord::to(&self.topic).partition(partition).key(name).value(&value);
            drop(transaction.send(record).unwrap_or_else(|error| panic!("{value}: {error}")));
            self.sent(partition, &value);
        }
    }
}

/// Java's readers, of both isolation levels and the console's, see what they must.
pub(super) fn assert_readers_see(ground: &Ground, written: &[Written]) {
    let topics: Vec<String> = written.iter().map(|written| written.topic.clone()).collect();
    let names: BTreeSet<&String> = topics.iter().collect();
    assert_eq!(names.len(), topics.len(), "each part has topics of its own");
    let read = |isolation| read_topics_as(ground.cluster(), isolation, &topics);
    let (committed, all, console) = std::thread::scope(|scope| {
        let committed = scope.spawn(|| read(Isolation::ReadCommitted));
        let console = scope.spawn(|| console_reads(ground, &written[0]));
        let all = read(Isolation::ReadUncommitted);
        (committed.join().expect("it is read"), all, console.join().expect("it is read"))
    });
    for written in written {
        let topic = &written.topic;
        assert_eq!(values(&committed[topic]), without_empty(&written.visible), "{topic}: read_committed");
        if written.is_all_in_log {
            assert_eq!(values(&all[topic]), without_empty(&written.all), "{topic}: read_uncommitted");
        }
    }
    assert_eq!(console, without_empty(&written[0].visible), "{}: the console", written[0].topic);
}

/// What the console consumer says of the records of a topic: as many as there are, and all that it gets.
fn console_reads(ground: &Ground, written: &Written) -> Values {
    let count: usize = written.visible.values().map(Vec::len).sum();
    let count = count.to_string();
    let arguments =
        ["--isolation-level", "read_committed", "--max-messages", &count, "--timeout-ms", "20000"];
    let mut command = ground.cluster().console_consumer(&written.topic, &arguments);
    let output = command.output().expect("the console consumer runs");
    let text = String::from_utf8(output.stdout).expect("lines of text");
    let mut read = Values::new();
    for line in text.lines() {
        let (_, partition) = line.rsplit_once(' ').expect("name in PARTITION");
        let partition = partition.parse().expect("the number of a partition");
        read.entry(partition).or_default().push(line.to_owned());
    }
    read
}

fn values(records: &[ReadRecord]) -> Values {
    let mut values = Values::new();
    for record in records {
        values.entry(record.partition).or_default().push(record.value.clone());
    }
    values
}

fn without_empty(values: &Values) -> Values {
    values.iter().filter(|(_, values)| !values.is_empty()).map(|(key, value)| (*key, value.clone())).collect()
}
