//! What a Metadata response says, in kp's own nouns: absent values are `None`, nonsense is left out.
//! A broker's bytes are not trusted: nothing here panics, and nothing is kept beyond what the machine reads. Replicas
//! are dropped while the bytes are read, so that a million partitions never exist as a tree of messages.

use crate::Partition;
use bytes::Bytes;
use kp_protocol::api::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use kp_protocol::{
    BrokerAddress, BrokerId, ElementSink, ErrorCode, LeaderEpoch, ProtocolError, TopicId, TopicName,
};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A Metadata response as the machine reads it.
#[derive(Debug)]
pub struct Answer {
    pub(crate) brokers: BTreeMap<BrokerId, BrokerAddress>,
    pub(crate) cluster_id: Option<Arc<str>>,
    pub(crate) controller: Option<BrokerId>,
    pub(crate) topics: Vec<TopicAnswer>,
    pub(crate) error: Option<ErrorCode>,
    throttle: Duration,
}

/// What it says about one topic.
#[derive(Debug)]
pub(crate) struct TopicAnswer {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    pub(crate) error: Option<ErrorCode>,
    pub(crate) partitions: Box<[Partition]>,
}

impl Answer {
    /// Reads the body of a response, which must fill `body` exactly.
    ///
    /// # Errors
    /// `version` is not known, or the bytes are no Metadata response.
    pub fn parse(body: &Bytes, version: i16) -> Result<Self, ProtocolError> {
        let mut elements = Collector {
            trusts_epochs: version >= MetadataRequest::TRUSTED_EPOCHS_FROM,
            ..Collector::default()
        };
        let rest = MetadataResponse::parse_each(body, version, &mut elements)?;
        Ok(Self {
            brokers: elements.brokers,
            cluster_id: rest.cluster_id.as_ref().map(|id| Arc::from(id.as_str())),
            controller: Some(BrokerId(rest.controller_id)).filter(|id| id.0 >= 0),
            topics: elements.topics,
            error: failed(rest.error_code),
            throttle: Duration::from_millis(u64::try_from(rest.throttle_time_ms).unwrap_or(0)),
        })
    }

    /// How long a quota asks this client to stay quiet (KIP-219); zero if it does not.
    #[must_use]
    pub fn throttle(&self) -> Duration {
        self.throttle
    }
}

impl TopicAnswer {
    /// Whether the answer is to be asked for again soon: a retriable error, or a partition without a leader (MD16).
    pub(crate) fn asks_again(&self) -> bool {
        match self.error {
            Some(error) => error.is_retriable(),
            // REPLICA_NOT_AVAILABLE beside a leader is no reason: the partition is usable for a producer.
            None => self.partitions.iter().any(|p| p.leader.is_none()),
        }
    }
}

/// Takes the elements of a response as they are read, in the form that stays.
#[derive(Default)]
struct Collector {
    trusts_epochs: bool,
    brokers: BTreeMap<BrokerId, BrokerAddress>,
    /// Few racks stand for many brokers: each is kept once.
    racks: BTreeSet<Arc<str>>,
    topics: Vec<TopicAnswer>,
    /// The partitions of the topic that is being read, with the numbers they bring.
    partitions: Vec<(i32, Partition)>,
}

impl ElementSink for Collector {
    fn offer<T: Any>(&mut self, element: T) -> Option<T> {
        let element: &dyn Any = &element;
        if let Some(partition) = element.downcast_ref::<MetadataResponsePartition>() {
            self.take_partition(partition);
        } else if let Some(topic) = element.downcast_ref::<MetadataResponseTopic>() {
            self.take_topic(topic);
        } else if let Some(broker) = element.downcast_ref::<MetadataResponseBroker>() {
            self.take_broker(broker);
        }
        // What else stands in arrays are the replicas of a partition, which a producer does not read.
        None
    }
}

impl Collector {
    fn take_partition(&mut self, answered: &MetadataResponsePartition) {
        let is_trusted = self.trusts_epochs && answered.leader_epoch >= 0;
        let partition = Partition {
            leader: Some(BrokerId(answered.leader_id)).filter(|id| id.0 >= 0),
            leader_epoch: is_trusted.then_some(LeaderEpoch(answered.leader_epoch)),
            error: failed(answered.error_code),
        };
        self.partitions.push((answered.partition_index, partition));
    }

    fn take_topic(&mut self, topic: &MetadataResponseTopic) {
        // Brokers list every partition from 0 on. Counting what is listed, instead of believing the largest index,
        // keeps a broken answer from reserving memory for two billion partitions.
        let mut partitions = vec![Partition::default(); self.partitions.len()].into_boxed_slice();
        for (index, partition) in self.partitions.drain(..) {
            if let Some(place) = usize::try_from(index).ok().and_then(|index| partitions.get_mut(index)) {
                *place = partition;
            }
        }
        // kp asks by name; an answer without one is about something else.
        if let Some(name) = &topic.name {
            let (id, error) = (topic.topic_id, failed(topic.error_code));
            self.topics.push(TopicAnswer { name: TopicName::from(name), id, error, partitions });
        }
    }

    fn take_broker(&mut self, broker: &MetadataResponseBroker) {
        let (id, Ok(port)) = (BrokerId(broker.node_id), u16::try_from(broker.port)) else { return };
        if id.0 < 0 {
            return;
        }
        let rack = broker.rack.as_ref().map(|rack| self.rack(rack.as_str()));
        self.brokers.insert(id, BrokerAddress { id, host: Arc::from(broker.host.as_str()), port, rack });
    }

    fn rack(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.racks.get(name) {
            return Arc::clone(known);
        }
        let rack: Arc<str> = Arc::from(name);
        self.racks.insert(Arc::clone(&rack));
        rack
    }
}

fn failed(code: ErrorCode) -> Option<ErrorCode> {
    (!code.is_ok()).then_some(code)
}
