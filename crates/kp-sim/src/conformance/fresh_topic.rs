//! A topic for one case: creates it, waits until every partition is led, and knows its id. Never deletes it.

use kp_protocol::api::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, MetadataRequest, MetadataRequestTopic,
};
use kp_protocol::{ErrorCode, KafkaString, TopicId};

use super::asking::{Asking, Checked, same};

const PARTITIONS: i32 = 3;

/// Creates `topic` with these configurations; its id, once all of it can be written to.
pub(super) fn create(
    asking: &mut Asking<'_>,
    topic: &str,
    configs: &[(&'static str, &'static str)],
) -> Checked<TopicId> {
    let name = KafkaString::from(topic);
    let config = |(name, value): &(&'static str, &'static str)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
        ..Default::default()
    };
    let created = CreatableTopic {
        name: name.clone(),
        num_partitions: PARTITIONS,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    let answer = asking.ask(5, &CreateTopicsRequest { topics: vec![created], ..Default::default() })?;
    same("CreateTopics", answer.topics.first().map(|topic| topic.error_code), Some(ErrorCode::NONE))?;
    let asked = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { name: Some(name), ..Default::default() }]),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    asking.until_ready(|asking| {
        let answer = asking.ask(12, &asked)?;
        let found = answer.topics.first().ok_or("no topic in the answer")?;
        // Metadata knows of a leader before that knows of itself, so the partitions are asked too.
        Ok((found.error_code.is_ok() && all_led(asking, topic)?).then_some(found.topic_id))
    })
}

fn all_led(asking: &mut Asking<'_>, topic: &str) -> Checked<bool> {
    let partition =
        |partition_index| ListOffsetsPartition { partition_index, timestamp: -1, ..Default::default() };
    let topic = ListOffsetsTopic {
        name: topic.into(),
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let answer =
        asking.ask(7, &ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() })?;
    Ok(answer.topics.iter().flat_map(|topic| &topic.partitions).all(|partition| partition.error_code.is_ok()))
}
