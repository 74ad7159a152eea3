//! A broker to try things with, where there is no Kafka: in memory, on the loopback interface, until its standard input ends
//! (Ctrl-D, or Ctrl-C). **A double for development, not Apache Kafka.** At the end it says what it was sent.
//!
//! `cargo run -p kp-examples --bin broker` takes port 9092, `… --bin broker 9999` another, 0 any.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use std::io::Read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(9092), |port| port.parse())?;
    let options = EmbeddedOptions::new().with_port(port).with_default_partitions(3);
    let broker = EmbeddedBroker::start(options)?;
    println!("bootstrap.servers={}", broker.bootstrap());

    // Topics are made when they are first asked for.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let cluster = broker.cluster().lock();
    for topic in cluster.topics() {
        println!("{}: {} records", topic.name(), cluster.record_count(topic.name()));
    }
    Ok(())
}
