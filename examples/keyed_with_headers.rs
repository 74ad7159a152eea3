//! Keys, headers, timestamps, tombstones. Records of one key go to one partition, the one that Java's client would choose,
//! and stay in their order there.
//!
//! `cargo run -p kp-examples --bin keyed_with_headers` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::time::Duration;

const TOPIC: &str = "kp-keyed";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let mut config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    config.set("compression.type", "lz4")?;
    let producer = Producer::builder(config).build()?;

    let mut deliveries = Vec::new();
    for number in 0..6 {
        // Everything is borrowed: `send` copies the bytes into the batch before it returns.
        let (key, value) = (format!("customer-{}", number % 2), format!("{{\"order\":{number}}}"));
        let record = ProducerRecord::to(TOPIC)
            .key(&key)
            .value(&value)
            .header("content-type", "application/json")
            .header("attempt", &[1u8])
            .timestamp_ms(1_700_000_000_000 + number);
        deliveries.push((key.clone(), producer.send(record).await?));
    }
    for (key, delivery) in deliveries {
        let written = delivery.await?;
        println!(
            "{key}: partition {} @ {:?}, at {} ms",
            written.partition(),
            written.offset(),
            written.timestamp_ms()
        );
    }

    // Without a value it is a tombstone: a compacted topic forgets the key.
    let tombstone = producer.send(ProducerRecord::to(TOPIC).key("customer-0")).await?.await?;
    println!("tombstone for customer-0: partition {}", tombstone.partition());
    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
