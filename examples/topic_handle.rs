//! A handle for who sends many records to one topic: it looks the topic up once for each metadata, not for each record.
//!
//! `cargo run -p kp-examples --bin topic_handle` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Deliveries, ProducerConfig, blocking::Producer};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let producer = Producer::new(ProducerConfig::default().bootstrap_servers(kafka.bootstrap()))?;

    // Can go to another thread, and each thread has its own.
    let readings = producer.topic("kp-readings");
    let mut deliveries = Deliveries::new();
    for number in 0..10_000u64 {
        deliveries.push(readings.send_blocking(readings.record().value(&number.to_be_bytes()))?);
    }
    let mut written = 0;
    while let Some(done) = deliveries.wait_next()? {
        written += done.into_result()?.len();
    }
    println!("{written} readings of 8 bytes written to {}", readings.name());

    let closed = producer.close(Duration::from_secs(10))?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
