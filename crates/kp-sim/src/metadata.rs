//! Metadata: brokers, topics, leaders; and the creation of topics by asking for them.

use std::collections::BTreeSet;

use kp_protocol::api::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, KafkaString, ReceivedHeader};

use crate::create_topics::name_fault;
use crate::topic::{Partition, Topic};
use crate::transaction::is_internal;
use crate::{CLUSTER_ID, Reply, SimCluster, TopicSettings};

impl SimCluster {
    pub(crate) fn metadata(&mut self, header: &ReceivedHeader, request: MetadataRequest) -> Reply {
        let create = self.settings.auto_create_topics && request.allow_auto_topic_creation;
        let topics = match request.topics {
            // Before v1 there was no null: an empty list asked for everything.
            Some(asked) if !(asked.is_empty() && header.version == 0) => {
                self.asked_topics(header.version, create, asked)
            }
            _ => self.all_topics(),
        };
        let broker = |address: &kp_protocol::BrokerAddress| MetadataResponseBroker {
            node_id: address.id.0,
            host: (&*address.host).into(),
            port: i32::from(address.port),
            rack: address.rack.as_deref().map(KafkaString::from),
            ..Default::default()
        };
        let response = MetadataResponse {
            throttle_time_ms: self.faults.throttle(ApiKey::Metadata),
            brokers: self.running().map(broker).collect(),
            cluster_id: Some(KafkaString::from_static(CLUSTER_ID)),
            controller_id: self.controller(),
            topics,
            ..Default::default()
        };
        Reply::to(header, &response)
    }

    fn all_topics(&mut self) -> Vec<MetadataResponseTopic> {
        let names: Vec<KafkaString> = self.topics.keys().map(KafkaString::from).collect();
        names.into_iter().map(|name| self.topic_by_name(name, false)).collect()
    }

    fn asked_topics(
        &mut self,
        version: i16,
        create: bool,
        asked: Vec<MetadataRequestTopic>,
    ) -> Vec<MetadataResponseTopic> {
        let mut seen = BTreeSet::new();
        let mut answers = Vec::with_capacity(asked.len().min(1024));
        for topic in asked {
            if !seen.insert((topic.name.clone(), topic.topic_id)) {
                continue;
            }
            answers.push(match topic.name {
                // Null names and ids came into the schema with v10 and into brokers with v12 (KIP-516).
                None if version < 12 => refused(Some(KafkaString::default()), ErrorCode::INVALID_REQUEST),
                Some(name) if version < 12 && !topic.topic_id.is_zero() => {
                    refused(Some(name), ErrorCode::INVALID_REQUEST)
                }
                Some(name) => self.topic_by_name(name, create),
                None => match self.topic_names.get(&topic.topic_id) {
                    Some(name) => self.topic_by_name(KafkaString::from(name), false),
                    None => MetadataResponseTopic {
                        topic_id: topic.topic_id,
                        ..refused(None, ErrorCode::UNKNOWN_TOPIC_ID)
                    },
                },
            });
        }
        answers
    }

    fn topic_by_name(&mut self, name: KafkaString, create: bool) -> MetadataResponseTopic {
        if let Some(code) = self.faults.topic(&name) {
            return refused(Some(name), code);
        }
        if let Some(topic) = self.topics.get(name.as_str()) {
            return self.describe(topic);
        }
        if name_fault(&name).is_some() {
            return refused(Some(name), ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        if create {
            // KRaft: the first request is answered "unknown" while the controller creates it, and asks again.
            let settings = TopicSettings::of(&self.settings);
            let created = self.try_create_topic(&name, settings, None);
            debug_assert!(created.is_ok(), "the name is valid and free: {created:?}");
        }
        refused(Some(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    fn describe(&self, topic: &Topic) -> MetadataResponseTopic {
        MetadataResponseTopic {
            name: Some(KafkaString::from(&topic.name)),
            topic_id: topic.id,
            is_internal: is_internal(&topic.name),
            partitions: (0..)
                .zip(&topic.partitions)
                .map(|(index, it)| self.describe_partition(index, it))
                .collect(),
            ..Default::default()
        }
    }

    fn describe_partition(&self, partition_index: i32, partition: &Partition) -> MetadataResponsePartition {
        let numbers = |up: bool| {
            let replicas = partition.replicas.iter();
            replicas.filter(|id| self.is_up(**id) == up).map(|id| id.0).collect()
        };
        let error_code =
            if partition.leader.is_some() { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE };
        MetadataResponsePartition {
            error_code,
            partition_index,
            leader_id: partition.leader.unwrap_or(BrokerId(-1)).0,
            leader_epoch: partition.leader_epoch.0,
            replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
            isr_nodes: numbers(true),
            offline_replicas: numbers(false),
            ..Default::default()
        }
    }
}

/// An answer that says of each topic that was named this code and nothing else.
pub(crate) fn refusal(request: &MetadataRequest, error_code: ErrorCode) -> MetadataResponse {
    let named = request.topics.iter().flatten();
    let answer = |topic: &MetadataRequestTopic| MetadataResponseTopic {
        topic_id: topic.topic_id,
        ..refused(Some(topic.name.clone().unwrap_or_default()), error_code)
    };
    MetadataResponse { topics: named.map(answer).collect(), ..Default::default() }
}

fn refused(name: Option<KafkaString>, error_code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic { error_code, name, ..Default::default() }
}
