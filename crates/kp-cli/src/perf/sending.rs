//! The producer that is measured, with or without transactions: what the thread that sends has. Everything else looks at it.

use crate::watched::Watched;
use kp_producer::{Producer, TransactionalProducer};

/// What the thread that sends has.
pub(crate) enum Sending {
    Plain(Producer),
    /// So many records are a transaction.
    InTransactions {
        producer: TransactionalProducer,
        size: u64,
    },
}

impl Sending {
    pub(crate) fn watched(&self) -> Watched {
        match self {
            Self::Plain(producer) => Watched::Plain(producer.clone()),
            Self::InTransactions { producer, .. } => Watched::Transactional(producer.observer()),
        }
    }
}
