//! What to do with an error is decided by three questions, not by its name: was the record accepted, is it in the log
//! (`certainty()`), may it be sent again (`is_retriable()`). A broker in this process plays what goes wrong.
//!
//! `cargo run -p kp-examples --bin errors`

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_producer::{Certainty, DeliveryError, Producer, ProducerConfig, ProducerRecord, SendError, blocking};
use kp_protocol::ErrorCode;
use kp_sim::MockBroker;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = MockBroker::manual();
    // Short, so that the example is; the defaults are two minutes and thirty seconds.
    let config = ProducerConfig::from_properties_str(
        "bootstrap.servers=mock:9092\nlinger.ms=0\nrequest.timeout.ms=200\ndelivery.timeout.ms=300",
    )?;
    let producer = blocking::Producer::from(Producer::builder(config).client(broker.client()).build()?);

    // Not accepted: nothing was written, and the record is still with its owner.
    let large = vec![0; 2_000_000];
    if let Err(refused) = producer.send(ProducerRecord::to("orders").value(&large)) {
        not_accepted("too large", &refused);
    }

    // Accepted and refused by the broker: certainly not in the log.
    let delivery = producer.send(ProducerRecord::to("orders").value("a"))?;
    broker.fail_next(ErrorCode::TOPIC_AUTHORIZATION_FAILED, WITHIN);
    if let Err(failed) = delivery.wait() {
        not_delivered("not allowed", &failed);
    }

    // A passing trouble: the producer tries again by itself, under the same number; the application has nothing to do.
    let delivery = producer.send(ProducerRecord::to("orders").value("b"))?;
    broker.fail_next(ErrorCode::NOT_ENOUGH_REPLICAS, WITHIN);
    broker.complete_next(WITHIN);
    println!("a passing trouble: written at {:?}", delivery.wait()?.offset());

    // No answer at all: it may be in the log or not, and the producer cannot know.
    let delivery = producer.send(ProducerRecord::to("orders").value("c"))?;
    if let Err(failed) = delivery.wait() {
        not_delivered("no answer", &failed);
    }
    let closed = producer.close(WITHIN)?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}

fn not_accepted(what: &str, error: &SendError) {
    let advice = match (error.is_fatal(), error.is_retriable()) {
        (true, _) => "build a new producer",
        (false, true) => "send it again later",
        (false, false) => "correct the record or the configuration",
    };
    println!("{what}: {error}\n  -> {advice}");
}

fn not_delivered(what: &str, error: &DeliveryError) {
    let advice = match error.certainty() {
        Certainty::Written => "nothing to do",
        Certainty::NotWritten if error.is_retriable() => "send it again: it cannot be there twice",
        Certainty::NotWritten => "do not send it again as it is; put it aside",
        Certainty::Unknown => "send it again only if twice is better than not at all",
    };
    println!("{what}: {error}\n  -> {advice}; {:?} in flight", error.spent().in_flight);
}
