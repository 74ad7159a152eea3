//! How a worker is a member of its group: what rdkafka's consumer is told.

use clap::ValueEnum;
use rdkafka::ClientConfig;

use crate::recipe::{Failure, Reader, Rebalances};

/// The group's name.
pub const GROUP: &str = "loop";

/// A member that says nothing for so long is put out, in seconds.
pub const SESSION: u64 = 6;

/// The ways to be a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Membership {
    /// All partitions are given back at each rebalance.
    Eager,
    /// Only those that go to another member (KIP-429).
    Cooperative,
    /// The next worker of a slot takes the place of the one before it (KIP-345).
    Static,
    /// The brokers assign (KIP-848); 4.0 and newer.
    Broker,
}

impl Membership {
    /// A consumer that is subscribed to `topic`, for the worker of this slot.
    pub fn consumer(self, bootstrap: &str, topic: &str, slot: usize) -> Result<Reader, Failure> {
        use rdkafka::consumer::Consumer as _;
        let mut config = reading(bootstrap);
        let seconds = SESSION * 1000;
        match self {
            Self::Eager => config.set("partition.assignment.strategy", "range"),
            Self::Cooperative => config.set("partition.assignment.strategy", "cooperative-sticky"),
            Self::Static => config.set("group.instance.id", format!("loop-{slot}")),
            Self::Broker => config.set("group.protocol", "consumer"),
        };
        if self != Self::Broker {
            config.set("session.timeout.ms", seconds.to_string()).set("heartbeat.interval.ms", "1000");
        }
        let consumer: Reader = config.create_with_context(Rebalances::default())?;
        consumer.subscribe(&[topic])?;
        Ok(consumer)
    }
}

/// What each reader of the group's is told.
pub fn reading(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed");
    config
}

/// Lines of the brokers' files that members of [`SESSION`] need.
pub fn broker_settings() -> [(&'static str, String); 4] {
    let limit = (SESSION * 1000).to_string();
    [
        ("group.consumer.min.session.timeout.ms", limit.clone()),
        ("group.consumer.session.timeout.ms", limit),
        ("group.consumer.min.heartbeat.interval.ms", "1000".to_owned()),
        ("group.consumer.heartbeat.interval.ms", "1000".to_owned()),
    ]
}
