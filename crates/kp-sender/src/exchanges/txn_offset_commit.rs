//! TxnOffsetCommit: a group's offsets, to the group's coordinator; visible with the transaction, or not at all (KIP-447, TX21–TX23,
//! TC16). What was refused for a while is asked for again alone.

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::exchanges::partition_codes::PartitionCodes;
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, Setback, answered_by, failure_of};
use crate::transaction::{CommitOffsets, Errand};
use crate::{CommittedOffset, Output, TransactionFailure, TransactionFailureKind, TransactionOutput};
use bytes::Bytes;
use kp_client::{Nodes, Written};
use kp_protocol::api::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, KafkaString, Message, ProtocolError, Segments, TopicPartition, encode_body,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Group metadata came with this version (KIP-447).
const GROUP_METADATA_FROM: i16 = 3;

impl Question for CommitOffsets {
    const API: ApiKey = ApiKey::TxnOffsetCommit;
    type Answer = TxnOffsetCommitResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.offsets
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        transacting::due(cx, rooms, Errand::CommitOffsets)
    }

    fn target(_cx: &Context<'_>, rooms: &Rooms, _nodes: &mut dyn Nodes) -> Option<BrokerId> {
        rooms.transactions.coordinator_for(Errand::CommitOffsets)
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, _node: &ReadyNode) -> Self {
        rooms.idempotence.transaction.attempt(cx.now);
        let (id, pair) = (cx.transactional_id(), transacting::pair_to_write_under(rooms));
        let first = rooms.transactions.offsets.first_mut();
        let first = first.expect("it is due only while offsets wait");
        first.attempts = first.attempts.saturating_add(1);
        Self { id, pair, group: first.group.clone(), offsets: first.left.clone() }
    }

    fn version(rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        let has_member = rooms.transactions.offsets.first().is_some_and(|wanted| wanted.group.has_member());
        let within = rooms.idempotence.transaction.protocol().offset_versions(has_member);
        node.versions.negotiate_within(Self::API, within)
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let of_topics = self.offsets.chunk_by(|(one, _), (other, _)| one.topic == other.topic);
        let topics = of_topics.map(|partitions| TxnOffsetCommitRequestTopic {
            name: KafkaString::from(&partitions[0].0.topic),
            partitions: partitions.iter().map(as_partition).collect(),
            ..Default::default()
        });
        let mut request = TxnOffsetCommitRequest {
            transactional_id: KafkaString::from(&*self.id),
            group_id: KafkaString::from(&*self.group.group_id),
            producer_id: self.pair.producer_id,
            producer_epoch: self.pair.epoch,
            topics: topics.collect(),
            ..Default::default()
        };
        if version >= GROUP_METADATA_FROM {
            request.generation_id_or_member_epoch = self.group.generation;
            request.member_id = KafkaString::from(&*self.group.member_id);
            request.group_instance_id = self.group.instance_id.as_deref().map(KafkaString::from);
        }
        encode_body(version, &request)
    }

    fn parse(body: &Bytes, version: i16) -> Result<TxnOffsetCommitResponse, ProtocolError> {
        TxnOffsetCommitResponse::parse(body, version)
    }

    fn throttle(answer: &TxnOffsetCommitResponse) -> Duration {
        question::wait_of(answer.throttle_time_ms)
    }

    fn answered(
        self,
        cx: &mut Context<'_>,
        rooms: &mut Rooms,
        broker: BrokerId,
        answer: TxnOffsetCommitResponse,
    ) {
        let codes = codes_of(&answer);
        let mut left = Vec::new();
        let mut setback = None;
        let attempts = rooms.transactions.offsets.first().map_or(1, |first| first.attempts);
        for (partition, offset) in self.offsets {
            // A partition that is left out is not answered.
            let code = codes.of(&partition).unwrap_or(ErrorCode::REQUEST_TIMED_OUT);
            if code.is_ok() {
                continue;
            }
            let failure = failure_of(Self::API, answered_by(broker, code), attempts);
            if let Some(next) = transacting::doom(cx, rooms, Self::API, failure) {
                let is_worse = setback.is_none_or(|(before, _)| before != Setback::Moved);
                setback = if is_worse { Some((next, code)) } else { setback };
            }
            left.push((partition, offset));
        }
        go_on(cx, rooms, broker, left, setback);
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        if loss.written == Written::Perhaps {
            // TM-L11: also when its repeat is answered, a late copy sets the offsets back.
            rooms.idempotence.transaction.leave_unclean();
            rooms.transactions.offsets.set_adrift(&self.group.group_id, self.offsets);
        }
        transacting::coordinator_is_gone(cx, rooms, Errand::CommitOffsets, (Self::API, Some(loss)));
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, _asked: Option<Self>) {
        transacting::coordinator_is_gone(cx, rooms, Errand::CommitOffsets, (Self::API, None));
    }

    /// TX23: without the group's metadata its offsets are not fenced, and nothing else is sent in their place.
    fn not_offered(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
        let name = rooms.cluster.name_of(broker);
        let words = format!("{name} is too old for offsets of a group's member in a transaction (Kafka 2.5)");
        let kind = TransactionFailureKind::Unsupported { reason: Arc::from(words) };
        transacting::finish(cx, rooms, TransactionFailure::of(kind));
    }
}

fn as_partition(
    (partition, committed): &(TopicPartition, CommittedOffset),
) -> TxnOffsetCommitRequestPartition {
    TxnOffsetCommitRequestPartition {
        partition_index: partition.partition.0,
        committed_offset: committed.offset,
        committed_leader_epoch: committed.leader_epoch.unwrap_or(-1),
        // Never null: older brokers refuse that.
        committed_metadata: Some(KafkaString::from(committed.metadata.as_deref().unwrap_or(""))),
        ..Default::default()
    }
}

fn codes_of(answer: &TxnOffsetCommitResponse) -> PartitionCodes<'_> {
    let of_topic = answer.topics.iter().flat_map(|topic| {
        let of_partition = topic.partitions.iter();
        of_partition.map(|of| (&topic.name, of.partition_index, of.error_code))
    });
    of_topic.collect()
}

fn go_on(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    broker: BrokerId,
    left: Vec<(TopicPartition, CommittedOffset)>,
    setback: Option<(Setback, ErrorCode)>,
) {
    let doom = rooms.idempotence.transaction.doom().cloned();
    let Some(first) = rooms.transactions.offsets.first_mut() else { return };
    let ticket = first.ticket;
    let is_done = left.is_empty();
    first.left = left;
    let result = match (is_done, doom, setback) {
        (true, ..) => {
            rooms.transactions.go_on();
            Ok(())
        }
        (false, Some(why), _) => Err(why),
        (false, None, Some((setback, code))) => {
            let said = (ApiKey::TxnOffsetCommit, broker, code);
            return transacting::hold_back(cx, rooms, Errand::CommitOffsets, said, setback);
        }
        // Being aborted, as it was wanted.
        (false, None, None) => Err(transacting::was_aborted()),
    };
    rooms.transactions.offsets.pop();
    cx.put(Output::Transaction(TransactionOutput::OffsetsSent { ticket, result }));
}
