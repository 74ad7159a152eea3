//! An interceptor sees each record before it is accepted, and each outcome: here it stamps a header, and counts by service
//! what was acknowledged and what was not, without the code that sends knowing of it (KIP-42).
//!
//! `cargo run -p kp-examples --bin interceptor` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example prints and measures")]

use kp_examples::Kafka;
use kp_producer::{
    BoxError, DeliveryError, InterceptedRecord, Producer, ProducerConfig, ProducerInterceptor,
    ProducerRecord, RecordMetadata, SendError, SentRecord,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Counts {
    acknowledged: AtomicU32,
    failed: AtomicU32,
    refused: AtomicU32,
}

/// Stamps each record with the service that sends it, and counts.
struct Stamp {
    service: &'static str,
    counts: Arc<Counts>,
}

impl ProducerInterceptor for Stamp {
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), BoxError> {
        record.add_header("service", self.service.as_bytes());
        // Comes back with the outcome.
        record.set_context(Instant::now());
        Ok(())
    }

    fn on_acknowledgement(&self, record: &SentRecord<'_>, outcome: Result<&RecordMetadata, &DeliveryError>) {
        let Some(sent) = record.context::<Instant>() else { return };
        match outcome {
            Ok(written) => {
                self.counts.acknowledged.fetch_add(1, Ordering::Relaxed);
                println!("{} @ {:?} after {:?}", record.topic(), written.offset(), sent.elapsed());
            }
            Err(_) => drop(self.counts.failed.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn on_refusal(&self, _record: &SentRecord<'_>, error: &SendError) {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        println!("not accepted: {error}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let counts = Arc::new(Counts::default());
    let producer = Producer::builder(ProducerConfig::default().bootstrap_servers(kafka.bootstrap()))
        .interceptor(Stamp { service: "checkout", counts: Arc::clone(&counts) })
        .build()?;

    for number in 0..3 {
        let value = format!("message {number}");
        producer.send(ProducerRecord::to("kp-stamped").value(&value)).await?.await?;
    }
    let too_large = vec![0; 2_000_000];
    let refused = producer.send(ProducerRecord::to("kp-stamped").value(&too_large)).await;
    println!("the large one was accepted: {}", refused.is_ok());

    let closed = producer.close(Duration::from_secs(10)).await?;
    let Counts { acknowledged, failed, refused } = &*counts;
    println!("{acknowledged:?} acknowledged, {failed:?} failed, {refused:?} refused");
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
