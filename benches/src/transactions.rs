//! A run in transactions, one after the other: begin, so many records, commit. Owns its producer.

use crate::{Args, Outcomes, payloads};
use kp_producer::blocking::TransactionalProducer;
use kp_producer::{ProducerConfig, ProducerRecord};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends the records of the run in transactions of `args.txn`, from one thread. Answers how long that took, without the first
/// transaction, which finds the topic and gets a producer id before the clock starts.
///
/// # Errors
/// A transaction that is not committed, or settings that make no producer.
pub fn in_transactions(args: &Args, mut config: ProducerConfig) -> Result<(Duration, Outcomes), Failure> {
    config.set("transactional.id", format!("kp-bench-{}", std::process::id()))?;
    let mut producer = TransactionalProducer::new(config)?;
    let values = payloads(args.size);
    let mut outcomes = Outcomes::none();
    one(&mut producer, &args.topic, &values[..1], &mut outcomes)?;
    outcomes = Outcomes::none();
    let start = Instant::now();
    let mut sent = 0;
    while sent < args.records {
        let size = args.txn.min(args.records - sent);
        let values = (sent..sent + size).map(|number| &values[(number & 1023) as usize]);
        one(&mut producer, &args.topic, values, &mut outcomes)?;
        sent += size;
    }
    let took = start.elapsed();
    outcomes.failed += producer.close(Duration::from_secs(30))?.undelivered;
    Ok((took, outcomes))
}

/// One transaction of these values; what becomes of each of them, the commit tells for all.
fn one<'a>(
    producer: &mut TransactionalProducer,
    topic: &str,
    values: impl IntoIterator<Item = &'a Vec<u8>>,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let transaction = producer.begin()?;
    for value in values {
        drop(transaction.send(ProducerRecord::to(topic).value(value))?);
    }
    let at = Instant::now();
    outcomes.ok += transaction.commit()?.records;
    outcomes.latency.saturating_record((at.elapsed().as_micros() as u64).max(1));
    outcomes.commits += 1;
    Ok(())
}
