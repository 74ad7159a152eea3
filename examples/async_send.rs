//! The first steps: send a record from async code and wait for its outcome before the next one. Easy to reason about, and
//! slow: every record costs a round trip. `deliveries`, `callback`, `token` and `many_tasks` show the fast ways.
//!
//! `cargo run -p kp-examples --bin async_send` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example prints and measures")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    // Nothing to wait for here: a batch would only hold one record anyway.
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap()).linger(Duration::ZERO);
    let producer = Producer::builder(config).build()?;

    for number in 0..5 {
        let start = Instant::now();
        let value = format!("message {number}");
        // The first await: metadata and memory. The second: what became of the record.
        let written = producer.send(ProducerRecord::to("kp-async-send").value(&value)).await?.await?;
        println!(
            "{value}: {}-{} @ {:?} after {:?}",
            written.topic(),
            written.partition(),
            written.offset(),
            start.elapsed()
        );
    }

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
