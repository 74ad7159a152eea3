//! Testing code that sends: the real producer in front of a broker that the test holds in its hand (`kp_sim::MockBroker`,
//! what Java's `MockProducer` is for). No socket, no thread of the broker's, no waiting.
//!
//! `cargo run -p kp-examples --bin testing_with_a_mock`, and `cargo test -p kp-examples --bin testing_with_a_mock`

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example prints, and its test has a thread"
)]

use kp_producer::{Producer, ProducerConfig, ProducerRecord, blocking};
use kp_sim::MockBroker;
use std::time::Duration;

/// The code under test: places an order, and tells its number in the log.
fn place_order(producer: &blocking::Producer, customer: &str, item: &str) -> Result<Option<i64>, String> {
    let value = format!("{{\"item\":\"{item}\"}}");
    let record = ProducerRecord::to("orders").key(customer).value(&value);
    let delivery = producer.send(record).map_err(|error| format!("try again later: {error}"))?;
    let written = delivery.wait().map_err(|error| format!("not placed: {error}"))?;
    Ok(written.offset())
}

/// A producer in front of such a broker, and a topic.
fn in_front_of(broker: &MockBroker) -> Result<blocking::Producer, Box<dyn std::error::Error>> {
    broker.create_topic("orders", 3)?;
    let config = ProducerConfig::default().bootstrap_servers("mock:9092").linger(Duration::ZERO);
    Ok(Producer::builder(config).client(broker.client()).build()?.into())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = MockBroker::automatic();
    let producer = in_front_of(&broker)?;
    println!("placed at {:?}", place_order(&producer, "customer-4", "tea")?);
    for record in broker.history("orders") {
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        println!("the broker has {:?} = {:?}", text(record.key), text(record.value));
    }
    let closed = producer.close(Duration::from_secs(10))?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::ErrorCode;

    #[test]
    fn an_order_is_written_under_its_customer() {
        let broker = MockBroker::automatic();
        let producer = in_front_of(&broker).unwrap();
        assert_eq!(place_order(&producer, "customer-4", "tea"), Ok(Some(0)));
        let history = broker.history("orders");
        assert_eq!(history[0].key.as_deref(), Some(&b"customer-4"[..]));
    }

    #[test]
    fn a_customer_is_told_when_an_order_was_not_placed() {
        let broker = MockBroker::manual();
        let producer = in_front_of(&broker).unwrap();
        let placing = std::thread::spawn(move || place_order(&producer, "customer-4", "tea"));
        assert!(broker.fail_next(ErrorCode::TOPIC_AUTHORIZATION_FAILED, Duration::from_secs(30)));
        let told = placing.join().unwrap().unwrap_err();
        assert!(told.starts_with("not placed") && broker.history("orders").is_empty(), "{told}");
    }
}
