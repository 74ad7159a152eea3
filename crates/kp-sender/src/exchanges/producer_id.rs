//! InitProducerId: when it is asked, and what its answer means (ID1, ID2).

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::idempotence::InitProducerId;
use crate::question::{self, Question};
use crate::rooms::Rooms;
use crate::settings::IdempotenceSetting;
use bytes::Bytes;
use kp_accumulator::{BrokerError, FailureKind};
use kp_protocol::api::{InitProducerIdRequest, InitProducerIdResponse};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, Message, ProducerIdentity, ProtocolError, Segments, encode_body,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Said behind the broker that was asked.
const NOT_OFFERED: &str = "speaks no InitProducerId (Kafka 0.11 and newer do), which enable.idempotence=true needs; \
                           leave the key out to send without";

impl Question for InitProducerId {
    const API: ApiKey = ApiKey::InitProducerId;
    type Answer = InitProducerIdResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.idempotence.exchange
    }

    /// Once records wait for it.
    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        // A transactional producer gets its pair from the coordinator.
        let is_asked_here =
            rooms.idempotence.has_records && !rooms.idempotence.transaction.is_transactional();
        rooms.idempotence.identity.due(cx.now).filter(|_| is_asked_here)
    }

    fn compose(_cx: &mut Context<'_>, _rooms: &mut Rooms, _node: &ReadyNode) -> Self {
        Self
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        encode_body(version, &request)
    }

    fn parse(body: &Bytes, version: i16) -> Result<InitProducerIdResponse, ProtocolError> {
        InitProducerIdResponse::parse(body, version)
    }

    fn throttle(answer: &InitProducerIdResponse) -> Duration {
        question::wait_of(answer.throttle_time_ms)
    }

    fn answered(
        self,
        cx: &mut Context<'_>,
        rooms: &mut Rooms,
        broker: BrokerId,
        answer: InitProducerIdResponse,
    ) {
        let identity = ProducerIdentity { producer_id: answer.producer_id, epoch: answer.producer_epoch };
        match answer.error_code {
            code if code.is_ok() && identity.producer_id >= 0 && identity.epoch >= 0 => {
                rooms.idempotence.is_given(cx, &mut rooms.cluster, identity);
            }
            code if code.is_ok() || code.is_retriable() => {
                let words = match code {
                    ErrorCode::NONE => {
                        format!("no producer id: {} under epoch {}", identity.producer_id, identity.epoch)
                    }
                    code => format!("no producer id: {code}"),
                };
                rooms.idempotence.last_refusal = Some(said_by(rooms, broker, code, &words));
                rooms.idempotence.ask_later(cx);
            }
            code => {
                // ID2: what waits fails; a send after that makes it be asked again.
                let last = said_by(rooms, broker, code, &format!("no producer id: {code}"));
                rooms.idempotence.ask_anew();
                rooms.fail_all_queued(cx, FailureKind::Refused(code), &last);
            }
        }
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, _asked: Option<Self>) {
        rooms.idempotence.ask_later(cx);
    }

    /// The broker that described the cluster gives producer ids, and this one does not: a cluster that is being upgraded.
    fn not_offered(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
        let idempotence = &mut rooms.idempotence;
        match cx.settings.idempotence {
            IdempotenceSetting::Required => {
                idempotence.ask_later(cx);
                let last = said_by(rooms, broker, ErrorCode::UNSUPPORTED_VERSION, NOT_OFFERED);
                rooms.fail_all_queued(cx, FailureKind::UnsupportedVersion, &last);
            }
            // Batches are numbered already, and none of them may go out under no number (rule iii).
            _ if idempotence.was_known() => idempotence.ask_later(cx),
            _ => {
                idempotence.go_without(cx, &rooms.cluster, broker);
                // Brokers that were asked in vain may take something now.
                rooms.cluster.brokers.begin_cycle(cx.now);
            }
        }
    }
}

fn said_by(rooms: &Rooms, broker: BrokerId, code: ErrorCode, words: &str) -> BrokerError {
    let message = format!("{}: {words}", rooms.cluster.name_of(broker));
    BrokerError { code, message: Some(Arc::from(message)), broker: Some(broker) }
}
