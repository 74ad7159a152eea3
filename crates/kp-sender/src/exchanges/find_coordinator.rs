//! FindCoordinator: who coordinates the transactional id, or a group (TC23). It goes before anything else that a coordinator is asked,
//! also because it makes the cluster create the topics that coordinators live in.

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, answered_by, failure_of};
use crate::transaction::coordinator::Coordinator;
use crate::transaction::reaction::{Reaction, reaction};
use crate::transaction::{Errand, FindCoordinator, Renewal};
use crate::{TransactionFailure, TransactionFailureKind};
use bytes::Bytes;
use kp_protocol::api::{FindCoordinatorRequest, FindCoordinatorResponse};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, KafkaString, Message, ProtocolError, Segments, VersionRange, encode_body,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Version 0 knows no transactional ids (TM-F3), from this one on several keys go at once.
const TRANSACTIONS_FROM: i16 = 1;
const KEYS_FROM: i16 = 4;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// What an answer says, whatever its version.
pub(crate) struct Found {
    code: ErrorCode,
    broker: BrokerId,
    throttle_ms: i32,
}

impl Question for FindCoordinator {
    const API: ApiKey = ApiKey::FindCoordinator;
    type Answer = Found;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.lookup
    }

    /// Once a coordinator is to be asked that is not known. A broker that is named must be one of the cluster's.
    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        let errand = rooms.errand()?;
        let is_known = rooms.transactions.coordinator_for(errand).is_some();
        if is_known || rooms.cluster.snapshot().is_bootstrap() {
            return None;
        }
        let group = rooms.transactions.group.as_ref().map(|(_, coordinator)| coordinator);
        let coordinator = match errand {
            Errand::CommitOffsets => group,
            _ => Some(&rooms.transactions.coordinator),
        };
        Some(coordinator.map_or(cx.now, |coordinator| coordinator.lookup.due(cx.now)))
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, _node: &ReadyNode) -> Self {
        Self::wanted(cx, rooms)
    }

    fn version(_rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        let within = VersionRange::new(TRANSACTIONS_FROM, ApiKey::FindCoordinator.offered().max);
        node.versions.negotiate_within(ApiKey::FindCoordinator, within)
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let (key, key_type) = match self {
            Self::Group(group) => (KafkaString::from(&**group), GROUP),
            Self::Transaction(id) => (KafkaString::from(&**id), TRANSACTION),
        };
        let request = if version >= KEYS_FROM {
            FindCoordinatorRequest { key_type, coordinator_keys: vec![key], ..Default::default() }
        } else {
            FindCoordinatorRequest { key, key_type, ..Default::default() }
        };
        encode_body(version, &request)
    }

    fn parse(body: &Bytes, version: i16) -> Result<Found, ProtocolError> {
        let answer = FindCoordinatorResponse::parse(body, version)?;
        let throttle_ms = answer.throttle_time_ms;
        let (code, node_id) = match answer.coordinators.first() {
            _ if version < KEYS_FROM => (answer.error_code, answer.node_id),
            Some(first) => (first.error_code, first.node_id),
            // It says nothing about the key.
            None => (ErrorCode::COORDINATOR_NOT_AVAILABLE, -1),
        };
        Ok(Found { code, broker: BrokerId(node_id), throttle_ms })
    }

    fn throttle(answer: &Found) -> Duration {
        question::wait_of(answer.throttle_ms)
    }

    fn answered(self, cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId, answer: Found) {
        let Found { code, broker: found, .. } = answer;
        if code.is_ok() {
            if rooms.cluster.snapshot().broker(found).is_some() {
                return self.coordinator(rooms).found(found);
            }
            // The picture of the cluster is older than that broker.
            rooms.cluster.metadata.request_update();
            return self.later(
                cx,
                rooms,
                &format!("broker {found}, which coordinates, is not in the metadata yet"),
            );
        }
        let failure = failure_of(Self::API, answered_by(broker, code), 1);
        match reaction(Self::API, code) {
            Reaction::Again | Reaction::Briefly | Reaction::LookUp => {
                let words = format!("{code} from {}", rooms.cluster.name_of(broker));
                self.later(cx, rooms, &words);
            }
            // What may be committed is given up for no code that says nothing about this producer (TC4).
            Reaction::Finish
                if rooms.transactions.ending_mut().is_some()
                    && code != ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED =>
            {
                self.later(cx, rooms, &code.to_string());
            }
            // Nothing is at stake yet: it may be mended, and asked again.
            Reaction::Finish if rooms.transactions.renewal == Renewal::First => {
                transacting::refuse_init(cx, rooms, failure);
            }
            Reaction::Finish => transacting::finish(cx, rooms, failure),
            Reaction::Doom | Reaction::EpochOver | Reaction::Refuse => {
                rooms.idempotence.transaction.doom_it(cx, failure.clone());
                if rooms.transactions.renewal == Renewal::First {
                    return transacting::refuse_init(cx, rooms, failure);
                }
                self.later(cx, rooms, &code.to_string());
            }
        }
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        self.later(cx, rooms, &loss.reason);
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, asked: Option<Self>) {
        let asked = asked.unwrap_or_else(|| Self::wanted(cx, rooms));
        let why = rooms.cluster.brokers.why_unreachable();
        asked.later(cx, rooms, why.as_deref().unwrap_or("no broker can be reached"));
    }

    fn not_offered(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
        let words = format!("{} is too old for transactions (Kafka 0.11)", rooms.cluster.name_of(broker));
        if rooms.transactions.renewal == Renewal::First {
            let kind = TransactionFailureKind::Unsupported { reason: Arc::from(words) };
            return transacting::refuse_init(cx, rooms, TransactionFailure::of(kind));
        }
        rooms.cluster.note_unreachable(broker, Arc::from(words));
        Self::failed(cx, rooms, None);
    }
}

impl FindCoordinator {
    /// Whose coordinator the next errand needs.
    fn wanted(cx: &Context<'_>, rooms: &Rooms) -> Self {
        let errand = rooms.errand();
        let first = rooms.transactions.offsets.first().filter(|_| errand == Some(Errand::CommitOffsets));
        match first.map(|wanted| Arc::clone(&wanted.group.group_id)) {
            Some(group) => Self::Group(group),
            None => Self::Transaction(cx.transactional_id()),
        }
    }

    /// Where the answer is kept: that of one group at a time.
    fn coordinator<'a>(&self, rooms: &'a mut Rooms) -> &'a mut Coordinator {
        let transactions = &mut rooms.transactions;
        match self {
            Self::Transaction(_) => &mut transactions.coordinator,
            Self::Group(group) => {
                let known = transactions.group.take().filter(|(known, _)| known == group);
                let known = known.unwrap_or_else(|| (Arc::clone(group), Coordinator::default()));
                &mut transactions.group.insert(known).1
            }
        }
    }

    fn later(&self, cx: &mut Context<'_>, rooms: &mut Rooms, words: &str) {
        self.coordinator(rooms).lookup.back_off(cx);
        let reason = Arc::from(format!("{}: {words}", Self::API));
        rooms.transactions.stall(cx, &rooms.idempotence.transaction, reason);
    }
}
