//! The double answers about transactions what Apache Kafka was measured to answer: every case, as 4.3 and as 3.9.

use std::collections::BTreeSet;
use std::time::Duration;

use kp_protocol::ApiKey;
use kp_sim::conformance::{Needs, TransactionAsk, run_transactions_on, transaction_cases};
use kp_sim::{ClusterSettings, KafkaVersion, TransactionSettings};

use crate::answers::SimWire;

/// A cluster that was not asked anything, whose coordinators look for old transactions as often as the cases want it.
fn settings(kafka_version: KafkaVersion) -> ClusterSettings {
    let transactions =
        TransactionSettings { timeout_scan: Duration::from_millis(200), ..TransactionSettings::default() };
    ClusterSettings { kafka_version, transactions, ..Default::default() }
}

/// How many cases were asked, and those that were answered otherwise.
fn differing(settings: ClusterSettings) -> (usize, Vec<String>) {
    let kafka_version = settings.kafka_version;
    let mut has = vec![Needs::FreshCluster, Needs::FastTimeouts];
    if kafka_version >= KafkaVersion::V4_3 {
        // Once is enough for the last epochs: both count alike, and it takes seconds.
        has.push(Needs::Patience);
    }
    let mut results =
        run_transactions_on(&mut SimWire::new(settings), kafka_version, &has, "transactions").unwrap();
    if kafka_version.accepts(ApiKey::OffsetFetch).is_none() {
        // It has no groups yet.
        let about_offsets: BTreeSet<_> = transaction_cases()
            .into_iter()
            .filter(|case| case.steps.iter().any(|step| matches!(step.ask, TransactionAsk::CommitOffset(_))))
            .map(|case| case.name)
            .collect();
        results.retain(|result| !about_offsets.contains(result.name));
    }
    let differing = results.iter().filter(|result| result.outcome.is_err()).map(ToString::to_string);
    (results.len(), differing.collect())
}

#[test]
fn the_state_machine_answers_about_transactions_as_kafka_does() {
    let (asked, differing) = differing(settings(KafkaVersion::V4_3));
    assert!(asked > 225, "only {asked} cases");
    assert!(differing.is_empty(), "{} of {asked} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn the_state_machine_answers_about_transactions_as_kafka_3_9_does_when_told_to() {
    let (asked, differing) = differing(settings(KafkaVersion::V3_9));
    assert!(asked > 175, "only {asked} cases");
    assert!(differing.is_empty(), "{} of {asked} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn a_double_that_answers_otherwise_about_transactions_is_found_out() {
    // The suite itself is worth something only if it can fail: 3.9 is asked what 4.3 would say.
    let mut wire = SimWire::new(settings(KafkaVersion::V3_9));
    let results = run_transactions_on(&mut wire, KafkaVersion::V4_3, &[], "transactions").unwrap();
    let differing: Vec<&str> =
        results.iter().filter(|result| result.outcome.is_err()).map(|result| result.name).collect();
    for name in [
        "what came with 4.0 closes the connection of a broker of 3.9",
        "an open transaction is aborted for its own instance, which goes on",
        "an epoch that is too high",
    ] {
        assert!(differing.contains(&name), "{name} is not among {differing:?}");
    }
    let alike = results.iter().filter(|result| result.outcome.is_ok()).count();
    assert!(alike > 150, "only {alike} are alike");
}
