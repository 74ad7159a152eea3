//! Types in the place of bytes: a serializer turns every `serde::Serialize` value into JSON, and a `TypedProducer` takes
//! only orders. It is one more view of a producer; the untyped one goes on beside it.
//!
//! `cargo run -p kp-examples --bin typed_serde` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{
    BoxError, LongSerializer, Producer, ProducerConfig, RecordHeaders, Serialized, Serializer, TypedProducer,
    TypedRecord,
};
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
struct Order {
    id: i64,
    item: &'static str,
    count: u32,
}

/// JSON of anything that serde can write.
struct JsonSerializer;

impl<T: Serialize> Serializer<T> for JsonSerializer {
    fn serialize(
        &self,
        _topic: &str,
        headers: &mut RecordHeaders,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        headers.add("content-type", "application/json");
        serde_json::to_writer(out, value)?;
        Ok(Serialized::Bytes)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let producer = Producer::builder(config).build()?;
    let orders: TypedProducer<i64, Order> = TypedProducer::new(&producer, LongSerializer, JsonSerializer)?;

    for order in [Order { id: 17, item: "tea", count: 2 }, Order { id: 18, item: "cups", count: 4 }] {
        let record = TypedRecord::to("kp-orders").key(&order.id).value(&order);
        let written = orders.send(record).await?.await?;
        println!("order {}: partition {} @ {:?}", order.id, written.partition(), written.offset());
    }

    let closed = producer.close(Duration::from_secs(10)).await?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
