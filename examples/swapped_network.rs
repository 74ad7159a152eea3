//! Everything between the producer and the brokers is one trait, `KafkaClient`. Here a client of one's own counts each
//! request by its API and passes it on to the sockets; a script, a recorder or another network stack would stand in the same
//! place.
//!
//! `cargo run -p kp-examples --bin swapped_network` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_network::{
    ClientRequest, Event, KafkaClient, NetworkSettings, NetworkSnapshot, Readiness, Refused, TokioClient,
};
use kp_producer::{Producer, ProducerConfig, ProducerRecord, SystemClock};
use kp_protocol::{BrokerAddress, BrokerId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

type Counts = Arc<Mutex<BTreeMap<String, u32>>>;

/// Counts what is sent, and lets another client do the work.
struct Counting<C> {
    inner: C,
    counts: Counts,
}

impl<C: KafkaClient> KafkaClient for Counting<C> {
    fn set_brokers(&mut self, now: Instant, brokers: &[BrokerAddress]) {
        self.inner.set_brokers(now, brokers);
    }

    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness {
        self.inner.readiness(now, broker)
    }

    fn least_loaded(&mut self, now: Instant) -> Option<BrokerId> {
        self.inner.least_loaded(now)
    }

    fn send(&mut self, now: Instant, request: ClientRequest) -> Result<(), Refused> {
        let name = format!("{:?} v{}", request.api_key, request.version);
        *self.counts.lock().expect("no thread panics with it").entry(name).or_default() += 1;
        self.inner.send(now, request)
    }

    fn throttle(&mut self, broker: BrokerId, until: Instant) {
        self.inner.throttle(broker, until);
    }

    fn disconnect(&mut self, now: Instant, broker: BrokerId, reason: &str) {
        self.inner.disconnect(now, broker, reason);
    }

    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        self.inner.poll(until, events);
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }

    fn snapshot(&self) -> NetworkSnapshot {
        self.inner.snapshot()
    }

    fn close(&mut self, within: Duration) {
        self.inner.close(within);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let counts = Counts::default();
    let mut settings = NetworkSettings::default();
    settings.client_id = Some("counting".to_owned());
    let sockets = TokioClient::new(settings, Arc::new(SystemClock));
    let producer = Producer::builder(ProducerConfig::default().bootstrap_servers(kafka.bootstrap()))
        .client(Counting { inner: sockets, counts: Arc::clone(&counts) })
        .build()?;

    for number in 0..3 {
        let value = format!("message {number}");
        producer.send(ProducerRecord::to("kp-counted").value(&value)).await?.await?;
    }
    let closed = producer.close(Duration::from_secs(10)).await?;
    for (request, times) in &*counts.lock().expect("no thread panics with it") {
        println!("{times:>3} × {request}");
    }
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
