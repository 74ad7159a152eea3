//! InitProducerId with a transactional id: the first pair, which fences older instances, and the next epoch behind a transaction that
//! was left unclean (TX3, KIP-360, TC2, TC3, TC12, TC13).

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, Setback, answered_by, failure_of};
use crate::transaction::protocol::{choose, init_versions, offers_v2};
use crate::transaction::reaction::{Reaction, reaction};
use crate::transaction::{Errand, InitTransactions, Renewal};
use crate::{Output, TransactionFailure, TransactionFailureKind, TransactionOutput};
use bytes::Bytes;
use kp_client::Nodes;
use kp_protocol::api::{InitProducerIdRequest, InitProducerIdResponse};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, KafkaString, Message, ProducerIdentity, ProtocolError, Segments, encode_body,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From this epoch on a repeated request may be answered with UNKNOWN_SERVER_ERROR: a broker's bug at the edge (TM-X6).
const LAST_EPOCHS: i16 = i16::MAX - 2;

impl Question for InitTransactions {
    const API: ApiKey = ApiKey::InitProducerId;
    type Answer = InitProducerIdResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.init
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        transacting::due(cx, rooms, Errand::Init)
    }

    fn target(_cx: &Context<'_>, rooms: &Rooms, _nodes: &mut dyn Nodes) -> Option<BrokerId> {
        rooms.transactions.coordinator_for(Errand::Init)
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, node: &ReadyNode) -> Self {
        rooms.transactions.offers_v2 = offers_v2(&node.versions);
        let pair = match rooms.transactions.renewal {
            Renewal::Bump(pair) => Some(pair),
            Renewal::Nothing | Renewal::First => None,
        };
        Self { id: cx.transactional_id(), timeout: cx.transaction_timeout(), pair }
    }

    fn version(rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        let has_pair = matches!(rooms.transactions.renewal, Renewal::Bump(_));
        node.versions.negotiate_within(Self::API, init_versions(has_pair))
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let (producer_id, producer_epoch) = self.pair.map_or((-1, -1), |pair| (pair.producer_id, pair.epoch));
        let request = InitProducerIdRequest {
            transactional_id: Some(KafkaString::from(&*self.id)),
            transaction_timeout_ms: i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX),
            producer_id,
            producer_epoch,
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
        let pair = ProducerIdentity { producer_id: answer.producer_id, epoch: answer.producer_epoch };
        let code = answer.error_code;
        if code.is_ok() && pair.producer_id >= 0 && pair.epoch >= 0 {
            return self.take_over(cx, rooms, pair);
        }
        let is_at_the_edge = self.pair.is_some_and(|pair| pair.epoch >= LAST_EPOCHS); // TC5
        let reaction = match code {
            ErrorCode::NONE => Reaction::Again,
            ErrorCode::UNKNOWN_SERVER_ERROR if is_at_the_edge => Reaction::Again,
            code => reaction(Self::API, code),
        };
        let hold_back = |cx: &mut Context<'_>, rooms: &mut Rooms, setback| {
            transacting::hold_back(cx, rooms, Errand::Init, (Self::API, broker, code), setback);
        };
        match reaction {
            Reaction::Briefly => hold_back(cx, rooms, Setback::Briefly), // TC19
            Reaction::Again => hold_back(cx, rooms, Setback::Again),
            Reaction::LookUp => hold_back(cx, rooms, Setback::Moved),
            Reaction::Refuse | Reaction::Doom | Reaction::EpochOver => {
                transacting::refuse_init(cx, rooms, failure_of(Self::API, answered_by(broker, code), 1));
            }
            Reaction::Finish => {
                let failure = failure_of(Self::API, answered_by(broker, code), 1);
                // TM-T7: Kafka 3.9 renews no pair that has timed out, and calls it fenced.
                let failure = match rooms.transactions.timed_out.take() {
                    Some(timed_out) => TransactionFailure { kind: timed_out.kind, ..failure },
                    None => failure,
                };
                transacting::finish(cx, rooms, failure);
            }
        }
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        // TC13: a repeat raises the epoch once more, and only the last answer counts.
        transacting::coordinator_is_gone(cx, rooms, Errand::Init, (Self::API, Some(loss)));
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, _asked: Option<Self>) {
        transacting::coordinator_is_gone(cx, rooms, Errand::Init, (Self::API, None));
    }

    fn not_offered(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
        let name = rooms.cluster.name_of(broker);
        let words = match rooms.transactions.renewal {
            Renewal::Bump(_) => format!(
                "{name} speaks no InitProducerId 3 (Kafka 2.5), which the next transaction needs behind one \
                 that was left with requests unanswered"
            ),
            Renewal::Nothing | Renewal::First => format!("{name} speaks no InitProducerId (Kafka 0.11)"),
        };
        let failure =
            TransactionFailure::of(TransactionFailureKind::Unsupported { reason: Arc::from(words) });
        match rooms.transactions.renewal {
            Renewal::Bump(_) => transacting::finish(cx, rooms, failure),
            Renewal::Nothing | Renewal::First => transacting::refuse_init(cx, rooms, failure),
        }
    }
}

impl InitTransactions {
    fn take_over(self, cx: &mut Context<'_>, rooms: &mut Rooms, pair: ProducerIdentity) {
        let is_first = std::mem::replace(&mut rooms.transactions.renewal, Renewal::Nothing) == Renewal::First;
        rooms.transactions.timed_out = None;
        rooms.transactions.go_on();
        rooms.idempotence.is_given(cx, &mut rooms.cluster, pair);
        // Brokers that were asked while there was no pair may take something now.
        rooms.cluster.brokers.begin_cycle(cx.now);
        if is_first {
            let protocol = choose(rooms.cluster.transaction_version(), rooms.transactions.offers_v2);
            rooms.idempotence.transaction.speak(protocol);
            cx.put(Output::Transaction(TransactionOutput::Initialized { producer: pair, protocol }));
        }
    }
}
