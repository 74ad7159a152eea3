//! A user of the facade alone: every type it needs has a name in `kp-producer`.
#![forbid(unsafe_code)]

use kp_producer::blocking::Producer;
use kp_producer::{BuildError, Delivery, ProducerConfig, ProducerRecord, SendError};

/// A producer for one address, with what an application would set.
///
/// # Errors
/// As [`Producer::new`].
pub fn producer(bootstrap: &str) -> Result<Producer, BuildError> {
    let text = format!("bootstrap.servers={bootstrap}\nmax.block.ms=50\ncompression.type=lz4");
    Producer::new(ProducerConfig::from_properties_str(&text)?)
}

/// Sends one record.
///
/// # Errors
/// As [`Producer::send`].
pub fn send(producer: &Producer, value: &str) -> Result<Delivery, SendError> {
    producer.send(ProducerRecord::to("orders").key("k").value(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_producer::SendErrorKind;
    use std::time::Duration;

    #[test]
    fn the_packaged_facade_is_built_and_says_that_no_broker_answers() {
        let producer = producer("127.0.0.1:1").expect("a good configuration");
        let error = send(&producer, "v").expect_err("there is no broker");
        assert!(matches!(error.kind(), SendErrorKind::MetadataTimeout { .. }), "{error}");
        let closed = producer.close(Duration::from_secs(5)).expect("not in a callback");
        assert_eq!(closed.undelivered, 0);
    }
}
