//! Kafka's own judges of transactions: `kafka-transactions` and `DumpLogSegments`.

use std::collections::BTreeMap;

use kp_protocol::api::ProduceRequest;
use kp_protocol::{BatchIdentity, ErrorCode, ProducerIdentity, Sequence};
use kp_tests::socket::Socket;

use super::ground::Ground;
use super::outcomes::{DUMPED, ENDS, End};
use crate::one_batch;
use crate::until::wait_until;

const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";

/// The lines of one command of `kafka-transactions` below the first, by words.
fn transactions(ground: &Ground, command: &[&str]) -> Vec<Vec<String>> {
    let bootstrap = ground.cluster().bootstrap();
    let arguments = [&["--bootstrap-server", &bootstrap], command].concat();
    let output = ground.cluster().tool(TRANSACTIONS, &arguments).expect("kafka-transactions runs");
    let text = String::from_utf8(output).expect("a table");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    text.lines().skip(1).map(words).filter(|words: &Vec<String>| !words.is_empty()).collect()
}

/// The ids of transactions that have not ended, as `kafka-transactions list` says.
fn open(ground: &Ground) -> Vec<String> {
    let listed = transactions(ground, &["list"]);
    assert!(listed.len() > 10, "all producers of the test are listed: {listed:?}");
    // TransactionalId, Coordinator, ProducerId, TransactionState
    let is_open = |state: &str| !matches!(state, "Empty" | "CompleteCommit" | "CompleteAbort");
    listed.iter().filter(|words| is_open(&words[3])).map(|words| words[0].clone()).collect()
}

/// `list` finds the transaction that is open, and no other; `describe` knows its partitions.
pub(super) fn assert_only_open(ground: &Ground, id: &str) {
    std::thread::scope(|scope| {
        let described = scope.spawn(|| transactions(ground, &["describe", "--transactional-id", id]));
        assert_eq!(open(ground), [id], "{}: open transactions", ground.version());
        let described = described.join().expect("it is described").concat().join(" ");
        let partitions = (0..3).map(|partition| format!("{id}-{partition}"));
        assert!(described.contains("Ongoing"), "{described}");
        partitions.for_each(|partition| assert!(described.contains(&partition), "{described}"));
    });
}

/// `list` finds no transaction that has not ended.
pub(super) fn assert_none_open(ground: &Ground) {
    assert_eq!(open(ground), Vec::<String>::new(), "{}: open transactions", ground.version());
}

/// A transaction that no coordinator knows, which kp never leaves: written past the verification of brokers (KIP-890), so that it
/// is known that the search for hanging ones finds what there is.
#[derive(Debug)]
pub(super) struct HandMade {
    topic: String,
}

impl HandMade {
    const PRODUCER_ID: i64 = 987_654_321;

    pub(super) fn leave(ground: &Ground) -> Self {
        let topic = ground.topic("hanging");
        let bootstrap = ground.cluster().bootstrap();
        let unverified = "transaction.partition.verification.enable=false";
        let change = ["--alter", "--entity-type", "brokers", "--entity-default", "--add-config", unverified];
        let arguments = [&["--bootstrap-server", &bootstrap], &change[..]].concat();
        ground.cluster().tool(CONFIGS, &arguments).expect("kafka-configs runs");
        let leader = ground.cluster().leader(&topic, 0).expect("metadata").expect("it is led");
        let mut socket = Socket::to_broker(ground.cluster(), leader);
        let request = Self::produce(&topic);
        let is_taken = || {
            let answer = socket.ask(9, &request).expect("an answer");
            let code = answer.responses[0].partition_responses[0].error_code;
            assert!(
                code.is_ok() || code == ErrorCode::INVALID_PRODUCER_ID_MAPPING,
                "the batch was refused: {code}"
            );
            code.is_ok()
        };
        wait_until(is_taken, "a broker that verifies nothing");
        Self { topic }
    }

    fn produce(topic: &str) -> ProduceRequest {
        let producer = ProducerIdentity { producer_id: Self::PRODUCER_ID, epoch: 0 };
        let identity = BatchIdentity { producer, base_sequence: Sequence(0), transactional: true };
        let request = one_batch::request(topic, identity, &["hanging"]);
        ProduceRequest { transactional_id: Some("hanging".into()), ..request }
    }
}

/// `find-hanging` finds what was left by hand, and nothing else in the whole cluster: each partition has a replica on broker 1.
pub(super) fn assert_only_hanging(ground: &Ground, by_hand: &HandMade) {
    let find = ["find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"];
    let found: Vec<String> = transactions(ground, &find).iter().map(|words| words[..3].join(" ")).collect();
    // Topic, Partition, ProducerId
    let expected = format!("{} 0 {}", by_hand.topic, HandMade::PRODUCER_ID);
    assert_eq!(found, [expected], "{}: hanging transactions", ground.version());
}

/// What the log of a partition says, batch by batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Records { epoch: i64, first: i64, last: i64 },
    Marker { epoch: i64, is_commit: bool },
}

/// TX25, TX27, TM-L8: the log has the records of each transaction under one epoch, and one marker behind them, which says how it
/// ended; by the newer protocol that has the next epoch, and sequences begin anew, by the older all have the same.
pub(super) fn assert_epochs_and_markers(ground: &Ground) {
    let dump = ground.cluster().dump_log(DUMPED, 0).expect("DumpLogSegments runs");
    let mut entries = entries_of(&dump).into_iter().peekable();
    let (mut next_epoch, mut next_sequence) = (0, 0);
    for (number, end) in ENDS.into_iter().enumerate() {
        let what = format!("{}, transaction {number}", ground.version());
        let mut batches = 0;
        while let Some(&Entry::Records { epoch, first, last }) = entries.peek() {
            assert_eq!((epoch, first), (next_epoch, next_sequence), "{what}:\n{dump}");
            next_sequence = last + 1;
            batches += 1;
            entries.next();
        }
        assert!(batches > 0, "{what} has records:\n{dump}");
        if ground.has_second_protocol() {
            (next_epoch, next_sequence) = (next_epoch + 1, 0);
        }
        let marker = Entry::Marker { epoch: next_epoch, is_commit: end == End::Commit };
        assert_eq!(entries.next(), Some(marker), "{what}:\n{dump}");
    }
    assert_eq!(entries.next(), None, "{dump}");
}

fn entries_of(dump: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut epoch = -1;
    for line in dump.lines() {
        let words: BTreeMap<&str, &str> = words_of(line);
        let number =
            |name: &str| -> i64 { words[name].parse().unwrap_or_else(|_| panic!("{name} in {line}")) };
        if line.starts_with("baseOffset: ") {
            assert_eq!(words["isTransactional"], "true", "{line}");
            epoch = number("producerEpoch");
            if words["isControl"] == "false" {
                let (first, last) = (number("baseSequence"), number("lastSequence"));
                entries.push(Entry::Records { epoch, first, last });
            }
        } else if let Some(kind) = words.get("endTxnMarker") {
            entries.push(Entry::Marker { epoch, is_commit: *kind == "COMMIT" });
        }
    }
    entries
}

/// `name: value name: value …`
fn words_of(line: &str) -> BTreeMap<&str, &str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let named = words.windows(2).filter_map(|pair| Some((pair[0].strip_suffix(':')?, pair[1])));
    named.collect()
}
