//! Idempotence (KIP-98, KIP-360): a producer id, and a number for every batch, so that a broker tells a retry from a
//! new batch.
//! Owns: the identity, the exchange that brings it, and the sequences. Nothing here leaves the core but through the gate that
//! a drain asks.

pub(crate) mod gate;
pub(crate) mod identity;
pub(crate) mod sequences;

use crate::Output;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::settings::{IdempotenceSetting, SenderSettings};
use crate::transaction::facts::Facts;
use identity::Identity;
use kp_accumulator::{Batch, BrokerError, Certainty};
use kp_protocol::{ApiKey, BrokerId, ProducerIdentity};
use sequences::Sequences;
use std::sync::Arc;

/// Who this producer is, and how far each partition is numbered.
#[derive(Debug)]
pub(crate) struct Idempotence {
    pub(crate) identity: Identity,
    pub(crate) exchange: Exchange<InitProducerId>,
    pub(crate) sequences: Sequences,
    /// What is known of the open transaction, which all of this goes out for.
    pub(crate) transaction: Facts,
    /// There was a record at the last look. One that comes behind the look wakes the driver itself: it must not make that look's
    /// moment due.
    pub(crate) has_records: bool,
    /// There was an id once: the cluster can give them, whatever a single broker speaks.
    was_known: bool,
    /// What the last broker that was asked for an id said instead, while there is none.
    pub(crate) last_refusal: Option<BrokerError>,
}

/// The question for a producer id of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitProducerId;

impl Idempotence {
    pub(crate) fn new(setting: IdempotenceSetting, is_transactional: bool) -> Self {
        let identity = match setting {
            IdempotenceSetting::Off => Identity::Without,
            IdempotenceSetting::Preferred | IdempotenceSetting::Required => {
                Identity::Missing { not_before: None }
            }
        };
        Self {
            identity,
            exchange: Exchange::Idle,
            sequences: Sequences::new(is_transactional),
            transaction: Facts::new(is_transactional),
            has_records: false,
            was_known: false,
            last_refusal: None,
        }
    }

    /// Whether batches may leave: either they need no identity, or there is one.
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.identity, Identity::Without | Identity::Known(_))
    }

    /// Whether a partition is muted while a batch of it is under way (SN7). Numbers make that needless; where they were wanted and
    /// are not to be had, it keeps the order at least.
    pub(crate) fn keeps_one_in_flight(&self, settings: &SenderSettings) -> bool {
        let is_given_up = settings.idempotence != IdempotenceSetting::Off;
        !self.is_on() && (is_given_up || settings.guarantee_one_in_flight)
    }

    /// Whether batches are numbered, now or as soon as there is an identity.
    pub(crate) fn is_on(&self) -> bool {
        self.identity != Identity::Without
    }

    pub(crate) fn was_known(&self) -> bool {
        self.was_known
    }

    /// A broker is about to describe the cluster, and a send that waits for that is about to be accepted: what it is promised is
    /// decided by what this broker speaks.
    pub(crate) fn hear_of(&mut self, cx: &mut Context<'_>, cluster: &mut KnownCluster, node: &ReadyNode) {
        let is_offered = node.versions.negotiate(ApiKey::InitProducerId).is_some();
        match cx.settings.idempotence {
            IdempotenceSetting::Off => {}
            // One that had an id goes on with it, whichever broker is asked about the cluster.
            IdempotenceSetting::Preferred | IdempotenceSetting::Required if self.was_known => {}
            IdempotenceSetting::Preferred => {
                let is_open = matches!(self.identity, Identity::Missing { .. }) && !self.exchange.is_sent();
                if is_open && !is_offered {
                    self.go_without(cx, cluster, node.broker);
                }
            }
            IdempotenceSetting::Required => {
                cluster.refuse_records((!is_offered).then(|| words_of_absence(cluster, node.broker)));
            }
        }
    }

    /// A broker has given an id.
    pub(crate) fn is_given(
        &mut self,
        cx: &mut Context<'_>,
        cluster: &mut KnownCluster,
        identity: ProducerIdentity,
    ) {
        self.identity = Identity::Known(identity);
        self.was_known = true;
        self.last_refusal = None;
        cluster.accept_records(cx); // Another broker may have said that there is none.
    }

    /// Nothing leaves until a coordinator has given the next pair (TC2).
    pub(crate) fn await_next(&mut self) {
        self.identity = Identity::Missing { not_before: None };
    }

    /// The id is asked for as soon as records wait for it.
    pub(crate) fn ask_anew(&mut self) {
        self.identity = Identity::Missing { not_before: None };
    }

    /// The request is lost, was refused, or there was no broker to ask.
    pub(crate) fn ask_later(&mut self, cx: &mut Context<'_>) {
        let backoff = cx.backoff(0);
        self.identity = Identity::Missing { not_before: cx.now.checked_add(backoff) };
    }

    /// The cluster gives no producer ids: one batch of a partition at a time keeps the order at least.
    pub(crate) fn go_without(&mut self, cx: &mut Context<'_>, cluster: &KnownCluster, broker: BrokerId) {
        self.identity = Identity::Without;
        cx.put(Output::WithoutIdempotence { reason: words_of_absence(cluster, broker) });
    }

    /// A batch fails: its numbers are free again, or a hole.
    pub(crate) fn give_up<S>(&mut self, batch: &Batch<S>, certainty: Certainty) {
        if let Some(identity) = batch.identity() {
            let is_surely_unwritten = certainty == Certainty::NotWritten;
            self.sequences.failed(batch.queue(), identity, batch.record_count(), is_surely_unwritten);
        }
    }
}

fn words_of_absence(cluster: &KnownCluster, broker: BrokerId) -> Arc<str> {
    Arc::from(format!("{} speaks no InitProducerId (Kafka 0.11 and newer do)", cluster.name_of(broker)))
}
