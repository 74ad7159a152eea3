//! One consumer for all outcomes, as a task of its own: they wait for it in a queue with a bound, and who sends waits when it
//! is full. For outcomes whose handling takes time, which a callback may not.
//!
//! `cargo run -p kp-examples --bin acks` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{AckStream, Producer, ProducerConfig, ProducerRecord};
use std::collections::BTreeMap;
use std::time::Duration;

const RECORDS: u64 = 5_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    // At most a thousand records are between `send_tagged` and the taking of their outcomes.
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let (builder, acks) = Producer::builder(config).acks(1_000);
    let producer = builder.build()?;
    let consumer = tokio::spawn(consume(acks));

    for number in 0..RECORDS {
        let value = format!("record {number}");
        producer.send_tagged(ProducerRecord::to("kp-acks").value(&value), number).await?;
    }
    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("{} acknowledged", consumer.await?);
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}

/// Takes outcomes until the producer has ended; answers how many records were acknowledged.
async fn consume(mut acks: AckStream) -> u64 {
    let (mut acknowledged, mut last) = (0, BTreeMap::new());
    while let Some(ack) = acks.recv().await {
        match ack.error() {
            None => {
                acknowledged += 1;
                last.insert(ack.partition(), ack.offset());
            }
            Some(error) => println!("record {}: {error}", ack.token()),
        }
    }
    println!("last offsets: {last:?}");
    acknowledged
}
