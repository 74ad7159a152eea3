//! From ready partitions to one Produce request: what to drain, what to refuse before it is sent.

use super::BatchSender;
use super::in_flight::{ProduceInFlight, Slot};
use super::request::{self, Part, RequestHead, RequestTopics};
use super::settling::Failed;
use crate::Output;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::exchange::ReadyNode;
use crate::idempotence::Idempotence;
use crate::idempotence::gate::NumberingGate;
use crate::idempotence::sequences::{Attempted, Ticket};
use crate::unfit::Unfit;
use kp_accumulator::{Batch, BrokerError, Certainty, Drained, FailureKind, InFlight, Payload};
use kp_client::ClientRequest;
use kp_metadata::Cluster;
use kp_protocol::{Acks, ApiKey, BrokerId, ErrorCode, TopicId};
use std::sync::Arc;

/// What goes into one request, or has to be refused instead.
#[derive(Default)]
struct Load {
    parts: Vec<Part<Payload>>,
    slots: Vec<Slot>,
    topics: RequestTopics,
    unfit: Vec<(Slot, Unfit)>,
}

impl BatchSender {
    /// One Produce request with the heads of all partitions that this broker leads and that are ready.
    pub(crate) fn send(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        node: &ReadyNode,
    ) {
        let snapshot = Arc::clone(cluster.snapshot());
        let mut drained = self.drain(cx, cluster, numbers, &snapshot, node.broker);
        if drained.is_empty() {
            self.lists.drained = drained;
            return;
        }
        let all_ids_known = drained.iter().all(|drained| !id_of(&snapshot, &drained.batch).is_zero());
        let within = numbers.transaction.produce_versions();
        let version = request::choose_version(&node.versions, within, all_ids_known);
        let load = self.load(cx, cluster, &snapshot, (node.broker, version), &mut drained);
        self.lists.drained = drained;
        // Some may be refused here: their partitions may have something else to send.
        cluster.brokers.may_take_more(node.broker);
        let Load { mut parts, slots, topics, unfit } = load;
        for (slot, unfit) in unfit {
            let words = unfit.words(node.versions.range(ApiKey::Produce).map(|range| range.max));
            let words = format!("{} {words}", cluster.name_of(node.broker));
            let last = local_error(ErrorCode::UNSUPPORTED_VERSION, words);
            self.end_unsent(cx, numbers, slot, FailureKind::UnsupportedVersion, last);
        }
        match version.filter(|_| !parts.is_empty()) {
            Some(version) => self.send_produce(cx, numbers, node, version, (&mut parts, slots, topics)),
            None => self.requests.keep(slots, topics),
        }
        parts.clear();
        self.lists.parts = parts;
    }

    /// Takes the batches for one request to `broker` out of their queues.
    fn drain(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        snapshot: &Cluster,
        broker: BrokerId,
    ) -> Vec<Drained<Option<Ticket>>> {
        let mut drained = std::mem::take(&mut self.lists.drained);
        let limit = cx.settings.max_request_size;
        let mut gate = NumberingGate { idempotence: numbers, cluster: snapshot, broker };
        for batch in cx.accumulator.drain(cx.now, snapshot, broker, limit, &mut gate, &mut drained) {
            // Rule iii: nothing but its own old numbers may go out, and their epoch is over.
            self.fail_queued(cx, cluster, numbers, batch, FailureKind::EpochOver);
        }
        let keeps_one_in_flight = numbers.keeps_one_in_flight(cx.settings);
        for drained in &drained {
            self.unsettled.taken(&drained.batch);
            cluster.metadata.touch(cx.now, &drained.batch.topic_partition().topic); // MD6
            if keeps_one_in_flight {
                cx.accumulator.mute(drained.queue); // SN7
            }
        }
        drained
    }

