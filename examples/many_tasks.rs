//! Many tasks, each awaiting its own record, as the handlers of a web service do: every one waits a round trip, and all of
//! them together share batches. The handle is cheap to clone; all clones are one producer.
//!
//! `cargo run -p kp-examples --bin many_tasks` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let producer = Producer::builder(config).build()?;

    let mut requests = JoinSet::new();
    for number in 0..500 {
        requests.spawn(handle(producer.clone(), number));
    }
    let mut answered = 0;
    while let Some(answer) = requests.join_next().await {
        answer??;
        answered += 1;
    }
    let metrics = producer.metrics();
    println!("{answered} requests answered, each after its record was acknowledged");
    println!("{:?} requests to the brokers, in all", metrics.counter("request-total"));

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}

/// What a handler of a web service would do: answer when the record is safe.
async fn handle(producer: Producer, number: u32) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let value = format!("{{\"request\":{number}}}");
    let written = producer.send(ProducerRecord::to("kp-requests").value(&value)).await?.await?;
    Ok(format!("stored at {}-{} @ {:?}", written.topic(), written.partition(), written.offset()))
}
