//! DescribeTransactions (KIP-664): how the first protocol tells a transaction that the coordinator has timed out from one whose
//! producer is fenced (TC21). Asked only when the epoch is said to be over, and it harms no other producer (TC12).

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, Ended, Setback, answered_by, failure_of};
use crate::transaction::proof::Decision;
use crate::transaction::{DescribeTransaction, Ending, Errand, Phase, Renewal};
use bytes::Bytes;
use kp_client::Nodes;
use kp_protocol::api::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, DescribeTransactionsTransactionState,
};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, KafkaString, Message, ProducerIdentity, ProtocolError, Segments, encode_body,
};
use std::time::{Duration, Instant};

impl Question for DescribeTransaction {
    const API: ApiKey = ApiKey::DescribeTransactions;
    type Answer = DescribeTransactionsResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.describe
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        transacting::due(cx, rooms, Errand::Describe)
    }

    fn target(_cx: &Context<'_>, rooms: &Rooms, _nodes: &mut dyn Nodes) -> Option<BrokerId> {
        rooms.transactions.coordinator_for(Errand::Describe)
    }

    fn compose(cx: &mut Context<'_>, _rooms: &mut Rooms, _node: &ReadyNode) -> Self {
        Self { id: cx.transactional_id() }
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let transactional_ids = vec![KafkaString::from(&*self.id)];
        encode_body(version, &DescribeTransactionsRequest { transactional_ids, ..Default::default() })
    }

    fn parse(body: &Bytes, version: i16) -> Result<DescribeTransactionsResponse, ProtocolError> {
        DescribeTransactionsResponse::parse(body, version)
    }

    fn throttle(answer: &DescribeTransactionsResponse) -> Duration {
        question::wait_of(answer.throttle_time_ms)
    }

    fn answered(
        self,
        cx: &mut Context<'_>,
        rooms: &mut Rooms,
        broker: BrokerId,
        answer: DescribeTransactionsResponse,
    ) {
        let Phase::Ending(Ending { pair, .. }) = rooms.transactions.phase else { return };
        let was_open = rooms.idempotence.transaction.has_added();
        let state = answer.transaction_states.first();
        let code = state.map_or(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND, |state| state.error_code);
        let setback = match code {
            ErrorCode::NONE => state.filter(|_| was_open).and_then(|state| standing(state, pair)),
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                Some(Standing::NotYet(Setback::Moved))
            }
            code if code.is_retriable() => Some(Standing::NotYet(Setback::Again)),
            _ => None,
        };
        match setback {
            Some(Standing::NotYet(setback)) => {
                let said = (Self::API, broker, code);
                transacting::hold_back(cx, rooms, Errand::Describe, said, setback);
            }
            Some(Standing::TimedOut) => has_timed_out(cx, rooms),
            None => is_fenced(cx, rooms, broker),
        }
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        transacting::coordinator_is_gone(cx, rooms, Errand::Describe, (Self::API, Some(loss)));
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, _asked: Option<Self>) {
        transacting::coordinator_is_gone(cx, rooms, Errand::Describe, (Self::API, None));
    }

    /// Kafka below 3.0 cannot tell: a producer that is refused there is fenced.
    fn not_offered(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
        is_fenced(cx, rooms, broker);
    }
}

/// What is told of the transaction, short of a fence.
enum Standing {
    /// It is being aborted, or the coordinator cannot say yet.
    NotYet(Setback),
    TimedOut,
}

/// The coordinator's timeout aborts under the next epoch of the pair, and no other producer has come behind it (TM-T7). That only
/// proves it for a transaction that was open there under the pair: a producer that has come while none was open has the next epoch too
/// (TM-I2), and what it aborts looks the same.
fn standing(state: &DescribeTransactionsTransactionState, pair: ProducerIdentity) -> Option<Standing> {
    let is_next =
        state.producer_id == pair.producer_id && Some(state.producer_epoch) == pair.epoch.checked_add(1);
    match state.transaction_state.as_str() {
        "CompleteAbort" if is_next => Some(Standing::TimedOut),
        "PrepareAbort" if is_next => Some(Standing::NotYet(Setback::Briefly)),
        _ => None,
    }
}

/// The pair may be renewed: it is proved that no other producer has it.
fn has_timed_out(cx: &mut Context<'_>, rooms: &mut Rooms) {
    rooms.idempotence.transaction.epoch_is_over();
    let Some(ending) = rooms.transactions.ending_mut() else { return };
    let (wanted, why, next) = (ending.wanted, ending.why.take(), Renewal::Bump(ending.pair));
    let timed_out = transacting::timed_out(cx, rooms, why.clone());
    transacting::conclude(cx, rooms, Ended { decision: Decision::Abort, wanted, why, next });
    rooms.transactions.timed_out = Some(timed_out);
}

fn is_fenced(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
    let why = rooms.transactions.ending_mut().and_then(|ending| ending.why.take());
    let last = answered_by(broker, ErrorCode::PRODUCER_FENCED);
    let why = why.unwrap_or_else(|| failure_of(ApiKey::EndTxn, last, 1));
    transacting::finish(cx, rooms, why);
}
