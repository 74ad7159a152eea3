//! The coordinator of a transactional id: where it is, what it knows of the id, and how long it lets a transaction stay open.
//! Looks only: an InitProducerId would shut out the producer that has the id now. (The first look-up of a cluster's life makes the
//! brokers create the log of their coordinators.)

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kp_producer::config::Settings;
use kp_protocol::{
    ApiKey, ErrorCode, VersionRange,
    api::{
        Coordinator, DescribeTransactionsRequest, DescribeTransactionsTransactionState,
        FindCoordinatorRequest,
    },
    text::shown,
};

use super::{
    listener::{Spoken, written},
    report::{Ailment, Report},
    topic::{self, Asked},
};
use crate::reader::ReaderError;

const STEP: &str = "transactions";

/// What FindCoordinator calls transactional ids; version 0 asks for groups only.
const TRANSACTION: i8 = 1;
const TYPES: VersionRange = VersionRange::new(1, i16::MAX);
/// From this version on it takes many keys.
const KEYS_FROM: i16 = 4;

/// How often a coordinator is asked for, and how long is waited in between.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(250);

/// Looks for the coordinator of `transactional.id`, if that is set. `works` are the brokers that can be reached.
pub(super) fn examine(
    report: &mut Report,
    asked: &Asked<'_>,
    spoken: &mut Spoken,
    works: &BTreeMap<i32, (String, u16)>,
    settings: &Settings,
) {
    let Some(id) = settings.transactional_id.as_deref() else { return };
    let Ok(version) = spoken.connection.version_within(ApiKey::FindCoordinator, TYPES) else {
        let found = "transactional.id is set, and the brokers know no transactions (Kafka 0.11 and newer do)";
        report.failed(STEP, Ailment::new(found, "send without transactional.id, or use newer brokers"));
        return;
    };
    let coordinator = match find(spoken, version, id) {
        Ok(coordinator) => coordinator,
        Err(error) => return report.failed(STEP, not_found(id, &error)),
    };
    let broker = coordinator.node_id;
    let port = u16::try_from(coordinator.port).unwrap_or_default();
    let at = written(&coordinator.host, port);
    let Some((host, port)) = works.get(&broker) else {
        let found =
            format!("{}: its coordinator is broker {broker} at {at}, which cannot be reached", shown(id));
        report.failed(STEP, Ailment::new(found, "fix what `listeners` says above"));
        return;
    };
    let known = describe(asked, host, *port, id);
    let state = known.map_or_else(String::new, |known| format!(": {}", words(&known, now_ms())));
    let protocol = protocol(spoken);
    report.ok(STEP, format!("{}: its coordinator is broker {broker} at {at}{state}; {protocol}", shown(id)));
    limit(report, asked, settings.transaction_timeout);
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

/// With a little of a producer's patience: a fresh cluster has no coordinators for a moment.
fn find(spoken: &mut Spoken, version: i16, id: &str) -> Result<Coordinator, ReaderError> {
    let mut request = FindCoordinatorRequest { key_type: TRANSACTION, ..FindCoordinatorRequest::default() };
    if version >= KEYS_FROM {
        request.coordinator_keys = vec![id.into()];
    } else {
        request.key = id.into();
    }
    let mut attempts = 1;
    loop {
        let mut answer = spoken.caller.call(&spoken.connection, version, &request)?;
        let found = answer.coordinators.pop().unwrap_or(Coordinator {
            node_id: answer.node_id,
            host: answer.host,
            port: answer.port,
            error_code: answer.error_code,
            ..Coordinator::default()
        });
        if !found.error_code.is_retriable() || attempts == ATTEMPTS {
            ReaderError::check("its coordinator", found.error_code, None)?;
            return Ok(found);
        }
        attempts += 1;
        spoken.caller.rest(BETWEEN_ATTEMPTS)?;
    }
}

fn not_found(id: &str, error: &ReaderError) -> Ailment {
    let remedy = match error {
        ReaderError::Refused { code: ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, .. } => format!(
            "allow it: kafka-acls.sh --add --operation Write --operation Describe --transactional-id {} \
             --allow-principal User:… --bootstrap-server …",
            shown(id)
        ),
        ReaderError::Refused { code, .. } if code.is_retriable() => {
            "the cluster is starting, or brokers with the log of the coordinators are down: start them"
                .to_owned()
        }
        _ => "look into the broker's log".to_owned(),
    };
    Ailment::new(format!("{}: {error}", shown(id)), remedy)
}

/// What the coordinator knows of the id; `None` if it does not tell (Kafka before 3.0, or a missing right).
fn describe(
    asked: &Asked<'_>,
    host: &str,
    port: u16,
    id: &str,
) -> Option<DescribeTransactionsTransactionState> {
    let mut caller = asked.way.caller(None).ok()?;
    let connection = caller.connect(host, port).ok()?;
    let version = connection.version(ApiKey::DescribeTransactions).ok()?;
    let request = DescribeTransactionsRequest { transactional_ids: vec![id.into()], ..Default::default() };
    caller.call(&connection, version, &request).ok()?.transaction_states.pop()
}

fn words(known: &DescribeTransactionsTransactionState, now_ms: i64) -> String {
    match known.error_code {
        ErrorCode::NONE => {}
        ErrorCode::TRANSACTIONAL_ID_NOT_FOUND => return "no producer has had the id yet".to_owned(),
        code => return format!("what it knows it does not tell ({code})"),
    }
    let who = format!("producer id {}, epoch {}", known.producer_id, known.producer_epoch);
    let state = shown(&known.transaction_state);
    if known.transaction_state.as_str() != "Ongoing" {
        return format!("{who}, {state}");
    }
    let seconds = now_ms.saturating_sub(known.transaction_start_time_ms).max(0) / 1000;
    let partitions: usize = known.topics.iter().map(|topic| topic.partitions.len()).sum();
    format!(
        "{who}, {state} for {seconds} s with {partitions} partitions, of at most {} s",
        known.transaction_timeout_ms / 1000
    )
}

/// By which rules transactions go (KIP-890).
fn protocol(spoken: &Spoken) -> String {
    match spoken.connection.versions().transaction_version() {
        Some(version) if version.level >= 2 => format!("transaction.version {}", version.level),
        Some(version) => {
            format!("transaction.version {}: upgrade it for the defences of KIP-890", version.level)
        }
        None => "before transaction.version".to_owned(),
    }
}

/// Whether the brokers let a transaction stay open for as long as the producer wants to.
fn limit(report: &mut Report, asked: &Asked<'_>, timeout: Duration) {
    let Some(limit) = topic::longest_transaction(asked) else { return };
    let (wanted, allowed) = (timeout.as_millis(), limit.as_millis());
    if timeout > limit {
        report.failed(STEP, Ailment::new(
            format!("transaction.timeout.ms={wanted} is above what the brokers allow (transaction.max.timeout.ms={allowed})"),
            format!("set transaction.timeout.ms={allowed} or less, or raise the brokers' limit"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_coordinator_knows_is_told_in_words() {
        let known = DescribeTransactionsTransactionState {
            transaction_state: "CompleteCommit".into(),
            producer_id: 7,
            producer_epoch: 3,
            transaction_start_time_ms: 10_000,
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        assert_eq!(words(&known, 15_000), "producer id 7, epoch 3, CompleteCommit");
        let ongoing =
            DescribeTransactionsTransactionState { transaction_state: "Ongoing".into(), ..known.clone() };
        let expected = "producer id 7, epoch 3, Ongoing for 5 s with 0 partitions, of at most 60 s";
        assert_eq!(words(&ongoing, 15_000), expected);
        let code = ErrorCode::TRANSACTIONAL_ID_NOT_FOUND;
        let absent = DescribeTransactionsTransactionState { error_code: code, ..known };
        assert_eq!(words(&absent, 0), "no producer has had the id yet");
    }

    // TX31
    #[test]
    fn who_may_not_use_the_id_is_told_which_right_is_missing() {
        let refused = ReaderError::Refused {
            what: "its coordinator".to_owned(),
            code: ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            message: None,
        };
        assert!(not_found("billing", &refused).remedy.contains("--transactional-id billing"));
    }
}
