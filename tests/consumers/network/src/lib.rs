//! A user who brings the network: here kp-sim's mock broker, without runtime and sockets.
#![forbid(unsafe_code)]

use kp_network::KafkaClient;
use kp_producer::blocking::Producer as BlockingProducer;
use kp_producer::{BuildError, Producer, ProducerConfig};

/// The facade on whatever network.
///
/// # Errors
/// As `ProducerBuilder::build`.
pub fn producer_on(network: impl KafkaClient + 'static) -> Result<BlockingProducer, BuildError> {
    let config = ProducerConfig::from_properties_str("bootstrap.servers=nowhere:9092\nlinger.ms=0")?;
    Ok(BlockingProducer::from(Producer::builder(config).client(network).build()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_producer::ProducerRecord;
    use kp_sim::MockBroker;

    #[test]
    fn the_packaged_facade_runs_on_a_swapped_network() {
        let broker = MockBroker::automatic();
        let producer = producer_on(broker.client()).expect("a good configuration");
        let delivery = producer.send(ProducerRecord::to("orders").value("v")).expect("accepted");
        assert_eq!(delivery.wait().expect("acknowledged").offset(), Some(0));
        assert_eq!(broker.history("orders").len(), 1);
    }
}
