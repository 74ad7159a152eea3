//! From ready partitions to Produce requests: whom to ask, what to drain, what to refuse before it is sent.

use crate::exchange::ReadyNode;
use crate::idempotence::NumberingGate;
use crate::idempotence::sequences::Attempted;
use crate::in_flight::{ProduceInFlight, Slot};
use crate::produce::{self, Part, RequestTopics};
use crate::unfit::{self, Unfit};
use crate::{Output, SenderCore};
use kp_accumulator::{Batch, BrokerError, Certainty, Drained, FailureKind, InFlight, Payload};
use kp_client::{ClientRequest, Nodes, Readiness};
use kp_protocol::{Acks, ApiKey, BrokerId, BrokerVersions, ErrorCode, TopicId};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Instant;

impl SenderCore {
    /// Which brokers lead something sendable; partitions without a leader ask for one (AC12).
    pub(crate) fn look_what_is_ready(&mut self, now: Instant) -> SmallVec<[BrokerId; 8]> {
        let ready = self.accumulator.ready(now, self.metadata.snapshot());
        self.next_ready_check = ready.next_check;
        for topic in ready.leaderless {
            self.metadata.refresh_topic(now, topic);
        }
        if self.brokers.any_down(&ready.brokers) {
            // Whoever leads now is known to the rest, long before the next attempt to connect to this one.
            self.metadata.await_leader();
        }
        ready.brokers
    }

    /// SN1, SN2: asks every one of them, unless it is known to take nothing now.
    pub(crate) fn ask_brokers(
        &mut self,
        now: Instant,
        ready: SmallVec<[BrokerId; 8]>,
        nodes: &mut dyn Nodes,
    ) {
        for broker in ready {
            if !self.brokers.ask(broker) {
                continue;
            }
            self.is_dirty = true;
            match self.ask(now, broker, nodes) {
                Readiness::Ready { connection, versions } => {
                    if self.may_send() && self.idempotence.may_send() {
                        self.send_batches(now, &ReadyNode { broker, connection, versions });
                    }
                }
                Readiness::Wait { until, .. } => self.brokers.waits(broker, until),
                Readiness::Failed { reason, retry_at } => {
                    self.brokers.waits(broker, retry_at);
                    self.note_unreachable(broker, reason);
                    self.metadata.request_update();
                }
            }
        }
    }

    /// Whether a broker takes a request now. What the answer shows besides is noted.
    pub(crate) fn ask(&mut self, now: Instant, broker: BrokerId, nodes: &mut dyn Nodes) -> Readiness {
        let readiness = nodes.readiness(now, broker);
        match &readiness {
            Readiness::Ready { versions, .. } => {
                self.brokers.is_back(broker);
                self.note_versions(broker, versions);
            }
            Readiness::Failed { .. } => self.brokers.is_gone(broker),
            Readiness::Wait { .. } => {}
        }
        let is_ready = matches!(readiness, Readiness::Ready { .. });
        self.accumulator.note_waits(broker, !(is_ready && self.idempotence.may_send()));
        readiness
    }

