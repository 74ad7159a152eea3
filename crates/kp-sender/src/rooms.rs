//! Where the parts of the core meet: what needs the cluster, the numbers and the batches together.
//! Owns the three; decides nothing that one of them can decide alone.

use crate::Output;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::ending::Fatal;
use crate::exchange::ReadyNode;
use crate::idempotence::Idempotence;
use crate::produce::BatchSender;
use crate::shutdown::Shutdown;
use crate::transaction::{Errand, Transactions};
use kp_accumulator::{BrokerError, FailureKind};
use kp_client::{Nodes, Readiness};
use kp_protocol::BrokerId;
use smallvec::SmallVec;
use std::time::Instant;

pub(crate) struct Rooms {
    pub(crate) cluster: KnownCluster,
    pub(crate) idempotence: Idempotence,
    pub(crate) batches: BatchSender,
    pub(crate) transactions: Transactions,
}

/// What a look at the accumulator found.
pub(crate) struct Ready {
    /// Leaders of something sendable.
    pub(crate) brokers: SmallVec<[BrokerId; 8]>,
    /// When to look again.
    pub(crate) next_check: Option<Instant>,
}

impl Rooms {
    /// Which brokers lead something sendable; partitions without a leader ask for one (AC12).
    pub(crate) fn look_what_is_ready(&mut self, cx: &Context<'_>) -> Ready {
        let metadata = &mut self.cluster.metadata;
        let ready = cx.accumulator.ready(cx.now, metadata.snapshot());
        self.idempotence.has_records = cx.accumulator.has_incomplete();
        for topic in ready.leaderless {
            metadata.refresh_topic(cx.now, topic);
        }
        if self.cluster.brokers.any_down(&ready.brokers) {
            // The other brokers know the next leader long before the next attempt to connect to this one.
            metadata.await_leader();
        }
        Ready { brokers: ready.brokers, next_check: ready.next_check }
    }

    /// SN1, SN2: asks every one of them, unless it is known to take nothing now, and sends what it takes. Says whether one was
    /// asked.
    pub(crate) fn send_to(
        &mut self,
        cx: &mut Context<'_>,
        brokers: SmallVec<[BrokerId; 8]>,
        nodes: &mut dyn Nodes,
    ) -> bool {
        let mut has_asked = false;
        for broker in brokers {
            if !self.cluster.brokers.ask(broker) {
                continue;
            }
            has_asked = true;
            match self.ask(cx, broker, nodes) {
                Readiness::Ready { connection, versions } => {
                    if cx.ending.may_send() && self.idempotence.may_send() {
                        let Self { cluster, idempotence, batches, .. } = self;
                        batches.send(cx, cluster, idempotence, &ReadyNode { broker, connection, versions });
                    }
                }
                Readiness::Wait { until, .. } => self.cluster.brokers.waits(broker, until),
                Readiness::Failed { reason, retry_at } => {
                    self.cluster.brokers.waits(broker, retry_at);
                    self.cluster.note_unreachable(broker, reason);
                    self.cluster.metadata.request_update();
                }
            }
        }
        has_asked
    }

    /// Whether a broker takes a request now. The accumulator hears of it: for one that takes none, batches may grow.
    pub(crate) fn ask(&mut self, cx: &mut Context<'_>, broker: BrokerId, nodes: &mut dyn Nodes) -> Readiness {
        let readiness = self.cluster.ask(cx, broker, nodes);
        let is_ready = matches!(readiness, Readiness::Ready { .. });
        cx.accumulator.note_waits(broker, !(is_ready && self.idempotence.may_send()));
        readiness
    }

    /// What a coordinator is to be asked next.
    pub(crate) fn errand(&self) -> Option<Errand> {
        let has_pair = self.idempotence.identity.known().is_some();
        self.transactions.errand(&self.idempotence.transaction, has_pair)
    }

    /// Moves on towards the end, if it was asked for.
    pub(crate) fn advance_shutdown(&mut self, cx: &mut Context<'_>) {
        let before = cx.ending.shutdown;
        if matches!(before, Shutdown::Running | Shutdown::Closed) {
            return;
        }
        let is_done = !cx.accumulator.has_incomplete() && self.transactions.is_at_rest();
        cx.ending.shutdown = before.advance(cx.now, is_done);
        match cx.ending.shutdown {
            Shutdown::Forcing => {
                let Self { cluster, idempotence, batches, .. } = self;
                batches.fail_everything(cx, cluster, idempotence);
            }
            Shutdown::Closed => cx.put(Output::Closed),
            Shutdown::Running | Shutdown::Finishing { .. } => {}
        }
    }

    /// Fails every batch whose time is over.
    pub(crate) fn expire(&mut self, cx: &mut Context<'_>) {
        let Self { cluster, idempotence, batches, .. } = self;
        batches.expire(cx, cluster, idempotence);
    }

    /// Fails what is queued, also what compression gives back later, once nothing is sent any more.
    pub(crate) fn fail_what_is_queued_after_the_fatal_error(&mut self, cx: &mut Context<'_>) {
        let Some(Fatal { code, last }) = cx.ending.fatal().cloned() else { return };
        self.fail_all_queued(cx, FailureKind::Refused(code), &last);
    }

    /// Fails what waits in the queues, for what a broker said.
    pub(crate) fn fail_all_queued(&mut self, cx: &mut Context<'_>, kind: FailureKind, last: &BrokerError) {
        let Self { cluster, idempotence, batches, .. } = self;
        batches.fail_all_queued(cx, cluster, idempotence, kind, last);
    }
}
