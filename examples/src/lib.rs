//! What the examples share: a cluster to send to. Their code is in the files beside `src`. And the pages for users, whose
//! blocks are tested here.

#![forbid(unsafe_code)]

mod pages;

use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};

/// The cluster that `KP_BOOTSTRAP` names (`KP_BOOTSTRAP=localhost:9092`), or else a broker in this process that ends with
/// this value.
#[derive(Debug)]
pub struct Kafka {
    bootstrap: String,
    _embedded: Option<EmbeddedBroker>,
}

impl Kafka {
    /// Finds out where to send, and starts the embedded broker if it is needed.
    ///
    /// # Errors
    /// The embedded broker finds no free port.
    pub fn from_environment() -> std::io::Result<Self> {
        match std::env::var("KP_BOOTSTRAP") {
            Ok(bootstrap) => Ok(Self { bootstrap, _embedded: None }),
            Err(_) => {
                let options = EmbeddedOptions::new().with_default_partitions(3);
                let broker = EmbeddedBroker::start(options)?;
                Ok(Self { bootstrap: broker.bootstrap(), _embedded: Some(broker) })
            }
        }
    }

    /// What `bootstrap.servers` has to say.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}
