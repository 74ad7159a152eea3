//! The producer that is measured, with or without transactions.
//! Owns: what is different between the two. The thread that sends has the producer, everything else looks at it.

use kp_producer::{
    Explanation, PartitionInfo, Producer, ProducerObserver, SendError, TransactionalProducer,
    metrics::ProducerMetrics,
};

/// What the thread that sends has.
pub(crate) enum Sending {
    Plain(Producer),
    /// So many records are a transaction.
    InTransactions {
        producer: TransactionalProducer,
        size: u64,
    },
}

/// What looks at it.
#[derive(Clone)]
pub(crate) enum Subject {
    Plain(Producer),
    Transactional(ProducerObserver),
}

impl Sending {
    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Plain(producer) => Subject::Plain(producer.clone()),
            Self::InTransactions { producer, .. } => Subject::Transactional(producer.observer()),
        }
    }
}

impl Subject {
    /// Closed from outside of the thread that sends; with transactions that closes it itself.
    pub(crate) fn plain(self) -> Option<Producer> {
        match self {
            Self::Plain(producer) => Some(producer),
            Self::Transactional(_) => None,
        }
    }

    pub(crate) fn metrics(&self) -> ProducerMetrics {
        match self {
            Self::Plain(producer) => producer.metrics(),
            Self::Transactional(observer) => observer.metrics(),
        }
    }

    pub(crate) fn explain(&self) -> Explanation {
        match self {
            Self::Plain(producer) => producer.explain(),
            Self::Transactional(observer) => observer.explain(),
        }
    }

    pub(crate) fn notices(&self) -> Vec<String> {
        match self {
            Self::Plain(producer) => producer.notices(),
            Self::Transactional(observer) => observer.notices(),
        }
    }

    /// # Errors
    /// The topic is not there.
    pub(crate) async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, SendError> {
        match self {
            Self::Plain(producer) => producer.partitions_for(topic).await,
            Self::Transactional(observer) => observer.partitions_for(topic).await,
        }
    }
}
