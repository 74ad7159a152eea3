//! Without async: the same calls, blocking the thread, as with the Java client. No executor is needed or started.
//!
//! `cargo run -p kp-examples --bin blocking` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{ProducerConfig, ProducerRecord, blocking::Producer};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let producer = Producer::new(ProducerConfig::default().bootstrap_servers(kafka.bootstrap()))?;

    let partitions = producer.partitions_for("kp-blocking")?;
    println!("kp-blocking has {} partition(s)", partitions.len());

    // Ten are sent, then ten are waited for: they share batches and round trips.
    let mut deliveries = Vec::new();
    for number in 0..10 {
        let value = format!("message {number}");
        deliveries.push(producer.send(ProducerRecord::to("kp-blocking").value(&value))?);
    }
    for (number, delivery) in deliveries.into_iter().enumerate() {
        let written = delivery.wait()?;
        println!("message {number}: {}-{} @ {:?}", written.topic(), written.partition(), written.offset());
    }

    let closed = producer.close(Duration::from_secs(10))?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