    /// Sorts what was drained: into the request, or to be refused since this broker cannot take it.
    fn load(
        &mut self,
        cx: &Context<'_>,
        cluster: &KnownCluster,
        snapshot: &Cluster,
        (broker, version): (BrokerId, Option<i16>),
        drained: &mut Vec<Drained<Option<Ticket>>>,
    ) -> Load {
        let (slots, topics) = self.requests.lists();
        let parts = std::mem::take(&mut self.lists.parts);
        debug_assert!(parts.is_empty() && slots.is_empty(), "lists are empty between two requests");
        let mut load = Load { parts, slots, topics, unfit: Vec::new() };
        let throttle = cluster.brokers.last_throttle(broker);
        for Drained { queue, mut batch, wire, pass: ticket } in drained.drain(..) {
            if let Some(throttle) = throttle {
                batch.charge_throttled_wait(cx.now, throttle.from, throttle.until);
            }
            let (partition, topic_id) = (batch.topic_partition().clone(), id_of(snapshot, &batch));
            let level = cx.settings.compression_level;
            let records = version
                .ok_or(Unfit::NoVersion)
                .and_then(|version| request::records_for(version, &mut batch, wire, level));
            let slot = Slot { queue, ticket, batch: Some(batch) };
            match records {
                Ok(records) => {
                    load.parts.push(Part { partition, topic_id, records });
                    load.slots.push(slot);
                }
                Err(unfit) => load.unfit.push((slot, unfit)),
            }
        }
        load
    }

    fn send_produce(
        &mut self,
        cx: &mut Context<'_>,
        numbers: &mut Idempotence,
        node: &ReadyNode,
        version: i16,
        (parts, slots, mut topics): (&mut Vec<Part<Payload>>, Vec<Slot>, RequestTopics),
    ) {
        let (broker, acks, timeout) = (node.broker, cx.settings.acks, cx.settings.request_timeout);
        let id = cx.settings.transaction.as_ref().map(|settings| &*settings.transactional_id);
        let head = RequestHead { version, transactional_id: id, acks, timeout };
        let body = match request::encode(&mut self.writer, head, parts, &mut topics) {
            Ok(encoded) => encoded,
            Err(error) => {
                // Only a request beyond 2 GiB, or a name beyond 32 KiB, cannot be said.
                let last = local_error(ErrorCode::INVALID_REQUEST, error.to_string());
                for slot in slots {
                    self.end_unsent(cx, numbers, slot, FailureKind::Unencodable, last.clone());
                }
                return;
            }
        };
        numbers.transaction.attempt(cx.now);
        let token = cx.take_token();
        self.counters.sent(cx.now, slots.iter().filter_map(|slot| slot.batch.as_ref()));
        self.requests.insert(token, ProduceInFlight { broker, version, sent: cx.now, topics, slots });
        if self.requests.to(broker) >= cx.settings.max_in_flight {
            cx.accumulator.note_waits(broker, true);
        }
        cx.put(Output::Send(ClientRequest {
            token,
            broker,
            connection: node.connection,
            api_key: ApiKey::Produce,
            version,
            body,
            timeout,
            expects_response: acks != Acks::None, // NC8
        }));
    }

    /// A batch that was drained and never left.
    fn end_unsent(
        &mut self,
        cx: &mut Context<'_>,
        numbers: &mut Idempotence,
        slot: Slot,
        kind: FailureKind,
        last: BrokerError,
    ) {
        let Slot { queue, ticket, batch } = slot;
        if let Some(ticket) = &ticket {
            numbers.sequences.attempted(queue, ticket, Attempted::NotSent);
        }
        if let Some(mut batch) = batch {
            batch.take_back_attempt();
            let failed = Failed {
                kind,
                certainty: Certainty::NotWritten,
                last: Some(last),
                record_errors: Vec::new(),
            };
            self.fail_in_flight(cx, numbers, batch, failed);
        }
        release(cx, numbers, queue);
    }
}

/// The partition may send again.
pub(super) fn release(cx: &Context<'_>, numbers: &Idempotence, queue: kp_accumulator::QueueIndex) {
    if numbers.keeps_one_in_flight(cx.settings) {
        cx.accumulator.unmute(queue);
    }
}

/// Zero if not known.
fn id_of(cluster: &Cluster, batch: &Batch<InFlight>) -> TopicId {
    cluster.topic(&batch.topic_partition().topic).map_or(TopicId::ZERO, |topic| topic.id())
}

/// What this client itself has to say about a request, in the form of a broker's error.
fn local_error(code: ErrorCode, words: String) -> BrokerError {
    BrokerError { code, message: Some(Arc::from(words)), broker: None }
}
