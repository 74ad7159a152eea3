//! What the leader of a partition asks the coordinator before it appends something transactional (KIP-890): is the partition in
//! the open transaction? Since Produce 12 and TxnOffsetCommit 5 it is added by the way.

use std::collections::{BTreeMap, BTreeSet};

use kp_protocol::api::ProduceRequest;
use kp_protocol::{BatchIdentity, BrokerId, ErrorCode, ProducerIdentity, TopicPartition};

use super::add_to_transaction::Asking;
use crate::incoming_batch::IncomingBatch;
use crate::reply::Moment;
use crate::{KafkaVersion, SimCluster};

/// The first version of Produce that adds partitions by the way.
pub(crate) const PRODUCE_ADDS_FROM: i16 = 12;

/// A request that a broker asks the coordinator about.
struct Verifying {
    /// The first version that adds by the way.
    adds_from: i16,
    /// The first that knows TRANSACTION_ABORTABLE.
    abortable_from: i16,
    /// What it answers while the coordinator cannot say.
    unverified: ErrorCode,
}

const PRODUCE: Verifying = Verifying {
    adds_from: PRODUCE_ADDS_FROM,
    abortable_from: 11,
    unverified: ErrorCode::NOT_ENOUGH_REPLICAS,
};
/// TxnOffsetCommit: a group's coordinator says it in its own words.
const OFFSETS: Verifying =
    Verifying { adds_from: 5, abortable_from: 4, unverified: ErrorCode::COORDINATOR_NOT_AVAILABLE };

/// What is known of the transactional batches of a request before the first is appended.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// All of the request is refused.
    pub(crate) whole: Option<(ErrorCode, &'static str)>,
    /// These partitions are.
    pub(crate) refused: BTreeMap<TopicPartition, ErrorCode>,
    /// These were asked about: a producer that they do not know begins at 0.
    pub(crate) asked: BTreeSet<TopicPartition>,
}

impl Verified {
    fn whole(code: ErrorCode, message: &'static str) -> Self {
        Self { whole: Some((code, message)), ..Self::default() }
    }

    /// Whether a partition cannot be added before the markers of the last transaction are written.
    pub(crate) fn is_concurrent(&self) -> bool {
        self.refused.values().any(|code| *code == ErrorCode::CONCURRENT_TRANSACTIONS)
    }
}

impl SimCluster {
    /// Verifies the transactional batches of a Produce request, and adds what is to be added.
    pub(crate) fn verify_produce(
        &mut self,
        at: Moment,
        broker: BrokerId,
        version: i16,
        request: &ProduceRequest,
        batches: &[Vec<IncomingBatch>],
    ) -> Verified {
        let transactional: Vec<_> = self.transactional(version, request, batches);
        if transactional.is_empty() {
            return Verified::default();
        }
        let Some(transactional_id) = request.transactional_id.as_deref() else {
            return Verified::whole(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "");
        };
        let producers: BTreeSet<ProducerIdentity> =
            transactional.iter().map(|(_, identity)| identity.producer).collect();
        if producers.len() > 1 {
            let message = "Transactional records contained more than one producer ID";
            return Verified::whole(ErrorCode::INVALID_PRODUCER_ID_MAPPING, message);
        }
        if self.settings.kafka_version < KafkaVersion::V3_9 {
            return Verified::default();
        }
        let mut verified = Verified::default();
        for (partition, identity) in &transactional {
            let producer = identity.producer;
            let is_known = self.is_open_in(partition, producer) || self.is_stale_in(partition, producer);
            if self.is_led_by(partition, broker) && !is_known {
                verified.asked.insert(partition.clone());
            }
        }
        let adds = version >= PRODUCE.adds_from;
        let producer = producers.into_iter().next().expect("there is a transactional batch");
        verified.refused = self.ask_coordinator(at, transactional_id, producer, adds, &verified.asked);
        for code in verified.refused.values_mut() {
            *code = as_told_by(&PRODUCE, version, *code);
        }
        for (partition, identity) in transactional {
            if verified.asked.contains(&partition)
                && !verified.refused.contains_key(&partition)
                && let Ok(found) = self.partition_mut(&partition)
            {
                found.transactions.note_asked(identity);
            }
        }
        verified
    }

    /// Verifies that the offsets of a group may be committed in a transaction, or adds the group.
    pub(crate) fn verify_group(
        &mut self,
        at: Moment,
        transactional_id: &str,
        producer: ProducerIdentity,
        group: &str,
        version: i16,
    ) -> ErrorCode {
        let log = self.offsets_log(group);
        let adds = version >= OFFSETS.adds_from;
        if self.settings.kafka_version >= KafkaVersion::V3_9 && !self.is_open_in(&log, producer) {
            let asked = BTreeSet::from([log.clone()]);
            let refused = self.ask_coordinator(at, transactional_id, producer, adds, &asked);
            if let Some(code) = refused.get(&log) {
                return as_told_by(&OFFSETS, version, *code);
            }
        }
        ErrorCode::NONE
    }

