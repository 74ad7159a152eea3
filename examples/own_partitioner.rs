//! A partitioner of one's own, for records that name no partition: here by the country code a key begins with, so that each
//! country has a partition to itself. It runs on the thread that sends; it must not wait.
//!
//! `cargo run -p kp-examples --bin own_partitioner` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{
    BoxError, PartitionId, PartitionRequest, Partitioner, Producer, ProducerConfig, ProducerRecord,
};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Default)]
struct ByCountry {
    countries: Vec<String>,
}

impl Partitioner for ByCountry {
    /// Takes a key of its own from the producer's configuration.
    fn configure(&mut self, config: &BTreeMap<String, String>) -> Result<(), BoxError> {
        let countries = config.get("example.countries").ok_or("example.countries is not set")?;
        self.countries = countries.split(',').map(str::to_owned).collect();
        Ok(())
    }

    fn partition(&self, request: &PartitionRequest<'_>) -> Result<PartitionId, BoxError> {
        let key = request.key_bytes.ok_or("a record without a key has no country")?;
        let place = self.countries.iter().position(|country| key.starts_with(country.as_bytes()));
        let place = place.ok_or("a country that is not configured")?;
        Ok(PartitionId((place % request.topic.partitions().len()) as i32))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let mut config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    config.set("example.countries", "nz,no,ni")?;
    let producer = Producer::builder(config).partitioner(ByCountry::default()).build()?;

    for key in ["nz-1", "no-1", "ni-1", "nz-2"] {
        let written =
            producer.send(ProducerRecord::to("kp-countries").key(key).value("hello")).await?.await?;
        println!("{key}: partition {}", written.partition());
    }
    match producer.send(ProducerRecord::to("kp-countries").key("xx-1").value("hello")).await {
        Ok(_) => println!("xx-1 was taken?"),
        Err(refused) => println!("xx-1 was not accepted: {refused}"),
    }

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