    /// One Produce request with the heads of all partitions that this broker leads and that are ready.
    fn send_batches(&mut self, now: Instant, node: &ReadyNode) {
        let (broker, versions) = (node.broker, &*node.versions);
        let cluster = Arc::clone(self.metadata.snapshot());
        let mut drained = std::mem::take(&mut self.drained);
        let limit = self.settings.max_request_size;
        let mut gate = NumberingGate { idempotence: &mut self.idempotence, cluster: &cluster, broker };
        for batch in self.accumulator.drain(now, &cluster, broker, limit, &mut gate, &mut drained) {
            // Rule iii: nothing but its own old numbers may go out, and their epoch is over.
            self.fail_queued(now, batch, FailureKind::EpochOver);
        }
        if drained.is_empty() {
            self.drained = drained;
            return;
        }
        let topic_id = |batch: &Batch<InFlight>| {
            cluster.topic(&batch.topic_partition().topic).map_or(TopicId::ZERO, |topic| topic.id())
        };
        for drained in &drained {
            self.unsettled.taken(&drained.batch);
            self.metadata.touch(now, &drained.batch.topic_partition().topic); // MD6
            if self.keeps_one_in_flight() {
                self.accumulator.mute(drained.queue); // SN7
            }
        }
        let all_ids_known = drained.iter().all(|drained| !topic_id(&drained.batch).is_zero());
        let version = produce::choose_version(versions, all_ids_known);
        let level = self.settings.compression_level;
        let mut parts = std::mem::take(&mut self.parts);
        let (mut slots, topics) = self.requests.lists();
        for Drained { queue, mut batch, wire, pass: ticket } in drained.drain(..) {
            if let Some((from, until)) = self.brokers.last_throttle(broker) {
                batch.charge_throttled_wait(now, from, until);
            }
            let (partition, topic_id) = (batch.topic_partition().clone(), topic_id(&batch));
            let records = version
                .ok_or(Unfit::NoVersion)
                .and_then(|version| unfit::records_for(version, &mut batch, wire, level));
            let slot = Slot { queue, ticket, batch: Some(batch) };
            match records {
                Ok(records) => {
                    parts.push(Part { partition, topic_id, records });
                    slots.push(slot);
                }
                Err(unfit) => self.refuse_unfit(now, broker, versions, slot, &unfit),
            }
        }
        // Some were refused here: their partitions may have something else to send.
        self.brokers.may_take_more(broker);
        match version.filter(|_| !parts.is_empty()) {
            Some(version) => {
                self.send_produce(now, node, version, (&mut parts, slots, topics));
            }
            None => self.requests.keep(slots, topics),
        }
        parts.clear();
        (self.drained, self.parts) = (drained, parts);
    }

    fn send_produce(
        &mut self,
        now: Instant,
        node: &ReadyNode,
        version: i16,
        (parts, slots, mut topics): (&mut Vec<Part<Payload>>, Vec<Slot>, RequestTopics),
    ) {
        let (broker, connection) = (node.broker, node.connection);
        let (acks, timeout) = (self.settings.acks, self.settings.request_timeout);
        let body = match produce::encode(&mut self.writer, version, acks, timeout, parts, &mut topics) {
            Ok(encoded) => encoded,
            Err(error) => {
                // Only a request beyond 2 GiB, or a name beyond 32 KiB, cannot be said.
                let last = local_error(ErrorCode::INVALID_REQUEST, error.to_string());
                for slot in slots {
                    self.end_unsent(now, slot, FailureKind::Unencodable, last.clone());
                }
                return;
            }
        };
        let token = self.take_token();
        self.counters.sent(now, slots.iter().filter_map(|slot| slot.batch.as_ref()));
        self.requests.insert(token, ProduceInFlight { broker, version, sent: now, topics, slots });
        if self.requests.to(broker) >= self.settings.max_in_flight {
            self.accumulator.note_waits(broker, true);
        }
        self.put(Output::Send(ClientRequest {
            token,
            broker,
            connection,
            api_key: ApiKey::Produce,
            version,
            body,
            timeout: self.settings.request_timeout,
            expects_response: self.settings.acks != Acks::None, // NC8
        }));
    }

    /// A broker that cannot take this batch.
    fn refuse_unfit(
        &mut self,
        now: Instant,
        broker: BrokerId,
        versions: &BrokerVersions,
        slot: Slot,
        unfit: &Unfit,
    ) {
        let words = unfit.words(produce::newest_offered(versions));
        let words = format!("broker {broker} ({}) {words}", self.address_of(broker));
        let last = local_error(ErrorCode::UNSUPPORTED_VERSION, words);
        self.end_unsent(now, slot, FailureKind::UnsupportedVersion, last);
    }

    /// A batch that was drained and never left.
    fn end_unsent(&mut self, now: Instant, slot: Slot, kind: FailureKind, last: BrokerError) {
        let Slot { queue, ticket, batch } = slot;
        if let Some(ticket) = &ticket {
            self.idempotence.sequences.attempted(queue, ticket, Attempted::NotSent);
        }
        if let Some(mut batch) = batch {
            batch.take_back_attempt();
            self.fail_in_flight(now, batch, kind, Certainty::NotWritten, Some(last), Vec::new());
        }
        self.release(queue);
    }
}

/// What this client itself has to say about a request, in the form of a broker's error.
fn local_error(code: ErrorCode, words: String) -> BrokerError {
    BrokerError { code, message: Some(Arc::from(words)), broker: None }
}
