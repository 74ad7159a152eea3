//! Send fast and check later: `Deliveries` keeps what `send` gives, takes neighbours of one batch as one, and hands the
//! outcomes out in the order of the sends. No allocation for a record, and every outcome is looked at.
//!
//! `cargo run -p kp-examples --bin deliveries` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Deliveries, DeliveryError, Producer, ProducerConfig, ProducerRecord};
use std::time::Duration;

const RECORDS: usize = 50_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let producer = Producer::builder(config).build()?;

    let mut deliveries = Deliveries::new();
    let mut tally = Tally::default();
    for number in 0..RECORDS {
        let value = format!("reading {number}");
        deliveries.push(producer.send(ProducerRecord::to("kp-deliveries").value(&value)).await?);
        // Now and then: take what is done, wait for nothing. The list stays short.
        if number % 1_000 == 0 {
            while let Some(done) = deliveries.try_next() {
                tally.take(done.records(), done.into_result().err());
            }
        }
    }
    while let Some(done) = deliveries.next().await {
        tally.take(done.records(), done.into_result().err());
    }
    println!("{} records written in {} runs, {} failed", tally.written, tally.runs, tally.failed);

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    if tally.written == RECORDS { Ok(()) } else { Err("not all were written".into()) }
}

#[derive(Default)]
struct Tally {
    written: usize,
    failed: usize,
    runs: usize,
}

impl Tally {
    /// The outcome of some records of one batch.
    fn take(&mut self, records: usize, error: Option<DeliveryError>) {
        self.runs += 1;
        match error {
            None => self.written += records,
            Some(error) => {
                self.failed += records;
                println!("{records} records: {error}; in the log: {}", error.certainty());
            }
        }
    }
}
