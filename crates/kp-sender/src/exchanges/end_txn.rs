//! EndTxn: commit or abort, asked until an answer is final. What an answer proves stands in `transaction/proof.rs`; here it is carried
//! out (TC1–TC7, TC21).

use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transacting::{self, Ended, Setback, answered_by, failure_of};
use crate::transaction::proof::{Asked, Decision, Proof, what_it_proves};
use crate::transaction::protocol::offers_v2;
use crate::transaction::{EndTransaction, Ending, Errand, Phase, Renewal};
use crate::{TransactionFailure, TransactionProtocol};
use bytes::Bytes;
use kp_client::{Nodes, Written};
use kp_protocol::api::{EndTxnRequest, EndTxnResponse};
use kp_protocol::{
    ApiKey, BrokerId, KafkaString, Message, ProducerIdentity, ProtocolError, Segments, encode_body,
};
use std::time::{Duration, Instant};

impl Question for EndTransaction {
    const API: ApiKey = ApiKey::EndTxn;
    type Answer = EndTxnResponse;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.transactions.exchanges.end
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        transacting::due(cx, rooms, Errand::End)
    }

    fn target(_cx: &Context<'_>, rooms: &Rooms, _nodes: &mut dyn Nodes) -> Option<BrokerId> {
        rooms.transactions.coordinator_for(Errand::End)
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, node: &ReadyNode) -> Self {
        rooms.transactions.offers_v2 = offers_v2(&node.versions);
        let ending = rooms.transactions.ending_mut().expect("it is due only while an end is asked for");
        ending.attempts = ending.attempts.saturating_add(1);
        // TC1: the same in every attempt.
        Self { id: cx.transactional_id(), pair: ending.pair, decision: ending.decision }
    }

    fn version(rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        // TC17
        node.versions
            .negotiate_within(Self::API, rooms.idempotence.transaction.protocol().versions(Self::API))
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let request = EndTxnRequest {
            transactional_id: KafkaString::from(&*self.id),
            producer_id: self.pair.producer_id,
            producer_epoch: self.pair.epoch,
            committed: self.decision == Decision::Commit,
            ..Default::default()
        };
        encode_body(version, &request)
    }

    fn parse(body: &Bytes, version: i16) -> Result<EndTxnResponse, ProtocolError> {
        EndTxnResponse::parse(body, version)
    }

    fn throttle(answer: &EndTxnResponse) -> Duration {
        question::wait_of(answer.throttle_time_ms)
    }

    fn answered(self, cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId, answer: EndTxnResponse) {
        let facts = &rooms.idempotence.transaction;
        let (protocol, has_added) = (facts.protocol(), facts.has_added());
        let Some(ending) = rooms.transactions.ending_mut() else { return };
        let asked = if ending.is_unanswered { Asked::Again } else { Asked::First };
        let (code, attempts) = (answer.error_code, ending.attempts);
        let failure = failure_of(Self::API, answered_by(broker, code), attempts);
        let hold_back = |cx: &mut Context<'_>, rooms: &mut Rooms, setback| {
            transacting::hold_back(cx, rooms, Errand::End, (Self::API, broker, code), setback);
        };
        match what_it_proves(self.decision, code, asked, protocol) {
            // Something was added, and there is nothing to abort: a stray commit was first (TM-E7, L3).
            Proof::Aborted if !code.is_ok() && has_added => transacting::finish_unknown(cx, rooms, failure),
            Proof::Committed | Proof::Aborted => self.done(cx, rooms, next_pair(&answer)),
            Proof::Busy => hold_back(cx, rooms, Setback::Briefly),
            Proof::NotYet => hold_back(cx, rooms, Setback::Again),
            Proof::PerhapsDone { has_moved } => {
                ending.is_unanswered = true; // TC4
                hold_back(cx, rooms, if has_moved { Setback::Moved } else { Setback::Again });
            }
            Proof::NotCommitted => abort_instead(rooms, failure, protocol),
            Proof::EndedByAnother => ended_by_another(cx, rooms, failure),
            Proof::EpochOver => self.epoch_is_over(cx, rooms, failure, protocol),
            Proof::Finished => transacting::finish(cx, rooms, failure),
            Proof::Unknown => transacting::finish_unknown(cx, rooms, failure),
        }
    }

    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, loss: &Loss) {
        if let Some(ending) = rooms.transactions.ending_mut()
            && loss.written == Written::Perhaps
        {
            ending.is_unanswered = true;
        }
        transacting::coordinator_is_gone(cx, rooms, Errand::End, (Self::API, Some(loss)));
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, _asked: Option<Self>) {
        transacting::coordinator_is_gone(cx, rooms, Errand::End, (Self::API, None));
    }
}

