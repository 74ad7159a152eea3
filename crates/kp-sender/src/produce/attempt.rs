//! What becomes of a batch after an attempt: done, again, split, fail. The only branch is [`retry::decide`]; the rest carries it
//! out.

use super::BatchSender;
use super::fatal::{after_the_fatal_error, note_fatal};
use super::in_flight::Slot;
use super::sending::release;
use super::settling::Failed;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::idempotence::Idempotence;
use crate::idempotence::sequences::{Attempted, Ticket};
use crate::retry::{self, Attempt, Decision, Refusal, Verdict};
use crate::settings::IdempotenceSetting;
use crate::{Output, Settlement};
use kp_accumulator::{Batch, BrokerError, Certainty, FailureKind, InFlight, Outcome, SplitError, Unsplit};
use kp_protocol::{BrokerId, ErrorCode};
use std::sync::Arc;
use std::time::Instant;

impl BatchSender {
    /// Ends an attempt. A place whose batch has expired only frees its partition (SN9).
    pub(super) fn conclude(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        broker: BrokerId,
        slot: Slot,
        verdict: &Verdict,
    ) {
        let Slot { queue, ticket, batch } = slot;
        if let Some(ticket) = &ticket {
            numbers.sequences.attempted(queue, ticket, attempted(verdict));
        }
        if retry::waits_for_leader(verdict) {
            cluster.metadata.await_leader(); // SN12
        } else if retry::wants_metadata(verdict) {
            cluster.metadata.request_update(); // SN12
        }
        // Told before the batch ends: a caller who reads its error and sends again is told the same.
        note_fatal(cx, cluster, numbers, broker, verdict);
        if let Some(mut batch) = batch {
            if retry::leaves_unknown(verdict, cx.settings.acks) {
                batch.mark_unknown();
            }
            if *verdict == Verdict::NotSent {
                batch.take_back_attempt();
            }
            let attempt = self.attempt(cx, cluster, numbers, &batch, ticket.as_ref(), verdict);
            let decision = within_transaction(numbers, retry::decide(cx.now, &attempt, verdict), verdict);
            let decision = after_the_fatal_error(cx.ending, decision, verdict);
            self.carry_out(cx, numbers, broker, batch, verdict, decision);
        }
        numbers.sequences.settle(queue);
        release(cx, numbers, queue);
    }

    fn carry_out(
        &mut self,
        cx: &mut Context<'_>,
        numbers: &mut Idempotence,
        broker: BrokerId,
        batch: Batch<InFlight>,
        verdict: &Verdict,
        decision: Decision,
    ) {
        match decision {
            Decision::Done { base_offset, log_append_time } => {
                let (queue, place) = (batch.queue(), batch.place());
                let outcome = Outcome::Written { base_offset, log_append_time };
                self.end(cx, queue, place, Settlement::in_flight(batch, outcome));
            }
            Decision::Renumber { not_before } => {
                numbers.sequences.demand_new_epoch(batch.queue());
                self.send_again(cx, broker, batch, verdict, not_before);
            }
            Decision::Again { not_before } => self.send_again(cx, broker, batch, verdict, not_before),
            Decision::Split => self.split(cx, numbers, broker, batch, verdict),
            Decision::Fail(kind) => self.fail_with(cx, numbers, broker, batch, verdict, kind),
        }
    }

    /// What there is to know for the decision.
    fn attempt(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &KnownCluster,
        numbers: &Idempotence,
        batch: &Batch<InFlight>,
        ticket: Option<&Ticket>,
        verdict: &Verdict,
    ) -> Attempt {
        let partition = batch.topic_partition();
        let known = cluster.snapshot().partition(&partition.topic, partition.partition);
        // AC14, but for elections.
        let waits_for_leader = retry::waits_for_leader(verdict);
        let retries_before = if waits_for_leader { 0 } else { batch.attempts().saturating_sub(1) };
        let settings = cx.settings;
        Attempt {
            attempts: batch.attempts(),
            retries: settings.retries,
            is_expired: cx.now.saturating_duration_since(batch.created()) >= settings.delivery_timeout,
            records: batch.record_count(),
            may_split: settings.idempotence != IdempotenceSetting::Off
                || settings.retries > 0
                || settings.guarantee_one_in_flight,
            standing: numbers.sequences.standing(batch.queue(), ticket),
            is_ever_unknown: batch.is_ever_unknown(),
            backoff: cx.backoff(retries_before),
            has_newer_leader: self.unsettled.may_follow_hint(batch)
                && known
                    .and_then(|known| known.leader_epoch.zip(batch.leader_epoch()))
                    .is_some_and(|(known, sent_under)| known > sent_under),
        }
    }

