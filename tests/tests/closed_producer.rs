//! What a closed producer keeps of the system. Alone in its process: descriptors of other tests would be counted.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "real descriptors belong to real threads; nothing waits for time"
)]

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord};
use std::net::TcpListener;
use std::time::Duration;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux has it").count()
}

#[test]
fn a_producer_that_is_closed_keeps_no_descriptor_while_a_handle_lives() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let before = descriptors();
    let config = ProducerConfig::default().bootstrap_servers(address);
    let producer = Producer::new(config).expect("the producer is built");
    let record = || ProducerRecord::to("t").value("x");
    assert!(producer.try_send(record()).is_err(), "no metadata yet");
    let (_broker, _) = listener.accept().expect("the producer connects");
    assert!(descriptors() > before + 1, "a connection, and what a runtime needs");
    let handle = producer.clone();
    let _ = producer.close(Duration::ZERO);
    assert_eq!(descriptors(), before + 1, "the end that this test accepted");
    assert!(handle.try_send(record()).is_err(), "closed");
}
