//! How batches end: each with an outcome that comes out behind those of the earlier ones of its partition.

use super::BatchSender;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::idempotence::Idempotence;
use crate::{Output, Settlement};
use kp_accumulator::{
    Batch, BatchPlace, BrokerError, Certainty, FailureKind, InFlight, Outcome, QueueIndex, Sealed,
};
use kp_protocol::TopicPartition;
use std::sync::Arc;

/// Why a batch fails.
pub(super) struct Failed {
    pub(super) kind: FailureKind,
    /// What this attempt shows. Earlier ones can only make it weaker.
    pub(super) certainty: Certainty,
    /// What was said last; `None`: what an earlier attempt has left.
    pub(super) last: Option<BrokerError>,
    /// Records that the broker named, by their index in the batch (KIP-467).
    pub(super) record_errors: Vec<(u32, Option<Arc<str>>)>,
}

impl Failed {
    /// Its request may have written it, and its answer is not waited for any more.
    pub(super) fn under_way(kind: FailureKind) -> Self {
        Self { kind, certainty: Certainty::Unknown, last: None, record_errors: Vec::new() }
    }
}

impl BatchSender {
    /// Fails a batch that was sent or at least drained.
    pub(super) fn fail_in_flight(
        &mut self,
        cx: &mut Context<'_>,
        numbers: &mut Idempotence,
        batch: Batch<InFlight>,
        failed: Failed,
    ) {
        let Failed { kind, certainty, last, record_errors } = failed;
        let last = last.or_else(|| batch.last_error().cloned());
        let mut failure = batch.failure(cx.now, kind, certainty, last, record_errors);
        failure.is_fatal = cx.ending.is_fatal_failure(kind);
        numbers.give_up(&batch, failure.certainty);
        // Told before the batch ends: who reads its error is told that the transaction is lost.
        numbers.transaction.batch_failed(cx, batch.topic_partition(), &failure);
        self.counters.failed(&batch);
        let (queue, place) = (batch.queue(), batch.place());
        self.end(cx, queue, place, Settlement::in_flight(batch, Outcome::Failed(Arc::new(failure))));
    }

    /// Fails a batch that waits in its queue: not written, unless an attempt left that open.
    pub(super) fn fail_queued(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &KnownCluster,
        numbers: &mut Idempotence,
        mut batch: Batch<Sealed>,
        kind: FailureKind,
    ) {
        let TopicPartition { topic, partition } = batch.topic_partition();
        let leader = cluster.snapshot().leader(topic, *partition);
        if let Some(throttle) = leader.and_then(|leader| cluster.brokers.last_throttle(leader)) {
            batch.charge_throttled_wait(cx.now, throttle.from, throttle.until);
        }
        let last = batch.last_error().cloned();
        let why = || self.why_it_waits(cx.now, cluster, numbers, batch.topic_partition()).into_error();
        let last = last.or_else(|| Some(why()));
        let mut failure = batch.failure(cx.now, kind, Certainty::NotWritten, last, Vec::new());
        failure.is_fatal = cx.ending.is_fatal_failure(kind);
        numbers.give_up(&batch, failure.certainty);
        numbers.transaction.batch_failed(cx, batch.topic_partition(), &failure);
        self.counters.failed(&batch);
        let (queue, place) = (batch.queue(), batch.place());
        self.end(cx, queue, place, Settlement::queued(batch, Outcome::Failed(Arc::new(failure))));
    }

    /// Fails what waits in the queues, for what a broker said.
    pub(crate) fn fail_all_queued(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &KnownCluster,
        numbers: &mut Idempotence,
        kind: FailureKind,
        last: &BrokerError,
    ) {
        for mut batch in cx.accumulator.take_undrained() {
            batch.remember_error(last.clone());
            self.fail_queued(cx, cluster, numbers, batch, kind);
        }
    }

    /// CL4: what is under way may be written, what is queued is not.
    pub(crate) fn fail_everything(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &KnownCluster,
        numbers: &mut Idempotence,
    ) {
        for batch in self.requests.take_all() {
            self.fail_in_flight(cx, numbers, batch, Failed::under_way(FailureKind::Closed));
        }
        for batch in cx.accumulator.take_undrained() {
            self.fail_queued(cx, cluster, numbers, batch, FailureKind::Closed);
        }
    }

    /// A batch has ended. It comes out behind the earlier ones of its partition.
    pub(super) fn end(
        &mut self,
        cx: &mut Context<'_>,
        queue: QueueIndex,
        place: BatchPlace,
        settlement: Settlement,
    ) {
        self.unsettled.ended(queue, place, settlement, |settlement| cx.put(Output::Settle(settlement)));
    }
}
