//! The end of a service: stop taking work, let what was accepted finish, say what did not. A process that simply exits takes
//! the network thread with it; only `close` tells that everything was settled.
//!
//! `cargo run -p kp-examples --bin graceful_shutdown` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord, SendErrorKind};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let producer = Producer::builder(config).build()?;
    let (stop, stopped) = watch::channel(false);
    let (progress, mut progressed) = watch::channel(0);

    let worker = tokio::spawn(work(producer.clone(), stopped, progress));
    // In a service: a signal. Here: when a thousand records were accepted.
    progressed.wait_for(|accepted| *accepted >= 1_000).await?;
    stop.send(true)?;
    let accepted = worker.await??;

    // Everything accepted has ten seconds; what is left then fails, and is counted.
    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("{accepted} accepted, {} acknowledged", producer.acknowledged_records());
    println!("closed, {} undelivered", closed.undelivered);

    // A thread that still sends gets an error.
    let late = producer.send(ProducerRecord::to("kp-work").value("late")).await;
    let is_closed = late.is_err_and(|error| *error.kind() == SendErrorKind::Closed);
    println!("a late record is refused: {is_closed}");
    Ok(if closed.undelivered == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends until it is told to stop; answers how many records were accepted.
async fn work(
    producer: Producer,
    stopped: watch::Receiver<bool>,
    progress: watch::Sender<u64>,
) -> Result<u64, kp_producer::SendError> {
    let mut accepted = 0;
    while !*stopped.borrow() {
        let value = format!("work {accepted}");
        producer
            .send_with(ProducerRecord::to("kp-work").value(&value), |outcome| {
                if let Err(error) = outcome {
                    println!("{error}");
                }
            })
            .await?;
        accepted += 1;
        progress.send_replace(accepted);
        // Others may run: `send` itself only waits when it has to.
        tokio::task::yield_now().await;
    }
    Ok(accepted)
}
