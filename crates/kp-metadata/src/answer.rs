//! What a Metadata response says, in kp's own nouns: absent values are `None`, nonsense is left out.
//! A broker's bytes are not trusted: nothing here panics or allocates more than the response holds.

use crate::Partition;
use bytes::Bytes;
use kp_protocol::api::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};
use kp_protocol::{
    BrokerAddress, BrokerId, ErrorCode, LeaderEpoch, Message, ProtocolError, TopicId, TopicName,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The first version whose leader epochs are trusted: brokers below may answer stale ones (MD11).
const TRUSTED_EPOCHS_FROM: i16 = 9;

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
    pub(crate) partitions: Vec<Partition>,
}

impl Answer {
    /// Reads the body of a response, which must fill `body` exactly.
    ///
    /// # Errors
    /// `version` is not known, or the bytes are no Metadata response.
    pub fn parse(body: &Bytes, version: i16) -> Result<Self, ProtocolError> {
        Ok(Self::read(&MetadataResponse::parse(body, version)?, version))
    }

    /// How long a quota asks this client to stay quiet (KIP-219); zero if it does not.
    #[must_use]
    pub fn throttle(&self) -> Duration {
        self.throttle
    }

    fn read(response: &MetadataResponse, version: i16) -> Self {
        let brokers = response.brokers.iter().filter_map(|broker| {
            let id = BrokerId(broker.node_id);
            let port = u16::try_from(broker.port).ok()?;
            let rack = broker.rack.as_ref().map(|rack| Arc::from(rack.as_str()));
            (id.0 >= 0).then(|| (id, BrokerAddress { id, host: Arc::from(broker.host.as_str()), port, rack }))
        });
        Self {
            brokers: brokers.collect(),
            cluster_id: response.cluster_id.as_ref().map(|id| Arc::from(id.as_str())),
            controller: Some(BrokerId(response.controller_id)).filter(|id| id.0 >= 0),
            topics: response.topics.iter().filter_map(|topic| TopicAnswer::read(topic, version)).collect(),
            error: failed(response.error_code),
            throttle: Duration::from_millis(u64::try_from(response.throttle_time_ms).unwrap_or(0)),
        }
    }
}

impl TopicAnswer {
    fn read(topic: &MetadataResponseTopic, version: i16) -> Option<Self> {
        // kp asks by name; an answer without one is about something else.
        let name = TopicName::from(topic.name.as_ref()?);
        // Brokers list every partition from 0 on. Counting what is listed, instead of believing the largest index,
        // keeps a broken answer from reserving memory for two billion partitions.
        let mut partitions = vec![Partition::default(); topic.partitions.len()];
        for answered in &topic.partitions {
            let place =
                usize::try_from(answered.partition_index).ok().and_then(|index| partitions.get_mut(index));
            if let Some(place) = place {
                *place = read_partition(answered, version);
            }
        }
        Some(Self { name, id: topic.topic_id, error: failed(topic.error_code), partitions })
    }

    /// Whether the answer is to be asked for again soon: a retriable error, or a partition without a leader (MD16).
    pub(crate) fn asks_again(&self) -> bool {
        match self.error {
            Some(error) => error.is_retriable(),
            // REPLICA_NOT_AVAILABLE beside a leader is no reason: the partition is usable for a producer.
            None => self.partitions.iter().any(|p| p.leader.is_none()),
        }
    }
}

fn read_partition(answered: &MetadataResponsePartition, version: i16) -> Partition {
    let trusted = version >= TRUSTED_EPOCHS_FROM && answered.leader_epoch >= 0;
    Partition {
        leader: Some(BrokerId(answered.leader_id)).filter(|id| id.0 >= 0),
        leader_epoch: trusted.then_some(LeaderEpoch(answered.leader_epoch)),
        error: failed(answered.error_code),
    }
}

fn failed(code: ErrorCode) -> Option<ErrorCode> {
    (!code.is_ok()).then_some(code)
}
