//! DescribeTransactions and ListTransactions: what coordinators know of transactional ids (KIP-664, KIP-994).

use std::collections::BTreeMap;

use kp_protocol::api::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, DescribeTransactionsTopicData,
    DescribeTransactionsTransactionState, ListTransactionsRequest, ListTransactionsResponse,
    ListTransactionsTransactionState,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ReceivedHeader, TopicPartition};

use crate::reply::Moment;
use crate::transaction::{TransactionEntry, TransactionState};
use crate::{Reply, SimCluster};

impl SimCluster {
    pub(crate) fn describe_transactions(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &DescribeTransactionsRequest,
    ) -> Reply {
        let mut transaction_states = Vec::with_capacity(request.transactional_ids.len());
        for id in &request.transactional_ids {
            let described = match self.described(at, broker, id.as_str()) {
                Ok(described) => described,
                Err(error_code) => DescribeTransactionsTransactionState { error_code, ..Default::default() },
            };
            transaction_states
                .push(DescribeTransactionsTransactionState { transactional_id: id.clone(), ..described });
        }
        let throttle_time_ms = self.faults.throttle(ApiKey::DescribeTransactions);
        let response =
            DescribeTransactionsResponse { throttle_time_ms, transaction_states, ..Default::default() };
        Reply::to(header, &response)
    }

    fn described(
        &mut self,
        at: Moment,
        broker: BrokerId,
        id: &str,
    ) -> Result<DescribeTransactionsTransactionState, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let log = self.transaction_log(id);
        self.coordinates(at, broker, &log)?;
        let entry = self.transaction(id).ok_or(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND)?;
        Ok(DescribeTransactionsTransactionState {
            transaction_state: entry.state().name().into(),
            transaction_timeout_ms: i32::try_from(entry.timeout().as_millis()).unwrap_or(i32::MAX),
            transaction_start_time_ms: entry.started_at_ms().unwrap_or(-1),
            producer_id: entry.producer().producer_id,
            producer_epoch: entry.producer().epoch,
            topics: by_topic(entry.without_marker()),
            ..Default::default()
        })
    }

    pub(crate) fn list_transactions(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &ListTransactionsRequest,
    ) -> Reply {
        let is_known = |name: &&kp_protocol::KafkaString| {
            TransactionState::ALL.iter().any(|state| state.name() == name.as_str())
        };
        let unknown = request.state_filters.iter().filter(|name| !is_known(name)).cloned().collect();
        let mut response = ListTransactionsResponse {
            throttle_time_ms: self.faults.throttle(ApiKey::ListTransactions),
            unknown_state_filters: unknown,
            ..Default::default()
        };
        let ids: Vec<String> = self.transactions().map(|(id, _)| id.to_owned()).collect();
        for id in ids {
            let log = self.transaction_log(&id);
            match self.coordinates(at, broker, &log) {
                Ok(_) => {}
                // Another broker's.
                Err(ErrorCode::NOT_COORDINATOR) => continue,
                Err(error_code) => {
                    let throttle_time_ms = response.throttle_time_ms;
                    response =
                        ListTransactionsResponse { throttle_time_ms, error_code, ..Default::default() };
                    break;
                }
            }
            let listed = self.transaction(&id).filter(|entry| is_wanted(at, request, entry));
            response.transaction_states.extend(listed.map(|entry| ListTransactionsTransactionState {
                transactional_id: id.into(),
                producer_id: entry.producer().producer_id,
                transaction_state: entry.state().name().into(),
                ..Default::default()
            }));
        }
        Reply::to(header, &response)
    }
}

fn is_wanted(at: Moment, request: &ListTransactionsRequest, entry: &TransactionEntry) -> bool {
    let states = &request.state_filters;
    let producers = &request.producer_id_filters;
    // What is over counts too, from when it began.
    let has_run = entry.started_at_ms().map_or(-1, |started| at.timestamp_ms.saturating_sub(started));
    (states.is_empty() || states.iter().any(|name| name.as_str() == entry.state().name()))
        && (producers.is_empty() || producers.contains(&entry.producer().producer_id))
        && (request.duration_filter < 0 || has_run > request.duration_filter)
}

fn by_topic<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> Vec<DescribeTransactionsTopicData> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        topics.entry(&at.topic).or_default().push(at.partition.0);
    }
    let topic = |(topic, partitions): (&str, Vec<i32>)| DescribeTransactionsTopicData {
        topic: topic.into(),
        partitions,
        ..Default::default()
    };
    topics.into_iter().map(topic).collect()
}
