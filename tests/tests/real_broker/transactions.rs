//! What real brokers answer about transactions is what the cases of the double say, row by row of the table of measured answers.
//! Needs Java 17 and Maven.
//!
//! One broker, without the cases about the last epochs, unless `KP_FULL=1`: then all of both. Which one, CI's turn says (`KP_TURN`, the
//! number of it): 3.9.1 has one of three, 4.3.0 the others.

use kp_sim::KafkaVersion;
use kp_sim::conformance::{self, Needs};
use xtask::kafka::{KafkaCluster, Options};

use crate::turn;

/// With it the coordinator looks for old transactions as often as the cases want it to.
const FAST_TIMEOUTS: (&str, &str) = ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "200");

#[test]
fn a_broker_of_4_3_answers_about_transactions_as_the_cases_say() {
    if is_full() || !is_turn_of_3_9() {
        assert_conforms("4.3.0", KafkaVersion::V4_3);
    }
}

#[test]
fn a_broker_of_3_9_answers_about_transactions_as_the_cases_say() {
    if is_full() || is_turn_of_3_9() {
        assert_conforms("3.9.1", KafkaVersion::V3_9);
    }
}

fn is_full() -> bool {
    std::env::var_os("KP_FULL").is_some()
}

/// The turn that has least else to do.
fn is_turn_of_3_9() -> bool {
    std::env::var_os("KP_TURN").is_some_and(|turn| turn == "1")
}

fn assert_conforms(version: &str, kafka: KafkaVersion) {
    let _turn = turn::alone();
    let settings = vec![(FAST_TIMEOUTS.0.to_owned(), FAST_TIMEOUTS.1.to_owned())];
    let options = Options { version: version.to_owned(), settings, ..Options::default() };
    let cluster = KafkaCluster::start(&options).expect("Kafka starts");
    let address = cluster.address(1).expect("there is a broker 1").parse().expect("an address");
    let mut has = vec![Needs::FreshCluster, Needs::FastTimeouts];
    if is_full() {
        has.push(Needs::Patience);
    }
    let results =
        conformance::run_transactions(address, kafka, &has, "transactions").expect("the broker is reached");
    let different: Vec<String> =
        results.iter().filter(|result| result.outcome.is_err()).map(ToString::to_string).collect();
    eprintln!("    {version}: {} cases about transactions, {} differ", results.len(), different.len());
    assert!(results.len() > 200, "only {} cases", results.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    cluster.stop().expect("Kafka stops");
}
