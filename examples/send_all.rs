//! Many records in one call, with one handle for all of their outcomes, in their order; what is not accepted comes back.
//!
//! `cargo run -p kp-examples --bin send_all` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let producer = Producer::builder(config).build()?;

    let lines: Vec<String> = (0..1_000).map(|number| format!("line {number}")).collect();
    let records = lines.iter().map(|line| ProducerRecord::to("kp-all").value(line));
    let outcomes = producer.send_all(records).await?.await;
    println!("{} of {} lines written", outcomes.written(), outcomes.len());
    for (line, error) in outcomes.errors() {
        println!("line {line}: {error}");
    }

    // The second is too large: what was before it is accepted, it comes back, and the rest is still in the iterator.
    let large = vec![0; 2_000_000];
    let values = [&b"one"[..], &large, b"three"];
    let mut records = values.iter().map(|value| ProducerRecord::to("kp-all").value(value));
    if let Err(refused) = producer.send_all(records.by_ref()).await {
        println!("{} accepted, one came back: {}", refused.accepted.len(), refused.error);
        println!("{} of those written", refused.accepted.await.written());
        println!("{} of the rest written", producer.send_all(records).await?.await.written());
    }

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