    fn send_again(
        &mut self,
        cx: &mut Context<'_>,
        broker: BrokerId,
        mut batch: Batch<InFlight>,
        verdict: &Verdict,
        not_before: Option<Instant>,
    ) {
        if let Some(error) = broker_error(verdict, broker) {
            batch.remember_error(error);
        }
        match verdict {
            Verdict::Refused(_) if not_before.is_none() => self.unsettled.follows_hint(&batch),
            _ if !self.unsettled.may_follow_hint(&batch) => batch.keep_backoff(),
            _ => {}
        }
        self.counters.retried(&batch);
        cx.accumulator.requeue(batch.requeue(cx.now), cx.now, not_before); // AC24
    }

    /// BB25: the parts take the batch's place in its queue; its own outcome leads its waiters on to them.
    fn split(
        &mut self,
        cx: &mut Context<'_>,
        numbers: &mut Idempotence,
        broker: BrokerId,
        mut batch: Batch<InFlight>,
        verdict: &Verdict,
    ) {
        if let Some(error) = broker_error(verdict, broker) {
            batch.remember_error(error);
        }
        match cx.accumulator.split(batch, cx.now) {
            Ok((batch, outcome)) => {
                self.counters.split();
                if let Outcome::Split(parts) = &outcome {
                    self.unsettled.split(&batch, parts);
                }
                cx.put(Output::Settle(Settlement::in_flight(batch, outcome)));
            }
            Err(refused) => {
                let Unsplit { batch, error } = *refused;
                let kind = match error {
                    SplitError::OneRecord => FailureKind::RecordTooLarge, // BB29
                    // Its records cannot be had, or there is no memory to write them anew: the broker's word is the last.
                    _ => FailureKind::Refused(ErrorCode::MESSAGE_TOO_LARGE),
                };
                self.fail_with(cx, numbers, broker, batch, verdict, kind);
            }
        }
    }

    fn fail_with(
        &mut self,
        cx: &mut Context<'_>,
        numbers: &mut Idempotence,
        broker: BrokerId,
        batch: Batch<InFlight>,
        verdict: &Verdict,
        kind: FailureKind,
    ) {
        let record_errors = match verdict {
            Verdict::Refused(Refusal { record_errors, .. }) => record_errors.clone(),
            Verdict::Acknowledged { .. } | Verdict::Lost { .. } | Verdict::NotSent => Vec::new(),
        };
        // What this attempt left open is marked in the batch already; what it proves is that it is not written.
        let (certainty, last) = (Certainty::NotWritten, broker_error(verdict, broker));
        self.fail_in_flight(cx, numbers, batch, Failed { kind, certainty, last, record_errors });
    }
}

/// TC9: no epoch is raised inside a transaction. What would need one fails, and so does the transaction; where epochs last longer
/// than that, the next one begins with another: the same numbers would be refused again.
fn within_transaction(numbers: &mut Idempotence, decision: Decision, verdict: &Verdict) -> Decision {
    let Verdict::Refused(refusal) = verdict else { return decision };
    if !numbers.transaction.is_transactional() || !retry::is_about_numbers(refusal.code) {
        return decision;
    }
    let decision = match decision {
        Decision::Renumber { .. } => Decision::Fail(FailureKind::Refused(refusal.code)),
        other => other,
    };
    if matches!(decision, Decision::Fail(_)) {
        numbers.transaction.leave_unclean();
    }
    decision
}

/// What a verdict means for the numbers. A duplicate of a batch is that batch (ID9).
fn attempted(verdict: &Verdict) -> Attempted {
    match verdict {
        Verdict::Acknowledged { base_offset, .. } => Attempted::Acknowledged { base_offset: *base_offset },
        Verdict::Refused(refusal) if refusal.code == ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
            Attempted::Acknowledged { base_offset: None }
        }
        Verdict::NotSent => Attempted::NotSent,
        Verdict::Refused(_) | Verdict::Lost { .. } => Attempted::InVain,
    }
}

/// What the attempt came to, in the form of a broker's error (SN6: lost ones have the codes Java gives them, and no
/// broker as their author).
fn broker_error(verdict: &Verdict, broker: BrokerId) -> Option<BrokerError> {
    match verdict {
        Verdict::Acknowledged { .. } | Verdict::NotSent => None,
        Verdict::Refused(refusal) => {
            Some(BrokerError { code: refusal.code, message: refusal.message.clone(), broker: Some(broker) })
        }
        Verdict::Lost { timed_out, reason, .. } => {
            let code = if *timed_out { ErrorCode::REQUEST_TIMED_OUT } else { ErrorCode::NETWORK_EXCEPTION };
            // No broker has said so: its number stands in the words, not where an answer's author stands.
            let message = format!("no answer from broker {broker}: {reason}");
            Some(BrokerError { code, message: Some(Arc::from(message)), broker: None })
        }
    }
}
