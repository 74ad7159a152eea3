//! What Java's consumer finds in topics: many of them by one run of one JVM.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use xtask::kafka::KafkaCluster;

/// A record as Java's consumer gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadRecord {
    /// The number of its partition.
    pub partition: i32,
    /// Its key, of text.
    pub key: String,
    /// Its value, of text.
    pub value: String,
}

/// What a reader sees of transactions: `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Those that were committed, up to the first that is open.
    ReadCommitted,
    /// All that is in the log.
    ReadUncommitted,
}

/// The records of each of `topics` that a reader of committed records sees; those of a partition in the order of its log.
///
/// # Panics
/// When Java's consumer fails, or a record is not of text without tabs.
#[must_use]
pub fn read_topics(cluster: &KafkaCluster, topics: &[String]) -> BTreeMap<String, Vec<ReadRecord>> {
    read_topics_as(cluster, Isolation::ReadCommitted, topics)
}

/// The same for any reader.
///
/// # Panics
/// As [`read_topics`].
#[must_use]
pub fn read_topics_as(
    cluster: &KafkaCluster,
    isolation: Isolation,
    topics: &[String],
) -> BTreeMap<String, Vec<ReadRecord>> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/AllTopicsReader.java");
    let mut command = cluster.java_command();
    let level = match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    command.arg(program).arg(cluster.bootstrap()).arg(level).args(topics);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("java runs");
    assert!(output.status.success(), "Java's consumer ended with {}", output.status);
    let text = String::from_utf8(output.stdout).expect("records of text");
    let mut read: BTreeMap<String, Vec<ReadRecord>> =
        topics.iter().map(|topic| (topic.clone(), Vec::new())).collect();
    for line in text.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let [topic, partition, key, value] = parts[..] else { panic!("not a record: {line:?}") };
        let partition = partition.parse().expect("the number of a partition");
        let record = ReadRecord { partition, key: key.to_owned(), value: value.to_owned() };
        read.get_mut(topic).expect("a topic that was asked for").push(record);
    }
    read
}
