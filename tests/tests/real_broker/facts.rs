//! What Kafka's brokers do with numbered batches, seen over a plain socket: the facts that the five rules of idempotence
//! stand on (docs/delivery-guarantees.md). Needs Java 17 and Maven.

use kp_protocol::api::{InitProducerIdRequest, PartitionProduceResponse};
use kp_protocol::{BatchIdentity, ErrorCode, ProducerIdentity, Sequence};
use kp_tests::socket::Socket;
use xtask::kafka::{KafkaCluster, Options};

use crate::{one_batch, turn};

/// Produce by name, all fields that are needed.
const PRODUCE: i16 = 9;

/// A connection, and a producer id of its own.
struct Teller {
    socket: Socket,
    producer_id: i64,
}

impl Teller {
    fn new(cluster: &KafkaCluster) -> Self {
        let mut socket = Socket::to(cluster);
        let request = InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() };
        // A fresh cluster answers 14 at first.
        let producer_id = loop {
            let answer = socket.ask(4, &request).expect("an answer");
            if answer.error_code.is_ok() {
                break answer.producer_id;
            }
            assert_eq!(answer.error_code, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        Self { socket, producer_id }
    }

    /// Sends `values` as one batch under this epoch and first sequence; the broker's answer.
    fn send(&mut self, topic: &str, epoch: i16, sequence: i32, values: &[&str]) -> PartitionProduceResponse {
        let producer = ProducerIdentity { producer_id: self.producer_id, epoch };
        let identity = BatchIdentity { producer, base_sequence: Sequence(sequence), transactional: false };
        let request = one_batch::request(topic, identity, values);
        let answer = self.socket.ask(PRODUCE, &request).expect("an answer");
        answer.responses[0].partition_responses[0].clone()
    }

    /// The same, which the broker must take; the offset it gives.
    fn appended(&mut self, topic: &str, epoch: i16, sequence: i32, values: &[&str]) -> i64 {
        let answer = self.send(topic, epoch, sequence, values);
        assert_eq!(answer.error_code, ErrorCode::NONE, "{topic}: epoch {epoch}, sequence {sequence}");
        answer.base_offset
    }
}

/// A topic of one partition that is ready.
fn topic<'a>(cluster: &KafkaCluster, name: &'a str) -> &'a str {
    cluster.create_topic(name, 1, 1).expect("a topic");
    cluster.wait_until_led(name, 1).expect("it is led");
    name
}

fn records_in(cluster: &KafkaCluster, topic: &str) -> u64 {
    cluster.records_in(topic).expect("the log's end")
}

#[test]
fn what_the_five_rules_of_idempotence_stand_on() {
    let _turn = turn::alone();
    let cluster = KafkaCluster::start(&Options::default()).expect("Kafka starts");
    a_broker_knows_the_last_five_batches_of_a_producer_again_and_no_older_one(&cluster);
    a_broker_takes_any_first_number_of_a_producer_that_it_does_not_know(&cluster);
    a_broker_compares_numbers_and_never_content(&cluster);
    the_same_records_are_appended_again_under_a_new_epoch_which_begins_at_zero(&cluster);
    an_acknowledged_number_proves_every_lower_one_of_its_epoch_written(&cluster);
    cluster.stop().expect("Kafka stops");
}

/// Rule i: no more than five of a partition may be unanswered, or a retry could be taken for new. ID4, ID9
fn a_broker_knows_the_last_five_batches_of_a_producer_again_and_no_older_one(cluster: &KafkaCluster) {
    let (topic, mut teller) = (topic(cluster, "rule-1"), Teller::new(cluster));
    for sequence in 0..6 {
        assert_eq!(teller.appended(topic, 0, sequence, &["v"]), i64::from(sequence));
    }
    for sequence in 1..6 {
        let again = teller.appended(topic, 0, sequence, &["v"]);
        assert_eq!(again, i64::from(sequence), "the offset it had: recognised");
    }
    let too_old = teller.send(topic, 0, 0, &["v"]);
    assert_eq!(too_old.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "the sixth back is not");
    assert_eq!(records_in(cluster, topic), 6);
}

/// Rule ii: one alone until the first success, for the second would be taken without the first. ID4
fn a_broker_takes_any_first_number_of_a_producer_that_it_does_not_know(cluster: &KafkaCluster) {
    let (topic, mut teller) = (topic(cluster, "rule-2"), Teller::new(cluster));
    assert_eq!(teller.appended(topic, 0, 7, &["the second"]), 0);
    let first = teller.send(topic, 0, 6, &["the first"]);
    assert_eq!(first.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "too late: order is lost for good");
    assert_eq!(records_in(cluster, topic), 1);
}

/// Rule iii: a batch of unknown outcome keeps its number, and its number keeps the batch. ID3, ID9
fn a_broker_compares_numbers_and_never_content(cluster: &KafkaCluster) {
    let (topic, mut teller) = (topic(cluster, "rule-3"), Teller::new(cluster));
    assert_eq!(teller.appended(topic, 0, 0, &["one", "two"]), 0);
    let other = teller.appended(topic, 0, 0, &["quite", "another"]);
    assert_eq!(other, 0, "acknowledged as the first, and dropped");
    assert_eq!(records_in(cluster, topic), 2);
    assert_eq!(
        teller.appended(topic, 0, 2, &["one", "two"]),
        2,
        "the same content under other numbers is new"
    );
    assert_eq!(records_in(cluster, topic), 4);
}

/// Rule iv: an epoch is bumped only when nothing is unanswered, and what may be written is not numbered anew. ID6, ID8
fn the_same_records_are_appended_again_under_a_new_epoch_which_begins_at_zero(cluster: &KafkaCluster) {
    let (topic, mut teller) = (topic(cluster, "rule-4"), Teller::new(cluster));
    assert_eq!(teller.appended(topic, 0, 0, &["once"]), 0);
    let not_zero = teller.send(topic, 1, 1, &["once"]);
    assert_eq!(not_zero.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "a new epoch begins at 0");
    assert_eq!(teller.appended(topic, 1, 0, &["once"]), 1, "a duplicate that the broker does not recognise");
    let old = teller.send(topic, 0, 1, &["late"]);
    assert_eq!(old.error_code, ErrorCode::INVALID_PRODUCER_EPOCH, "what was under way is cut off");
    assert_eq!(records_in(cluster, topic), 2);
}

/// Rule v: a gap is never filled behind an acknowledgement. ID7, ID12
fn an_acknowledged_number_proves_every_lower_one_of_its_epoch_written(cluster: &KafkaCluster) {
    let (topic, mut teller) = (topic(cluster, "rule-5"), Teller::new(cluster));
    assert_eq!(teller.appended(topic, 0, 0, &["a", "b"]), 0);
    let gap = teller.send(topic, 0, 3, &["behind a gap"]);
    assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(records_in(cluster, topic), 2, "nothing of it was appended");
    assert_eq!(teller.appended(topic, 0, 2, &["c"]), 2);
    assert_eq!(teller.appended(topic, 0, 3, &["d"]), 3, "only now");
}
