//! A callback for each record: `send_with` returns when the record is accepted, and the callback runs once, when its outcome
//! is known, in the order of acceptance for each partition. It runs on the network thread, so it must not block.
//!
//! `cargo run -p kp-examples --bin callback` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let producer = Producer::builder(config).build()?;

    let acknowledged = Arc::new(AtomicU32::new(0));
    for number in 0..10 {
        let acknowledged = Arc::clone(&acknowledged);
        let value = format!("message {number}");
        let record = ProducerRecord::to("kp-callback").key("one key: one partition").value(&value);
        producer
            .send_with(record, move |outcome| match outcome {
                Ok(written) => {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    println!("message {number} is at offset {:?}", written.offset());
                }
                Err(error) => eprintln!("message {number}: {error}; in the log: {}", error.certainty()),
            })
            .await?;
    }

    // Not until linger.ms has passed, but now; returns when every callback has run.
    producer.flush().await?;
    println!("{} of 10 acknowledged", acknowledged.load(Ordering::Relaxed));
    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
