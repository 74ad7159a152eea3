//! AddPartitionsToTxn: the first protocol's way to make partitions part of the transaction, before anything is written to them (TX7,
//! TC8). Those that wait go in one request.

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::exchanges::partition_codes::PartitionCodes;
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, Setback, answered_by, failure_of};
use crate::transaction::facts::Wanted;
use crate::transaction::{AddPartitions, Errand};
use crate::{TransactionFailure, TransactionFailureKind, TransactionProtocol};
use bytes::Bytes;
use kp_client::{Nodes, Written};
use kp_protocol::api::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnTopic};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, KafkaString, Message, ProtocolError, Segments, TopicPartition, encode_body,
};
use std::time::{Duration, Instant};

impl Question for AddPartitions {
    const API: ApiKey = ApiKey::AddPartitionsToTxn;
    type Answer = AddPartitionsToTxnResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.partitions
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        transacting::due(cx, rooms, Errand::AddPartitions)
    }

    fn target(_cx: &Context<'_>, rooms: &Rooms, _nodes: &mut dyn Nodes) -> Option<BrokerId> {
        rooms.transactions.coordinator_for(Errand::AddPartitions)
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, _node: &ReadyNode) -> Self {
        let facts = &mut rooms.idempotence.transaction;
        let mut partitions = facts.take_wanted();
        partitions.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
        facts.attempt(cx.now);
        Self { id: cx.transactional_id(), pair: transacting::pair_to_write_under(rooms), partitions }
    }

    fn version(_rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        // TC17
        node.versions.negotiate_within(Self::API, TransactionProtocol::V1.versions(Self::API))
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        // TC22: one without topics would open a transaction. There is always one: they are what makes it due.
        debug_assert!(!self.partitions.is_empty(), "it is asked about partitions");
        let of_topics = self.partitions.chunk_by(|(_, one), (_, other)| one.topic == other.topic);
        let topics = of_topics.map(|partitions| AddPartitionsToTxnTopic {
            name: KafkaString::from(&partitions[0].1.topic),
            partitions: partitions.iter().map(|(_, partition)| partition.partition.0).collect(),
            ..Default::default()
        });
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: KafkaString::from(&*self.id),
            v3_and_below_producer_id: self.pair.producer_id,
            v3_and_below_producer_epoch: self.pair.epoch,
            v3_and_below_topics: topics.collect(),
            ..Default::default()
        };
        encode_body(version, &request)
    }

    fn parse(body: &Bytes, version: i16) -> Result<AddPartitionsToTxnResponse, ProtocolError> {
        AddPartitionsToTxnResponse::parse(body, version)
    }

    fn throttle(answer: &AddPartitionsToTxnResponse) -> Duration {
        question::wait_of(answer.throttle_time_ms)
    }

    fn answered(
        self,
        cx: &mut Context<'_>,
        rooms: &mut Rooms,
        broker: BrokerId,
        answer: AddPartitionsToTxnResponse,
    ) {
        let codes = codes_of(&answer);
        let mut again = Vec::new();
        let mut setback = None;
        let is_first = !rooms.idempotence.transaction.has_added();
        for (queue, partition) in self.partitions {
            match codes.of(&partition) {
                Some(ErrorCode::NONE) => rooms.idempotence.transaction.added(queue),
                // Others of the request were refused (TX32, TM-A3).
                Some(ErrorCode::OPERATION_NOT_ATTEMPTED) => again.push((queue, partition)),
                // An answer that leaves it out says nothing.
                None => {
                    rooms.idempotence.transaction.leave_unclean();
                    again.push((queue, partition));
                }
                Some(code) => {
                    if transacting::leaves_open(code) {
                        rooms.idempotence.transaction.leave_unclean();
                    }
                    if let Some(next) = refused(cx, rooms, broker, (&partition, code)) {
                        setback = worse(setback, (next, code));
                        again.push((queue, partition));
                    }
                }
            }
        }
        // Brokers that were asked in vain may take something now.
        rooms.cluster.brokers.begin_cycle(cx.now);
        go_on(cx, rooms, broker, (again, setback), is_first);
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        let facts = &mut rooms.idempotence.transaction;
        if loss.written == Written::Perhaps {
            facts.leave_unclean(); // TM-L2
        }
        facts.want_again(self.partitions);
        transacting::coordinator_is_gone(cx, rooms, Errand::AddPartitions, (Self::API, Some(loss)));
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, asked: Option<Self>) {
        rooms.idempotence.transaction.want_again(asked.into_iter().flat_map(|asked| asked.partitions));
        transacting::coordinator_is_gone(cx, rooms, Errand::AddPartitions, (Self::API, None));
    }
}

fn codes_of(answer: &AddPartitionsToTxnResponse) -> PartitionCodes<'_> {
    let of_topic = answer.results_by_topic_v3_and_below.iter().flat_map(|topic| {
        let of_partition = topic.results_by_partition.iter();
        of_partition.map(|of| (&topic.name, of.partition_index, of.partition_error_code))
    });
    of_topic.collect()
}

/// `Some`: it may be asked again.
fn refused(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    broker: BrokerId,
    (partition, code): (&TopicPartition, ErrorCode),
) -> Option<Setback> {
    let api = ApiKey::AddPartitionsToTxn;
    let failure = failure_of(api, answered_by(broker, code), 1);
    let kind = match failure.kind {
        TransactionFailureKind::Refused { code, .. } if code.is_known() => {
            TransactionFailureKind::Partition { partition: partition.clone(), code }
        }
        other => other,
    };
    transacting::doom(cx, rooms, api, TransactionFailure { kind, ..failure })
}

/// A coordinator that has moved comes before a wait.
fn worse(one: Option<(Setback, ErrorCode)>, other: (Setback, ErrorCode)) -> Option<(Setback, ErrorCode)> {
    match one {
        Some((Setback::Moved, _)) => one,
        Some((Setback::Again, _)) if other.0 == Setback::Briefly => one,
        _ => Some(other),
    }
}

fn go_on(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    broker: BrokerId,
    (again, setback): (Vec<Wanted>, Option<(Setback, ErrorCode)>),
    is_first: bool,
) {
    let is_left = !again.is_empty();
    rooms.idempotence.transaction.want_again(again);
    let (setback, code) = match setback {
        None if !is_left => return rooms.transactions.go_on(),
        None => (Setback::Again, ErrorCode::OPERATION_NOT_ATTEMPTED),
        // TX8: only in front of the first one is a marker round of the last transaction likely.
        Some((Setback::Briefly, code)) if !is_first => (Setback::Again, code),
        Some(setback) => setback,
    };
    let said = (ApiKey::AddPartitionsToTxn, broker, code);
    transacting::hold_back(cx, rooms, Errand::AddPartitions, said, setback);
}
