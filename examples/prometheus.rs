//! A producer whose metrics Prometheus can read: any recorder of the `metrics` crate gets them, and this one turns them
//! into a page. A service hands `handle.render()` out at `/metrics` of its own HTTP server; here it is printed.
//!
//! `cargo run -p kp-examples --bin prometheus` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{ProducerConfig, ProducerRecord, blocking::Producer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;

    // Before or after the producer is built. With buckets, distributions of several processes can be added up.
    let milliseconds = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, 1000.0, 5000.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_ms".to_owned()), &milliseconds)?
        .install_recorder()?;

    // The name tells the series of several producers apart.
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap()).client_id("orders");
    let producer = Producer::new(config)?;
    let deliveries: Result<Vec<_>, _> = (0..10_000)
        .map(|number| {
            let value = format!("message {number}");
            producer.send(ProducerRecord::to("kp-scraped").value(&value))
        })
        .collect();
    for delivery in deliveries? {
        delivery.wait()?;
    }
    // What is not told yet is told at the end.
    let closed = producer.close(Duration::from_secs(10))?;

    // `render` is for every scrape; a service that may not be scraped for long calls `run_upkeep` now and then.
    print!("{}", handle.render());
    println!("# closed, {} undelivered", closed.undelivered);
    Ok(())
}
