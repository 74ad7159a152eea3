//! The classic asynchronous example: `send_with` a callback that prints topic, partition, offset and elapsed time.
//!
//! `cargo run -p kp-producer --example async_callback -- localhost:9092 my-topic`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example measures real time and prints"
)]

use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let bootstrap = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "kp-example".to_owned());

    let producer = Producer::builder(ProducerConfig::default().bootstrap_servers(&bootstrap)).build()?;
    for number in 0..10 {
        let (key, value) = (format!("key-{number}"), format!("message {number}"));
        let (sent, shown) = (Instant::now(), format!("message({key}, {value})"));
        let record = ProducerRecord::to(&topic).key(&key).value(&value);
        producer
            .send_with(record, move |result| match result {
                Ok(metadata) => println!(
                    "{shown} is at {}-{} @ {:?} after {:?}",
                    metadata.topic(),
                    metadata.partition(),
                    metadata.offset(),
                    sent.elapsed()
                ),
                Err(error) => {
                    eprintln!("{shown}: {error}; in the log: {:?}", error.certainty())
                }
            })
            .await?;
    }
    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
