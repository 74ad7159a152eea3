//! What a program chose besides the configuration. Owns: nothing; plain data.

#[cfg(feature = "tokio")]
use super::Cryptography;
use crate::config::ProducerConfig;
use crate::extend::interceptor::ProducerInterceptor;
use crate::outcome::listener::Listener;
use kp_accumulator::Partitioner;
use kp_network::KafkaClient;
use kp_time::Clock;
use std::sync::Arc;

/// What the builder was told.
pub(super) struct Choices {
    pub(super) config: ProducerConfig,
    pub(super) client: Option<Box<dyn KafkaClient>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) seed: Option<u64>,
    pub(super) interceptors: Vec<Box<dyn ProducerInterceptor>>,
    pub(super) partitioner: Option<Box<dyn Partitioner>>,
    pub(super) listener: Listener,
    #[cfg(feature = "tokio")]
    pub(super) cryptography: Cryptography,
}
