//! One listener for the whole producer: each record carries a number of the caller's own, and the listener is told the
//! number and the outcome. The cheapest way to look at every outcome: no closure and no handle for a record. Here the number
//! is the line of an input, and what was written of it can be marked as done.
//!
//! `cargo run -p kp-examples --bin token` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord};
use std::sync::mpsc;
use std::time::Duration;

const LINES: u64 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let (tell, told) = mpsc::channel();
    let producer = Producer::builder(ProducerConfig::default().bootstrap_servers(kafka.bootstrap()))
        // On the network thread: note it and be gone.
        .on_delivery(move |line, report| {
            let _ = tell.send((line, report.error()));
        })
        .build()?;

    for line in 0..LINES {
        let text = format!("line {line}");
        producer.send_tagged(ProducerRecord::to("kp-lines").value(&text), line).await?;
    }
    producer.flush().await?;

    let (mut done, mut failed) = (vec![false; LINES as usize], 0);
    for (line, error) in told.try_iter() {
        match error {
            None => done[line as usize] = true,
            Some(error) => {
                failed += 1;
                println!("line {line}: {error}");
            }
        }
    }
    println!("{} lines done, {failed} failed", done.iter().filter(|done| **done).count());
    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
