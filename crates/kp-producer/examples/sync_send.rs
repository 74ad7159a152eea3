//! The classic synchronous example: send, wait for the outcome, send the next. One round trip for each record; see
//! `async_callback` for the fast way. Both forms: `send(..).await?.await?`, and blocking.
//!
//! `cargo run -p kp-producer --example sync_send -- localhost:9092 my-topic`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example measures real time and prints"
)]

use kp_producer::{Producer, ProducerConfig, ProducerRecord, blocking};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let bootstrap = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "kp-example".to_owned());
    let config = ProducerConfig::default().bootstrap_servers(&bootstrap).linger(Duration::ZERO);

    let producer = Producer::builder(config).build()?;
    for number in 0..5 {
        let value = format!("awaited message {number}");
        let start = Instant::now();
        let metadata = producer.send(ProducerRecord::to(&topic).value(&value)).await?.await?;
        println!(
            "{value}: {}-{} @ {:?} after {:?}",
            topic,
            metadata.partition(),
            metadata.offset(),
            start.elapsed()
        );
    }

    let blocking = blocking::Producer::from(producer);
    for number in 0..5 {
        let value = format!("blocking message {number}");
        let start = Instant::now();
        let metadata = blocking.send(ProducerRecord::to(&topic).value(&value))?.wait()?;
        println!(
            "{value}: {}-{} @ {:?} after {:?}",
            topic,
            metadata.partition(),
            metadata.offset(),
            start.elapsed()
        );
    }
    let closed = blocking.close(Duration::from_secs(10))?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
