//! What a run looks at while it sends: a producer of either kind.
//! Never: sends, or closes.

use kp_producer::{Explanation, Producer, ProducerObserver, SecurityReport, UnreachableBroker};

#[derive(Clone)]
pub(crate) enum Watched {
    Plain(Producer),
    Transactional(ProducerObserver),
}

impl Watched {
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
}
