//! An application with ring and aws-lc-rs in its tree, and none of them installed for the process: rustls alone would panic.
#![forbid(unsafe_code)]

use kp_producer::blocking::Producer;
use kp_producer::{BuildError, ProducerConfig};

/// A producer over TLS that believes `authority`, in PEM.
///
/// # Errors
/// As [`Producer::new`].
pub fn producer(bootstrap: &str, authority: &str) -> Result<Producer, BuildError> {
    let mut config = ProducerConfig::default().bootstrap_servers(bootstrap);
    config.set("security.protocol", "SSL")?;
    config.set("ssl.truststore.type", "PEM")?;
    config.set("ssl.truststore.certificates", authority)?;
    Producer::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_producer::ProducerRecord;
    use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions, EmbeddedTls};
    use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
    use std::sync::Arc;
    use std::time::Duration;

    // U6, C4
    #[test]
    fn a_producer_works_with_two_providers_in_the_tree_and_none_for_the_process() {
        // What an application meets that asks rustls for "the" provider.
        assert!(std::panic::catch_unwind(rustls::ClientConfig::builder).is_err());
        for provider in [ring::default_provider(), aws_lc_rs::default_provider()] {
            let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
            let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
            let tls =
                EmbeddedTls::new(Arc::new(provider), chain.as_bytes(), key.as_bytes()).expect("good PEM");
            let options = EmbeddedOptions::new().with_auto_create_topics(true).with_tls(tls);
            let broker = EmbeddedBroker::start(options).expect("a broker");
            let producer = producer(&broker.bootstrap(), &chain).expect("a good configuration");
            let delivery = producer.send(ProducerRecord::to("orders").value("v")).expect("it is taken");
            assert_eq!(delivery.wait().expect("it is written").offset(), Some(0));
            let closed = producer.close(Duration::from_secs(5)).expect("not in a callback");
            assert_eq!(closed.undelivered, 0);
        }
        assert!(CryptoProvider::get_default().is_none(), "none was installed");
    }
}
