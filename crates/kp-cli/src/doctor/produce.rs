//! Producing, as far as it can be tried: without writing anything, or with one record.

use std::time::{Duration, Instant};

use kp_producer::{
    ProducerConfig, ProducerRecord, blocking,
    config::{Idempotence, Settings},
};
use kp_protocol::{
    ApiKey, ErrorCode,
    api::{InitProducerIdRequest, InitProducerIdResponse},
};

use super::{
    listener::Spoken,
    report::{Ailment, Report},
};
use crate::reader::ReaderError;

const STEP: &str = "produce";

/// What the record says that `--write` writes.
const RECORD: &str = "written by kp doctor --write";

/// How often a producer id is asked for, and how long is waited in between.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(250);

/// How long a record may take here, where the configuration says nothing about time.
const PATIENCE: [(&str, &str); 3] =
    [("max.block.ms", "15000"), ("request.timeout.ms", "10000"), ("delivery.timeout.ms", "20000")];

/// Asks for a producer id, as a producer does before its first batch (KIP-98). Nothing is written.
pub(super) fn try_dry(report: &mut Report, spoken: &mut Spoken, settings: &Settings) {
    if spoken.connection.version(ApiKey::Produce).is_err() {
        report.failed(
            STEP,
            Ailment::new(
                "the broker and kp have no version of Produce in common",
                "kp speaks with Apache Kafka 0.9.0 to 4.3: what is this broker?",
            ),
        );
        return;
    }
    if settings.idempotence == Idempotence::Off {
        report.skipped(
            STEP,
            "idempotence is off, so there is nothing to try without writing; --write writes one record",
        );
        return;
    }
    let Ok(version) = spoken.connection.version(ApiKey::InitProducerId) else {
        let found = "the broker gives no producer ids (Kafka 0.11 and newer do)";
        let remedy = "set enable.idempotence=false: the order is kept, a retry may write records twice";
        if settings.idempotence == Idempotence::On {
            report
                .failed(STEP, Ailment::new(format!("{found}, and enable.idempotence=true insists"), remedy));
        } else {
            report.warning(STEP, Ailment::new(format!("{found}: a retry may write records twice"), remedy));
        }
        return;
    };
    match ask_for_a_producer_id(spoken, version) {
        Ok(answer) if answer.error_code.is_ok() => {
            report.ok(STEP, "the broker gives a producer id, so idempotence works; nothing was written");
        }
        Ok(answer) => report.failed(STEP, no_producer_id(answer.error_code)),
        Err(error) => report.failed(STEP, Ailment::new(error.to_string(), "look into the broker's log")),
    }
}

/// With a little of a producer's patience: a fresh cluster says "not yet" for a moment.
fn ask_for_a_producer_id(spoken: &mut Spoken, version: i16) -> Result<InitProducerIdResponse, ReaderError> {
    let request =
        InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..InitProducerIdRequest::default() };
    for _ in 1..ATTEMPTS {
        let answer = spoken.caller.call(&spoken.connection, version, &request)?;
        if !answer.error_code.is_retriable() {
            return Ok(answer);
        }
        spoken.caller.rest(BETWEEN_ATTEMPTS)?;
    }
    spoken.caller.call(&spoken.connection, version, &request)
}

fn no_producer_id(code: ErrorCode) -> Ailment {
    let remedy = match code {
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
            "allow it: kafka-acls.sh --add --operation IdempotentWrite --cluster --allow-principal User:… --bootstrap-server …; \
             or set enable.idempotence=false"
        }
        code if code.is_retriable() => "the cluster is starting or moving things: ask again in a minute",
        _ => "look into the broker's log",
    };
    Ailment::new(format!("the broker gives no producer id: {code}"), remedy)
}

/// Sends one record with a real producer, and waits for its outcome.
pub(super) fn write_one(report: &mut Report, config: &ProducerConfig, topic: &str) {
    let begun = Instant::now();
    match send(impatient(config), topic) {
        Ok(place) => {
            let took = begun.elapsed().as_secs_f64() * 1000.0;
            report.ok(
                STEP,
                format!("one record is written: {place}, {took:.1} ms from nothing to the acknowledgement"),
            );
        }
        Err(why) => report.failed(
            STEP,
            Ailment::new(
                format!("one record was not acknowledged: {why}"),
                "the steps above say what may be in the way; else look into the brokers' logs",
            ),
        ),
    }
}

/// The configuration, with less patience than a producer has, unless it says otherwise.
fn impatient(config: &ProducerConfig) -> ProducerConfig {
    if PATIENCE.iter().any(|(key, _)| config.is_set(key)) || config.is_set("linger.ms") {
        return config.clone();
    }
    let mut quick = config.clone();
    // The values fit their keys, and each other.
    let set = PATIENCE.iter().all(|(key, value)| quick.set(key, *value).is_ok());
    if set { quick } else { config.clone() }
}

fn send(config: ProducerConfig, topic: &str) -> Result<String, String> {
    let producer = blocking::Producer::new(config).map_err(|error| error.to_string())?;
    let outcome = producer
        .send(ProducerRecord::to(topic).value(RECORD))
        .map_err(|error| error.to_string())
        .and_then(|delivery| {
            delivery.wait().map_err(|error| format!("{error} (in the log: {:?})", error.certainty()))
        });
    // Everything is settled; only a thread has to end.
    let _ = producer.close(Duration::from_secs(1));
    outcome.map(|written| match written.offset() {
        Some(offset) => format!("{topic}-{} at offset {offset}", written.partition()),
        None => format!("{topic}-{}, at an offset that acks=0 does not tell", written.partition()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_has_less_patience_unless_told_otherwise() {
        let plain = ProducerConfig::default().bootstrap_servers("h:1");
        let quick = impatient(&plain).validate().unwrap().settings;
        assert_eq!(
            (quick.max_block, quick.delivery_timeout),
            (Duration::from_secs(15), Duration::from_secs(20))
        );
        let told = plain.request_timeout(Duration::from_secs(7));
        assert_eq!(impatient(&told), told);
    }

    #[test]
    fn who_may_not_have_a_producer_id_is_told_which_right_is_missing() {
        let ailment = no_producer_id(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
        assert!(ailment.remedy.contains("IdempotentWrite"), "{ailment:?}");
        assert!(no_producer_id(ErrorCode::COORDINATOR_NOT_AVAILABLE).remedy.contains("ask again"));
    }
}
