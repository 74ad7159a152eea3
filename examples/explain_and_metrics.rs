//! Looking into a running producer: what waits and why (`explain`), what it promises (`guarantees`), what it noticed about
//! its configuration (`warnings`), and its metrics under Java's names.
//!
//! `cargo run -p kp-examples --bin explain_and_metrics` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let mut config =
        ProducerConfig::default().bootstrap_servers(kafka.bootstrap()).linger(Duration::from_secs(60));
    config.set("compression.typ", "lz4")?;
    let producer = Producer::builder(config).build()?;
    for warning in producer.warnings() {
        println!("warning: {warning}");
    }
    println!("{:?}", producer.guarantees());

    let mut deliveries = Vec::new();
    for number in 0..100 {
        let value = format!("message {number}");
        deliveries.push(producer.send(ProducerRecord::to("kp-explained").value(&value)).await?);
    }
    // linger.ms is a minute: the explanation says so.
    println!("{}", producer.explain());
    producer.flush().await?;
    for delivery in deliveries {
        delivery.await?;
    }

    let metrics = producer.metrics();
    for name in ["record-send-total", "record-error-total", "record-retry-total"] {
        println!("{name}: {:?}", metrics.counter(name));
    }
    println!("kp-explained: {:?} bytes", metrics.of_topic("kp-explained", "byte-total"));
    println!("{} of them in all", metrics.len());

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
