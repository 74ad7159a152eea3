//! Secured clusters that tests share, and what each test of a way in does there: deliver, read back with Java's consumer,
//! look at what is told.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord};
use kp_tests::java_reader::{ReadRecord, read_topics};
use xtask::kafka::{KafkaCluster, Options, SecuredOptions};

/// A way in: its file of client properties, and whom the broker takes its client for.
pub(crate) type Way = (&'static str, &'static str);

/// One broker of each version for all tests; they end with this process.
pub(crate) static CLUSTERS: LazyLock<Vec<KafkaCluster>> = LazyLock::new(|| {
    let older: &[&str] = if std::env::var_os("KP_FULL").is_some() { &["3.9.1"] } else { &[] };
    ["4.3.0"].iter().chain(older).map(|version| start(version)).collect()
});

/// Records a topic, of seven keys.
pub(crate) const RECORDS: usize = 300;
const CODECS: [&str; 2] = ["none", "lz4"];

pub(crate) fn start(version: &str) -> KafkaCluster {
    let options = Options { version: version.to_owned(), heap_mib: 768, ..Options::default() };
    let options = options.secured(SecuredOptions::All).issuer(env!("CARGO_BIN_EXE_kp-oidc"));
    KafkaCluster::start(&options).expect("Kafka starts")
}

/// The file of client properties of that name, with further lines.
pub(crate) fn config(cluster: &KafkaCluster, file: &str, more: &[(&str, &str)]) -> ProducerConfig {
    let path = cluster.client_file(file).expect("the file was written");
    let mut text = std::fs::read_to_string(path).expect("it can be read");
    more.iter().for_each(|(key, value)| text += &format!("{key}={value}\n"));
    ProducerConfig::from_properties_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn sent() -> Vec<(String, String)> {
    (0..RECORDS)
        .map(|number| (format!("k{}", number % 7), format!("{number} {}", "brown fox ".repeat(number % 9))))
        .collect()
}

/// All records as the console consumer writes them: key, tab, value.
pub(crate) fn lines_of_records() -> String {
    sent().iter().map(|(key, value)| format!("{key}\t{value}\n")).collect()
}

/// Sends all records and waits until each is acknowledged.
pub(crate) fn deliver(config: ProducerConfig, topic: &str) {
    let producer = Producer::new(config).unwrap_or_else(|error| panic!("{topic}: {error}"));
    let waiting: Vec<_> = sent()
        .iter()
        .map(|(key, value)| {
            let record = ProducerRecord::to(topic).key(key.as_str()).value(value.as_str());
            producer.send(record).unwrap_or_else(|error| panic!("{topic}: {error}"))
        })
        .collect();
    for delivery in waiting {
        delivery.wait().unwrap_or_else(|error| panic!("{topic}: {error}"));
    }
    let closed = producer.close(Duration::from_secs(10)).expect("it ends");
    assert_eq!(closed.undelivered, 0, "{topic}");
}

/// Every record once, those of a key in one partition and in the order of their sending.
pub(crate) fn assert_whole(topic: &str, read: &[ReadRecord]) {
    assert_eq!(read.len(), RECORDS, "{topic}");
    let mut by_key = [const { Vec::new() }; 7];
    for record in read {
        let key: usize = record.key.trim_start_matches('k').parse().expect("a key of ours");
        by_key[key].push((record.key.clone(), record.value.clone()));
    }
    for (key, found) in by_key.iter().enumerate() {
        let mine: Vec<_> = sent().into_iter().skip(key).step_by(7).collect();
        assert_eq!(*found, mine, "{topic}: key k{key}");
    }
}

/// Goes each of `ways` with each codec. Only the principal that is expected may write to the topic.
pub(crate) fn deliver_and_read_back(cluster: &KafkaCluster, ways: &[Way]) {
    let started = Instant::now();
    let mut topics = Vec::new();
    for (file, principal) in ways {
        for codec in CODECS {
            let topic = format!("{file}-{codec}");
            cluster.create_topic(&topic, 3, 1).expect("a topic");
            cluster.let_only(principal, &topic).expect("a rule");
            deliver(config(cluster, file, &[("compression.type", codec), ("linger.ms", "5")]), &topic);
            topics.push(topic);
        }
    }
    let delivered = started.elapsed();
    let read = read_topics(cluster, &topics);
    for (topic, records) in &read {
        assert_whole(topic, records);
    }
    eprintln!(
        "    {} topics delivered in {delivered:.1?}, read back in {:.1?}",
        topics.len(),
        started.elapsed() - delivered
    );
}

/// A login line of Kafka's own modules.
pub(crate) fn jaas(module: &str, user: &str, password: &str) -> String {
    format!("org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{password}\";")
}

/// What `connect` and then `send` say to the settings of `file` with `more`, both within `max.block.ms`.
fn refusals(cluster: &KafkaCluster, file: &str, more: &[(&str, &str)]) -> [String; 2] {
    let more = [more, &[("max.block.ms", "3000")]].concat();
    let producer = Producer::new(config(cluster, file, &more)).expect("the settings are lawful");
    let connect = producer.connect().expect_err("it is refused").to_string();
    let send = producer.send(ProducerRecord::to("refused").value("v")).err();
    let send = send.unwrap_or_else(|| panic!("a record was taken: {file} {more:?}")).to_string();
    [connect, send]
}

pub(crate) fn assert_told(cluster: &KafkaCluster, file: &str, more: &[(&str, &str)], words: &[&str]) {
    for told in refusals(cluster, file, more) {
        for word in words {
            assert!(told.contains(word), "{file} {more:?}: {word:?} is missing in: {told}");
        }
        assert!(!told.contains("secret"), "{told}");
    }
}