    /// Offsets of a group go into its log, as a batch would: the transaction is open there from now on.
    pub(crate) fn open_in_offsets(
        &mut self,
        at: Moment,
        producer: ProducerIdentity,
        group: &str,
    ) -> ErrorCode {
        let log = self.offsets_log(group);
        let Ok(partition) = self.partition_mut(&log) else { return ErrorCode::NOT_COORDINATOR };
        if partition.producers.epoch(producer.producer_id).is_some_and(|epoch| producer.epoch < epoch) {
            return ErrorCode::INVALID_PRODUCER_EPOCH;
        }
        let offset = partition.log.end_offset();
        partition.producers.take_epoch(Some(at.now), producer, None);
        partition.transactions.begin(producer.producer_id, offset);
        let entries = self.transactions.entries.iter();
        let owner = entries.filter(|(_, entry)| entry.producer().producer_id == producer.producer_id);
        if let Some(id) = owner.map(|(id, _)| id.clone()).next() {
            self.note_group(&id, group);
        }
        ErrorCode::NONE
    }

    /// The partitions with a transactional batch, and whose batch it is.
    fn transactional(
        &self,
        version: i16,
        request: &ProduceRequest,
        batches: &[Vec<IncomingBatch>],
    ) -> Vec<(TopicPartition, BatchIdentity)> {
        let by_id = version >= ProduceRequest::TOPIC_IDS_FROM;
        let mut found = Vec::new();
        for (data, batches) in request.topic_data.iter().zip(batches) {
            for (partition, batch) in data.partition_data.iter().zip(batches) {
                let IncomingBatch::One(content) = batch else { continue };
                let Some(identity) = content.header.identity().filter(|identity| identity.transactional)
                else {
                    continue;
                };
                // A topic that is not there is told so; its batch is transactional all the same.
                let topic = self.requested_topic(by_id, &data.name, data.topic_id);
                let name = topic.map_or(data.name.as_str(), |topic| topic.name.as_str());
                found.push((TopicPartition::new(name, partition.index), identity));
            }
        }
        found
    }

    fn is_led_by(&self, partition: &TopicPartition, broker: BrokerId) -> bool {
        self.partition(partition).is_ok_and(|found| found.leader == Some(broker))
    }

    /// Whether the transaction is open in the partition, so that the coordinator need not be asked. 3.9 does not compare the epoch.
    fn is_open_in(&self, partition: &TopicPartition, producer: ProducerIdentity) -> bool {
        let Ok(found) = self.partition(partition) else { return false };
        let compares = self.settings.kafka_version >= KafkaVersion::V4_3;
        let is_same = found.producers.epoch(producer.producer_id) == Some(producer.epoch);
        found.transactions.open_since(producer.producer_id).is_some() && (is_same || !compares)
    }

    /// Whether the partition itself knows the epoch to be old (TM-X3): 4.3 does not ask the coordinator then.
    fn is_stale_in(&self, partition: &TopicPartition, producer: ProducerIdentity) -> bool {
        let epoch =
            self.partition(partition).ok().and_then(|found| found.producers.epoch(producer.producer_id));
        self.settings.kafka_version >= KafkaVersion::V4_3 && epoch.is_some_and(|epoch| producer.epoch < epoch)
    }

    /// Asks the coordinator of an id about partitions, or has them added; a broker finds it without a look-up.
    fn ask_coordinator(
        &mut self,
        at: Moment,
        transactional_id: &str,
        producer: ProducerIdentity,
        adds: bool,
        partitions: &BTreeSet<TopicPartition>,
    ) -> BTreeMap<TopicPartition, ErrorCode> {
        let coordinator = self.transaction_coordinator(transactional_id);
        let mut answer = |asked: Vec<TopicPartition>| match coordinator {
            None => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            Some(broker) => {
                let asking = Asking { broker, transactional_id, producer };
                if adds {
                    self.add_to_transaction(at, &asking, asked)
                } else {
                    asked.iter().try_for_each(|partition| self.is_in_transaction(at, &asking, partition))
                }
            }
        };
        if adds && !partitions.is_empty() {
            let added = answer(partitions.iter().cloned().collect());
            let code = added.err();
            return partitions.iter().filter_map(|partition| Some((partition.clone(), code?))).collect();
        }
        let one =
            |partition: &TopicPartition| Some((partition.clone(), answer(vec![partition.clone()]).err()?));
        partitions.iter().filter_map(one).collect()
    }
}

/// How a broker passes on what the coordinator answered it.
fn as_told_by(api: &Verifying, version: i16, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if version < api.abortable_from => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::CONCURRENT_TRANSACTIONS if version >= api.adds_from => code,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR
        | ErrorCode::CONCURRENT_TRANSACTIONS => api.unverified,
        code => code,
    }
}
