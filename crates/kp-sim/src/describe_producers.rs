//! DescribeProducers: which producer ids a leader knows in its partitions, and whose transactions are open there (KIP-664).

use kp_protocol::api::{
    DescribeProducersPartitionResponse, DescribeProducersProducerState, DescribeProducersRequest,
    DescribeProducersResponse, DescribeProducersTopicResponse,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ReceivedHeader};

use crate::topic::{Partition, Topic};
use crate::{Reply, SimCluster};

impl SimCluster {
    pub(crate) fn describe_producers(
        &mut self,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &DescribeProducersRequest,
    ) -> Reply {
        let topics = request.topics.iter().map(|asked| {
            let topic = self.topics.get(asked.name.as_str());
            let partition = |index: &i32| described(broker, topic, *index);
            DescribeProducersTopicResponse {
                name: asked.name.clone(),
                partitions: asked.partition_indexes.iter().map(partition).collect(),
                ..Default::default()
            }
        });
        let topics = topics.collect();
        let throttle_time_ms = self.faults.throttle(ApiKey::DescribeProducers);
        Reply::to(header, &DescribeProducersResponse { throttle_time_ms, topics, ..Default::default() })
    }
}

fn described(broker: BrokerId, topic: Option<&Topic>, index: i32) -> DescribeProducersPartitionResponse {
    let mut response = DescribeProducersPartitionResponse { partition_index: index, ..Default::default() };
    match topic.and_then(|topic| topic.partition(index)) {
        None => {
            response.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            // Kafka has words for a topic that is not there, and none for a partition.
            let words = "This server does not host this topic-partition.";
            response.error_message = topic.is_none().then(|| words.into());
        }
        Some(partition) if partition.leader != Some(broker) => {
            response.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        }
        Some(partition) => response.active_producers = active(partition),
    }
    response
}

fn active(partition: &Partition) -> Vec<DescribeProducersProducerState> {
    let known = partition.producers.known();
    let state = |known: crate::producer_state::KnownProducer| DescribeProducersProducerState {
        producer_id: known.producer.producer_id,
        producer_epoch: known.producer.epoch.into(),
        last_sequence: known.last_sequence.map_or(-1, |sequence| sequence.0),
        last_timestamp: known.last_timestamp_ms,
        coordinator_epoch: known.coordinator_epoch.unwrap_or(0),
        current_txn_start_offset: partition.transactions.open_since(known.producer.producer_id).unwrap_or(-1),
        ..Default::default()
    };
    known.map(state).collect()
}
