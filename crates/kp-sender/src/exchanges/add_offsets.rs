//! AddOffsetsToTxn: the first protocol's way to make a group's offsets part of the transaction, before they are committed (TX21).

use crate::TransactionProtocol;
use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, answered_by, failure_of};
use crate::transaction::{AddOffsets, Errand};
use bytes::Bytes;
use kp_client::{Nodes, Written};
use kp_protocol::api::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use kp_protocol::{ApiKey, BrokerId, KafkaString, Message, ProtocolError, Segments, encode_body};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Question for AddOffsets {
    const API: ApiKey = ApiKey::AddOffsetsToTxn;
    type Answer = AddOffsetsToTxnResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.group
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        transacting::due(cx, rooms, Errand::AddOffsets)
    }

    fn target(_cx: &Context<'_>, rooms: &Rooms, _nodes: &mut dyn Nodes) -> Option<BrokerId> {
        rooms.transactions.coordinator_for(Errand::AddOffsets)
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, _node: &ReadyNode) -> Self {
        rooms.idempotence.transaction.attempt(cx.now);
        let first = rooms.transactions.offsets.first();
        let group = first.map_or_else(|| Arc::from(""), |wanted| Arc::clone(&wanted.group.group_id));
        Self { id: cx.transactional_id(), pair: transacting::pair_to_write_under(rooms), group }
    }

    fn version(_rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        node.versions.negotiate_within(Self::API, TransactionProtocol::V1.versions(Self::API))
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let request = AddOffsetsToTxnRequest {
            transactional_id: KafkaString::from(&*self.id),
            producer_id: self.pair.producer_id,
            producer_epoch: self.pair.epoch,
            group_id: KafkaString::from(&*self.group),
            ..Default::default()
        };
        encode_body(version, &request)
    }

    fn parse(body: &Bytes, version: i16) -> Result<AddOffsetsToTxnResponse, ProtocolError> {
        AddOffsetsToTxnResponse::parse(body, version)
    }

    fn throttle(answer: &AddOffsetsToTxnResponse) -> Duration {
        question::wait_of(answer.throttle_time_ms)
    }

    fn answered(
        self,
        cx: &mut Context<'_>,
        rooms: &mut Rooms,
        broker: BrokerId,
        answer: AddOffsetsToTxnResponse,
    ) {
        let code = answer.error_code;
        if code.is_ok() {
            rooms.idempotence.transaction.added_group(self.group);
            return rooms.transactions.go_on();
        }
        if transacting::leaves_open(code) {
            rooms.idempotence.transaction.leave_unclean();
        }
        let failure = failure_of(Self::API, answered_by(broker, code), 1);
        if let Some(setback) = transacting::doom(cx, rooms, Self::API, failure) {
            transacting::hold_back(cx, rooms, Errand::AddOffsets, (Self::API, broker, code), setback);
        }
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        if loss.written == Written::Perhaps {
            rooms.idempotence.transaction.leave_unclean(); // TM-L2
        }
        transacting::coordinator_is_gone(cx, rooms, Errand::AddOffsets, (Self::API, Some(loss)));
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, _asked: Option<Self>) {
        transacting::coordinator_is_gone(cx, rooms, Errand::AddOffsets, (Self::API, None));
    }
}