impl EndTransaction {
    fn done(self, cx: &mut Context<'_>, rooms: &mut Rooms, next_pair: Option<ProducerIdentity>) {
        let facts = &mut rooms.idempotence.transaction;
        if facts.protocol() == TransactionProtocol::V1 {
            facts.epoch_goes_on();
        }
        let (protocol, is_unclean) = (facts.protocol(), facts.is_unclean());
        let Some(ending) = rooms.transactions.ending_mut() else { return };
        let (wanted, why) = (ending.wanted, ending.why.take());
        let next = match (protocol, next_pair) {
            // What a coordinator's timeout has raised to the last epoch is no pair to write under: no epoch is left above it that
            // could shut a late frame of it out. The coordinator exchanges it for another producer id.
            (TransactionProtocol::V2, Some(pair)) if pair.epoch == i16::MAX => Renewal::Bump(pair),
            // TC5, TX27, TX28: also a repeat's answer carries the present pair.
            (TransactionProtocol::V2, Some(pair)) => {
                rooms.idempotence.is_given(cx, &mut rooms.cluster, pair);
                Renewal::Nothing
            }
            (TransactionProtocol::V2, None) => Renewal::Bump(self.pair),
            // TC2, TC3
            (TransactionProtocol::V1, _) if is_unclean || ending.is_unanswered => Renewal::Bump(self.pair),
            (TransactionProtocol::V1, _) => Renewal::Nothing,
        };
        if protocol == TransactionProtocol::V2 {
            rooms.idempotence.transaction.is_being_marked(cx.now);
        }
        transacting::conclude(cx, rooms, Ended { decision: self.decision, wanted, why, next });
    }

    /// TC21: with the second protocol an abort under the old pair tells whether the coordinator's timeout or another producer has
    /// raised the epoch, and harms no other producer. With the first one a description tells.
    fn epoch_is_over(
        self,
        cx: &mut Context<'_>,
        rooms: &mut Rooms,
        failure: TransactionFailure,
        protocol: TransactionProtocol,
    ) {
        match (self.decision, protocol) {
            (Decision::Commit, TransactionProtocol::V2) => {
                rooms.idempotence.transaction.epoch_is_over();
                abort_instead(rooms, failure, protocol);
            }
            (Decision::Abort, TransactionProtocol::V2) => transacting::finish(cx, rooms, failure),
            (_, TransactionProtocol::V1) => {
                rooms.transactions.go_on();
                if let Some(ending) = rooms.transactions.ending_mut() {
                    (ending.is_in_doubt, ending.why) = (true, Some(failure));
                }
            }
        }
    }
}

/// The pair of the next transaction, which the second protocol's answer carries.
fn next_pair(answer: &EndTxnResponse) -> Option<ProducerIdentity> {
    let pair = ProducerIdentity { producer_id: answer.producer_id, epoch: answer.producer_epoch };
    Some(pair).filter(|pair| pair.producer_id >= 0 && pair.epoch >= 0)
}

/// L7: an answer has proved that the commit was not done. The abort frees what is left, and brings the next pair.
fn abort_instead(rooms: &mut Rooms, failure: TransactionFailure, protocol: TransactionProtocol) {
    let is_by_state =
        failure.last.as_ref().is_some_and(|last| last.code == kp_protocol::ErrorCode::INVALID_TXN_STATE);
    if protocol == TransactionProtocol::V2 && is_by_state {
        rooms.idempotence.transaction.epoch_is_over(); // TM-T5: the coordinator's timeout
    }
    if let Some(ending) = rooms.transactions.ending_mut() {
        ending.turn_to_abort(failure);
    }
    rooms.transactions.go_on();
}

/// TM-L3: a late frame of an earlier transaction has ended it. What else is late is kept out by another epoch.
fn ended_by_another(cx: &mut Context<'_>, rooms: &mut Rooms, failure: TransactionFailure) {
    let Phase::Ending(Ending { pair, wanted, .. }) = rooms.transactions.phase else { return };
    let (decision, next) = (Decision::Abort, Renewal::Bump(pair));
    transacting::conclude(cx, rooms, Ended { decision, wanted, why: Some(failure), next });
}
