//! What a run looks at while it sends: a producer of either kind.
//! Never: sends.

use kp_producer::{
    Explanation, PartitionInfo, Producer, ProducerObserver, SecurityReport, SendError, UnreachableBroker,
    metrics::ProducerMetrics,
};

#[derive(Clone)]
pub(crate) enum Watched {
    Plain(Producer),
    Transactional(ProducerObserver),
}

impl Watched {
    /// The producer itself, if it has no transactions: one with transactions is closed where it sends.
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

    pub(crate) fn security(&self) -> SecurityReport {
        match self {
            Self::Plain(producer) => producer.security(),
            Self::Transactional(observer) => observer.security(),
        }
    }

    pub(crate) fn unreachable(&self) -> Vec<UnreachableBroker> {
        match self {
            Self::Plain(producer) => producer.unreachable(),
            Self::Transactional(observer) => observer.unreachable(),
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
