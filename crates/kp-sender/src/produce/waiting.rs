//! Why the batches of a partition wait although no broker has refused them: so that no timeout is without a reason.

use super::BatchSender;
use crate::cluster::KnownCluster;
use crate::idempotence::Idempotence;
use kp_accumulator::BrokerError;
use kp_protocol::{ErrorCode, TopicPartition};
use std::sync::Arc;
use std::time::Instant;

/// What stands between a partition's batches and its leader. Every batch that fails in its queue has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// There is no producer id; what a broker answered when asked for one.
    ProducerIdRefused(BrokerError),
    /// There is no producer id, and no broker has answered yet.
    NoProducerId { unreachable: Option<Arc<str>> },
    /// No broker has answered since the start, or since kp went back to the bootstrap list.
    NoBroker { unreachable: Option<Arc<str>> },
    /// The cluster names no leader; the topic's error, if it has one.
    NoLeader { code: Option<ErrorCode> },
    /// The leader's connection failed, with the words for it.
    Unreachable(Arc<str>),
    /// The leader asked to be left alone (KIP-219).
    Throttled { leader: Arc<str> },
    /// The leader is there and took no request in time, or an earlier batch of the partition was before this one.
    Busy { leader: Arc<str>, requests: usize },
}

impl Waiting {
    /// In the form of a broker's error, with the code that Java gives it.
    pub(super) fn into_error(self) -> BrokerError {
        let (code, words) = match self {
            Self::ProducerIdRefused(error) => return error,
            Self::NoProducerId { unreachable } => (
                ErrorCode::NETWORK_EXCEPTION,
                unreachable
                    .unwrap_or_else(|| Arc::from("no broker has answered the question for a producer id")),
            ),
            Self::NoBroker { unreachable } => (
                ErrorCode::NETWORK_EXCEPTION,
                unreachable.unwrap_or_else(|| {
                    Arc::from("no broker has answered since kp went back to bootstrap.servers")
                }),
            ),
            Self::NoLeader { code } => {
                (code.unwrap_or(ErrorCode::LEADER_NOT_AVAILABLE), Arc::from("the partition has no leader"))
            }
            Self::Unreachable(words) => (ErrorCode::NETWORK_EXCEPTION, words),
            Self::Throttled { leader } => (
                ErrorCode::THROTTLING_QUOTA_EXCEEDED,
                format!("{leader} asked to be left alone (quota)").into(),
            ),
            Self::Busy { leader, requests } => (
                ErrorCode::REQUEST_TIMED_OUT,
                format!("not sent in time; {leader} leads it, with {requests} requests under way").into(),
            ),
        };
        BrokerError { code, message: Some(words), broker: None }
    }
}

impl BatchSender {
    /// What batches of `partition` wait for at `now`. A caller who reads "timed out" wants to know.
    pub(super) fn why_it_waits(
        &self,
        now: Instant,
        cluster: &KnownCluster,
        numbers: &Idempotence,
        partition: &TopicPartition,
    ) -> Waiting {
        let (snapshot, brokers) = (cluster.snapshot(), &cluster.brokers);
        if snapshot.is_bootstrap() {
            return Waiting::NoBroker { unreachable: brokers.why_unreachable() };
        }
        let Some(leader) = snapshot.leader(&partition.topic, partition.partition) else {
            return Waiting::NoLeader {
                code: snapshot.topic(&partition.topic).and_then(|topic| topic.error()),
            };
        };
        if let Some(words) = brokers.failure_of(leader) {
            return Waiting::Unreachable(words);
        }
        if !numbers.may_send() {
            return match &numbers.last_refusal {
                Some(refusal) => Waiting::ProducerIdRefused(refusal.clone()),
                None => Waiting::NoProducerId { unreachable: brokers.why_unreachable() },
            };
        }
        let name = Arc::from(cluster.name_of(leader));
        match brokers.last_throttle(leader) {
            Some(throttle) if throttle.until > now => Waiting::Throttled { leader: name },
            _ => Waiting::Busy { leader: name, requests: self.requests.to(leader) },
        }
    }
}
