//! What comes back for a request, and what becomes of its batches: done, again, split, fail. The only branch is
//! `retry::decide`; the rest carries it out.

use crate::idempotence::sequences::{Attempted, Ticket};
use crate::in_flight::{ProduceInFlight, Slot};
use crate::produce::{self, PartitionAnswer};
use crate::retry::{self, Attempt, Decision, Refusal, Verdict};
use crate::{IdempotenceSetting, Output, SenderCore, Settlement};
use bytes::Bytes;
use kp_accumulator::{
    Batch, BatchPlace, BrokerError, Certainty, FailureKind, InFlight, Outcome, QueueIndex, Sealed,
    SplitError, Unsplit,
};
use kp_client::{DisconnectReason, Refused, Written};
use kp_protocol::{Acks, BrokerAddress, BrokerId, ErrorCode, TopicPartition};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl SenderCore {
    pub(crate) fn on_answered(&mut self, now: Instant, token: u64, body: &Bytes) {
        if let Some(asked) = self.exchange.take(token) {
            return self.on_metadata_answer(now, asked, body);
        }
        if let Some(asked) = self.idempotence.identity.exchange().and_then(|exchange| exchange.take(token)) {
            return self.on_identity_answer(now, asked, body);
        }
        let Some(mut request) = self.take_request(token) else { return };
        let broker = request.broker;
        let latency = now.saturating_duration_since(request.sent);
        self.counters.answered(latency);
        self.latencies.answered(broker, latency);
        let mut answers = std::mem::take(&mut self.answers);
        let answer = match produce::decode(body, request.version, &request.topics, &mut answers) {
            Ok(answer) => answer,
            Err(error) => {
                let reason: Arc<str> = Arc::from(format!("undecodable answer to Produce: {error}"));
                self.lose(now, request, true, false, &reason);
                return self.put(Output::Disconnect { broker, reason });
            }
        };
        self.counters.throttled(answer.throttle.max(answer.held_back)); // SN18
        if !answer.throttle.is_zero() {
            self.throttle(now, broker, answer.throttle); // NC20
        }
        self.apply_hints(&answers, &answer.endpoints);
        for mut slot in request.slots.drain(..) {
            // What the answer says about a batch that has expired meanwhile is nobody's any more (SN9).
            let batch = slot.batch.as_ref();
            let verdict =
                batch.and_then(|batch| produce::take_verdict(&mut answers, batch.topic_partition()));
            if let Some(batch) = slot.batch.as_mut() {
                // A broker that throttles before it answers has held the batch back (NC20).
                let since = batch.last_attempt().unwrap_or(now);
                batch.charge_throttled(answer.held_back.min(now.saturating_duration_since(since)));
            }
            self.conclude(now, broker, slot, &verdict.unwrap_or_else(left_out));
        }
        answers.clear();
        self.answers = answers;
        self.requests.keep(request.slots, request.topics);
    }

    /// SN4: with `acks=0`, written is done.
    pub(crate) fn on_written(&mut self, now: Instant, token: u64) {
        let Some(request) = self.take_request(token) else { return };
        if self.settings.acks != Acks::None {
            // The network says "written" only about requests without an answer; this one must get one.
            return self.lose(now, request, true, false, &Arc::from("written, and no answer will come"));
        }
        let done = Verdict::Acknowledged { base_offset: None, log_append_time: None };
        for slot in request.slots {
            self.conclude(now, request.broker, slot, &done);
        }
    }

    pub(crate) fn on_failed(
        &mut self,
        now: Instant,
        token: u64,
        written: Written,
        reason: &DisconnectReason,
    ) {
        let words: Arc<str> = Arc::from(reason.to_string());
        if let Some(broker) = self.question_failed(now, token, &words) {
            self.brokers.event(broker);
        } else if let Some(request) = self.take_request(token) {
            let timed_out = *reason == DisconnectReason::RequestTimeout;
            self.lose(now, request, written == Written::Perhaps, timed_out, &words);
        }
    }

    /// A question besides Produce gets no answer; says whom it was for, if this token is that of one.
    fn question_failed(&mut self, now: Instant, token: u64, words: &Arc<str>) -> Option<BrokerId> {
        if let Some(asked) = self.exchange.take(token) {
            self.note_unreachable(asked.broker, Arc::clone(words));
            self.metadata_failed(now, Some(asked.question));
            return Some(asked.broker);
        }
        let asked = self.idempotence.identity.exchange()?.take(token)?;
        self.note_unreachable(asked.broker, Arc::clone(words));
        self.ask_for_identity_later(now);
        Some(asked.broker)
    }

    pub(crate) fn on_refused(&mut self, now: Instant, refused: &Refused) {
        let token = refused.request.token;
        if self.question_failed(now, token, &refused.reason).is_some() {
            return;
        }
        let Some(request) = self.requests.remove(token) else { return };
        // Not asked again before the host has done network work: the answer could only be the same.
        self.brokers.ask(request.broker);
        for slot in request.slots {
            self.conclude(now, request.broker, slot, &Verdict::NotSent);
        }
    }

    /// Fails a batch that was sent or at least drained. Earlier attempts can only make `certainty` weaker.
    pub(crate) fn fail_in_flight(
        &mut self,
        now: Instant,
        batch: Batch<InFlight>,
        kind: FailureKind,
        certainty: Certainty,
        last: Option<BrokerError>,
        record_errors: Vec<(u32, Option<Arc<str>>)>,
    ) {
        let last = last.or_else(|| batch.last_error().cloned());
        let mut failure = batch.failure(now, kind, certainty, last, record_errors);
        failure.is_fatal = self.is_fatal_failure(kind);
        self.give_numbers_up(&batch, failure.certainty);
        self.counters.failed(&batch);
        let (queue, place) = (batch.queue(), batch.place());
        self.end(queue, place, Settlement::in_flight(batch, Outcome::Failed(Arc::new(failure))));
    }

    /// Fails a batch that waits in its queue: not written, unless an attempt left that open.
    pub(crate) fn fail_queued(&mut self, now: Instant, mut batch: Batch<Sealed>, kind: FailureKind) {
        let TopicPartition { topic, partition } = batch.topic_partition();
        let leader = self.metadata.snapshot().leader(topic, *partition);
        if let Some((from, until)) = leader.and_then(|leader| self.brokers.last_throttle(leader)) {
            batch.charge_throttled_wait(now, from, until);
        }
        let last = batch.last_error().cloned();
        let last = last.or_else(|| Some(self.why_it_waits(now, batch.topic_partition()).into_error()));
        let mut failure = batch.failure(now, kind, Certainty::NotWritten, last, Vec::new());
        failure.is_fatal = self.is_fatal_failure(kind);
        self.give_numbers_up(&batch, failure.certainty);
        self.counters.failed(&batch);
        let (queue, place) = (batch.queue(), batch.place());
        self.end(queue, place, Settlement::queued(batch, Outcome::Failed(Arc::new(failure))));
    }

    /// A batch has ended. It comes out behind the earlier ones of its partition.
    fn end(&mut self, queue: QueueIndex, place: BatchPlace, settlement: Settlement) {
        let outputs = &mut self.outputs;
        let hand_out = |settlement| outputs.push_back(Output::Settle(settlement));
        self.unsettled.ended(queue, place, settlement, hand_out);
    }

    /// A batch fails: its numbers are free again, or a hole.
    fn give_numbers_up<S>(&mut self, batch: &Batch<S>, certainty: Certainty) {
        if let Some(identity) = batch.identity() {
            let is_surely_unwritten = certainty == Certainty::NotWritten;
            let records = batch.record_count();
            self.idempotence.sequences.failed(batch.queue(), identity, records, is_surely_unwritten);
        }
    }

    /// Whether a partition is muted while a batch of it is under way (SN7). Numbers make that needless.
    pub(crate) fn keeps_one_in_flight(&self) -> bool {
        self.idempotence.is_given_up() || (self.settings.guarantee_one_in_flight && !self.idempotence.is_on())
    }

    /// The partition may send again.
    pub(crate) fn release(&mut self, queue: QueueIndex) {
        if self.keeps_one_in_flight() {
            self.accumulator.unmute(queue);
        }
    }

    pub(crate) fn throttle(&mut self, now: Instant, broker: BrokerId, by: Duration) {
        if let Some(until) = now.checked_add(by) {
            self.brokers.throttled(broker, now, until);
            self.put(Output::Throttle { broker, until });
        }
    }

    fn take_request(&mut self, token: u64) -> Option<ProduceInFlight> {
        let request = self.requests.remove(token)?;
        self.brokers.event(request.broker);
        Some(request)
    }

    /// SN6: no answer will come, for any batch of the request.
    fn lose(
        &mut self,
        now: Instant,
        request: ProduceInFlight,
        written: bool,
        timed_out: bool,
        reason: &Arc<str>,
    ) {
        let verdict = Verdict::Lost { written, timed_out, reason: Arc::clone(reason) };
        for slot in request.slots {
            self.conclude(now, request.broker, slot, &verdict);
        }
    }

    /// KIP-951: takes the leaders that an answer names, all before any batch is judged by them; if one is news, everybody
    /// sees it at once (MD13, MD14).
    fn apply_hints(&mut self, answers: &[PartitionAnswer], endpoints: &[BrokerAddress]) {
        let mut is_news = false;
        for PartitionAnswer { partition: TopicPartition { topic, partition }, leader, .. } in answers {
            if let Some((leader, epoch)) = *leader {
                is_news |= self.metadata.apply_leader_hint(topic, *partition, leader, epoch, endpoints);
            }
        }
        if is_news {
            self.publish_cluster();
        }
    }

    /// Ends an attempt. A place whose batch has expired only frees its partition (SN9).
    fn conclude(&mut self, now: Instant, broker: BrokerId, slot: Slot, verdict: &Verdict) {
        let Slot { queue, ticket, batch } = slot;
        if let Some(ticket) = &ticket {
            self.idempotence.sequences.attempted(queue, ticket, attempted(verdict));
        }
        let waits_for_leader = retry::waits_for_leader(verdict);
        if waits_for_leader {
            self.metadata.await_leader(); // SN12
        } else if retry::wants_metadata(verdict) {
            self.metadata.request_update(); // SN12
        }
        // Told before the batch ends: whoever reads its error and sends again is told the same.
        self.note_fatal(broker, verdict);
        if let Some(mut batch) = batch {
            if retry::leaves_unknown(verdict, self.settings.acks) {
                batch.mark_unknown();
            }
            if *verdict == Verdict::NotSent {
                batch.take_back_attempt();
            }
            let decision =
                retry::decide(now, &self.attempt(now, &batch, ticket.as_ref(), waits_for_leader), verdict);
            match self.after_the_fatal_error(decision, verdict) {
                Decision::Done { base_offset, log_append_time } => {
                    let (queue, place) = (batch.queue(), batch.place());
                    let outcome = Outcome::Written { base_offset, log_append_time };
                    self.end(queue, place, Settlement::in_flight(batch, outcome));
                }
                Decision::Renumber { not_before } => {
                    self.idempotence.sequences.demand_new_epoch(queue);
                    self.send_again(now, broker, batch, verdict, not_before);
                }
                Decision::Again { not_before } => self.send_again(now, broker, batch, verdict, not_before),
                Decision::Split => self.split(now, broker, batch, verdict),
                Decision::Fail(kind) => self.fail_with(now, broker, batch, verdict, kind),
            }
        }
        self.idempotence.sequences.settle(queue);
        self.release(queue);
    }

    fn attempt(
        &mut self,
        now: Instant,
        batch: &Batch<InFlight>,
        ticket: Option<&Ticket>,
        waits_for_leader: bool,
    ) -> Attempt {
        let partition = batch.topic_partition();
        let known = self.metadata.snapshot().partition(&partition.topic, partition.partition);
        // AC14, but for elections.
        let retries_before = if waits_for_leader { 0 } else { batch.attempts().saturating_sub(1) };
        Attempt {
            attempts: batch.attempts(),
            retries: self.settings.retries,
            is_expired: now.saturating_duration_since(batch.created()) >= self.settings.delivery_timeout,
            records: batch.record_count(),
            may_split: self.settings.idempotence != IdempotenceSetting::Off
                || self.settings.retries > 0
                || self.settings.guarantee_one_in_flight,
            standing: self.idempotence.sequences.standing(batch.queue(), ticket),
            is_ever_unknown: batch.is_ever_unknown(),
            backoff: self.settings.retry_backoff.delay(retries_before, &mut self.jitter),
            has_newer_leader: self.unsettled.may_follow_hint(batch)
                && known
                    .and_then(|known| known.leader_epoch.zip(batch.leader_epoch()))
                    .is_some_and(|(known, sent_under)| known > sent_under),
        }
    }

    fn send_again(
        &mut self,
        now: Instant,
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
        self.accumulator.requeue(batch.requeue(now), now, not_before); // AC24
    }

    /// BB25: the parts take the batch's place in its queue; its own outcome leads whoever waits on to them.
    fn split(&mut self, now: Instant, broker: BrokerId, mut batch: Batch<InFlight>, verdict: &Verdict) {
        if let Some(error) = broker_error(verdict, broker) {
            batch.remember_error(error);
        }
        match self.accumulator.split(batch, now) {
            Ok((batch, outcome)) => {
                self.counters.split();
                if let Outcome::Split(parts) = &outcome {
                    self.unsettled.split(&batch, parts);
                }
                self.put(Output::Settle(Settlement::in_flight(batch, outcome)));
            }
            Err(refused) => {
                let Unsplit { batch, error } = *refused;
                let kind = match error {
                    SplitError::OneRecord => FailureKind::RecordTooLarge, // BB29
                    // Its records cannot be had, or there is no memory to write them anew: the broker's word is the last.
                    _ => FailureKind::Refused(ErrorCode::MESSAGE_TOO_LARGE),
                };
                self.fail_with(now, broker, batch, verdict, kind);
            }
        }
    }

    fn fail_with(
        &mut self,
        now: Instant,
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
        self.fail_in_flight(
            now,
            batch,
            kind,
            Certainty::NotWritten,
            broker_error(verdict, broker),
            record_errors,
        );
    }
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

/// A response without a place for a batch of its request says nothing about it.
fn left_out() -> Verdict {
    Verdict::Lost {
        written: true,
        timed_out: false,
        reason: Arc::from("the answer leaves this partition out"),
    }
}

/// What the attempt came to, in the form of a broker's error (SN6: lost ones have the codes Java gives them, and no
/// broker who would have said them).
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
