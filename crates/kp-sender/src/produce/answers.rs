//! What comes back for a Produce request: an answer, or the news that none will come.

use super::BatchSender;
use super::in_flight::ProduceInFlight;
use super::request::{self, PartitionAnswer};
use crate::Output;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::idempotence::Idempotence;
use crate::retry::Verdict;
use bytes::Bytes;
use kp_client::{DisconnectReason, Refused, Written};
use kp_protocol::{Acks, BrokerAddress, TopicPartition};
use std::sync::Arc;

impl BatchSender {
    /// Takes the answer, if this token is that of a Produce request.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        token: u64,
        body: &Bytes,
    ) -> bool {
        let Some(mut request) = self.take_request(cluster, token) else { return false };
        let broker = request.broker;
        let latency = cx.now.saturating_duration_since(request.sent);
        self.counters.answered(latency);
        self.latencies.answered(broker, latency);
        numbers.transaction.batch_answered(cx.now);
        let mut answers = std::mem::take(&mut self.lists.answers);
        let answer = match request::decode(body, request.version, &request.topics, &mut answers) {
            Ok(answer) => answer,
            Err(error) => {
                let reason: Arc<str> = Arc::from(format!("undecodable answer to Produce: {error}"));
                self.conclude_all(cx, cluster, numbers, request, &lost(Arc::clone(&reason)));
                cx.put(Output::Disconnect { broker, reason });
                return true;
            }
        };
        self.counters.throttled(answer.throttle.max(answer.held_back)); // SN18
        if !answer.throttle.is_zero() {
            cluster.throttle(cx, broker, answer.throttle); // NC20
        }
        apply_hints(cx, cluster, &answers, &answer.endpoints);
        for mut slot in request.slots.drain(..) {
            // A batch that has expired meanwhile takes nothing of the answer (SN9).
            let batch = slot.batch.as_ref();
            let verdict =
                batch.and_then(|batch| request::take_verdict(&mut answers, batch.topic_partition()));
            if let Some(batch) = slot.batch.as_mut() {
                // A broker that throttles before it answers has held the batch back (NC20).
                let since = batch.last_attempt().unwrap_or(cx.now);
                batch.charge_throttled(answer.held_back.min(cx.now.saturating_duration_since(since)));
            }
            self.conclude(cx, cluster, numbers, broker, slot, &verdict.unwrap_or_else(left_out));
        }
        answers.clear();
        self.lists.answers = answers;
        self.requests.keep(request.slots, request.topics);
        true
    }

    /// SN4: with `acks=0`, written is done.
    pub(crate) fn written(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        token: u64,
    ) {
        let Some(request) = self.take_request(cluster, token) else { return };
        let verdict = if cx.settings.acks == Acks::None {
            Verdict::Acknowledged { base_offset: None, log_append_time: None }
        } else {
            // The network says "written" only about requests without an answer; this one must get one.
            lost(Arc::from("written, and no answer will come"))
        };
        self.conclude_all(cx, cluster, numbers, request, &verdict);
    }

    /// No answer will come, if this token is that of a Produce request (SN6).
    pub(crate) fn failed(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        token: u64,
        (written, reason): (Written, &DisconnectReason),
    ) -> bool {
        let Some(request) = self.take_request(cluster, token) else { return false };
        let verdict = Verdict::Lost {
            written: written == Written::Perhaps,
            timed_out: *reason == DisconnectReason::RequestTimeout,
            reason: Arc::from(reason.to_string()),
        };
        self.conclude_all(cx, cluster, numbers, request, &verdict);
        true
    }

    /// The network did not take it, if this is a Produce request.
    pub(crate) fn refused(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        refused: &Refused,
    ) -> bool {
        let Some(request) = self.requests.remove(refused.request.token) else { return false };
        // Not asked again before the host has done network work: the answer could only be the same.
        cluster.brokers.ask(request.broker);
        self.conclude_all(cx, cluster, numbers, request, &Verdict::NotSent);
        true
    }

    fn take_request(&mut self, cluster: &mut KnownCluster, token: u64) -> Option<ProduceInFlight> {
        let request = self.requests.remove(token)?;
        cluster.brokers.event(request.broker);
        Some(request)
    }

    /// All batches of a request have come to the same.
    fn conclude_all(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        numbers: &mut Idempotence,
        request: ProduceInFlight,
        verdict: &Verdict,
    ) {
        for slot in request.slots {
            self.conclude(cx, cluster, numbers, request.broker, slot, verdict);
        }
    }
}

/// KIP-951: takes the leaders that an answer names, all before any batch is judged by them; if one is news, every send
/// sees it at once (MD13, MD14).
fn apply_hints(
    cx: &mut Context<'_>,
    cluster: &mut KnownCluster,
    answers: &[PartitionAnswer],
    endpoints: &[BrokerAddress],
) {
    let mut is_news = false;
    for PartitionAnswer { partition: TopicPartition { topic, partition }, leader, .. } in answers {
        if let Some((leader, epoch)) = *leader {
            is_news |= cluster.metadata.apply_leader_hint(topic, *partition, leader, epoch, endpoints);
        }
    }
    if is_news {
        cluster.publish(cx);
    }
}

/// It was written and gets no usable answer.
fn lost(reason: Arc<str>) -> Verdict {
    Verdict::Lost { written: true, timed_out: false, reason }
}

/// A response without a place for a batch of its request says nothing about it.
fn left_out() -> Verdict {
    lost(Arc::from("the answer leaves this partition out"))
}
