//! The cluster as the sender knows it: what brokers said of it, how each of them is, and what the host was told about both.
//! Owns: the metadata and the exchange that brings it, the state of each broker. Never: a batch.

pub(crate) mod brokers;
mod security_verdict;

use crate::Output;
use crate::context::Context;
use crate::exchange::Exchange;
use crate::unfit::Unfit;
use brokers::Brokers;
use kp_client::{DisconnectReason, Nodes, Reached, Readiness};
use kp_metadata::{Cluster, Metadata, Pending};
use kp_protocol::{ApiKey, BrokerAddress, BrokerId, BrokerVersions, TopicName, TransactionVersion};
use security_verdict::{Refusal, SecurityVerdict};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct KnownCluster {
    pub(crate) metadata: Metadata,
    pub(crate) exchange: Exchange<Pending>,
    pub(crate) brokers: Brokers,
    /// The list that the network was told.
    announced: Vec<BrokerAddress>,
    /// Why no record is to be accepted although the cluster is known; set by the part that cannot serve one.
    refusal: Option<Arc<str>>,
    security: SecurityVerdict,
    /// The newest word of any broker about the feature `transaction.version` (TX26).
    transaction_version: Option<TransactionVersion>,
}

impl KnownCluster {
    pub(crate) fn new(metadata: Metadata) -> Self {
        Self {
            metadata,
            exchange: Exchange::Idle,
            brokers: Brokers::default(),
            announced: Vec::new(),
            refusal: None,
            security: SecurityVerdict::default(),
            transaction_version: None,
        }
    }

    /// Tells the network the broker list, and the accumulator the racks, if it is another one.
    pub(crate) fn announce_brokers(&mut self, cx: &mut Context<'_>) {
        let brokers: Vec<BrokerAddress> = self.snapshot().brokers().cloned().collect();
        if brokers == self.announced {
            return;
        }
        let cluster = Arc::clone(self.snapshot());
        if self.brokers.retain(|broker| cluster.broker(broker).is_some()) {
            self.tell_format(cx);
        }
        self.security.retain(|broker| cluster.broker(broker).is_some());
        // Before records see the cluster, so that the first of them go by their rack (PA14).
        cx.accumulator.follow_racks(&cluster);
        self.announced.clone_from(&brokers);
        cx.put(Output::SetBrokers(brokers));
    }

    /// Shows the snapshot to sends that wait for it, or says why it is of no use to them.
    pub(crate) fn publish(&mut self, cx: &mut Context<'_>) {
        self.announce_brokers(cx);
        cx.put(match &self.refusal {
            Some(reason) => Output::IdempotenceUnavailable { reason: Arc::clone(reason) },
            None => Output::ClusterChanged(Arc::clone(self.snapshot())),
        });
    }

    /// From the next publishing on no record is to be accepted, for this reason; `None`: records are.
    pub(crate) fn refuse_records(&mut self, reason: Option<Arc<str>>) {
        self.refusal = reason;
    }

    /// Records are to be accepted, at once if they were not.
    pub(crate) fn accept_records(&mut self, cx: &mut Context<'_>) {
        if self.refusal.take().is_some() {
            self.publish(cx);
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<Cluster> {
        self.metadata.snapshot()
    }

    /// Whether a broker takes a request now. What the answer shows besides is noted.
    pub(crate) fn ask(&mut self, cx: &mut Context<'_>, broker: BrokerId, nodes: &mut dyn Nodes) -> Readiness {
        let readiness = nodes.readiness(cx.now, broker);
        match &readiness {
            Readiness::Ready { versions, .. } => {
                self.brokers.is_back(broker);
                self.hear_versions(cx, broker, versions);
            }
            Readiness::Failed { .. } => self.brokers.is_gone(broker),
            Readiness::Wait { .. } => {}
        }
        readiness
    }

    /// An answer wants its broker to be left alone (KIP-219, NC20).
    pub(crate) fn throttle(&mut self, cx: &mut Context<'_>, broker: BrokerId, by: Duration) {
        if let Some(until) = cx.now.checked_add(by) {
            self.brokers.throttled(broker, cx.now, until);
            cx.put(Output::Throttle { broker, until });
        }
    }

    /// Goes back to the bootstrap list if no broker has answered for too long (MD24).
    pub(crate) fn step(&mut self, cx: &mut Context<'_>) {
        if self.metadata.rebootstrap_at().is_some_and(|at| at <= cx.now) {
            self.close_connections(cx, "back to the bootstrap list");
            self.rebootstrap(cx);
        }
    }

    pub(crate) fn rebootstrap(&mut self, cx: &mut Context<'_>) {
        let pending = self.exchange.give_up().map(|asked| asked.question);
        self.metadata.rebootstrap(cx.now, pending);
        self.publish(cx);
    }

    /// MD24: open connections are closed first; their requests fail as disconnected.
    pub(crate) fn close_connections(&mut self, cx: &mut Context<'_>, why: &str) {
        let why: Arc<str> = Arc::from(why);
        for broker in std::mem::take(&mut self.announced) {
            cx.put(Output::Disconnect { broker: broker.id, reason: Arc::clone(&why) });
        }
    }

    /// Tells a call that has begun to wait since the newest attempt how that one ended, if no attempt can be made for it now
    /// (SE26). Says whether the network was asked for a broker.
    pub(crate) fn tell_refusal(&mut self, cx: &mut Context<'_>, nodes: &mut dyn Nodes) -> bool {
        // A question that waits for its broker will hear of that one's attempt.
        if !self.exchange.is_idle() || self.brokers.any_connected() {
            return false;
        }
        let Some(refusal) = self.security.take_awaited() else { return false };
        match nodes.least_loaded(cx.now) {
            // The backoff of metadata does not hold up an attempt: this one begins, and its end is told.
            Some(broker) => drop(self.ask(cx, broker, nodes)),
            None => put_refusal(cx, refusal),
        }
        true
    }

    /// A call waits for another look at a topic.
    pub(crate) fn refresh_topic(&mut self, cx: &Context<'_>, topic: TopicName) {
        self.security.await_it();
        self.metadata.refresh_topic(cx.now, topic);
    }

    /// A send wants this topic.
    pub(crate) fn want_topic(&mut self, cx: &mut Context<'_>, topic: TopicName) {
        self.security.await_it();
        self.metadata.want_topic(cx.now, topic.clone());
        // The send may have looked at an older snapshot. A topic that is refused is asked about again, but no send waits for
        // that (MD9).
        let known = self.snapshot().topic(&topic);
        if known.is_some_and(|known| known.error().is_none_or(|error| !error.is_retriable())) {
            self.publish(cx);
        }
        self.look_again_for_acceptance();
    }

    /// A caller wants any metadata at all.
    pub(crate) fn want_metadata(&mut self, cx: &mut Context<'_>) {
        self.security.await_it();
        self.look_again_for_acceptance();
        if !self.snapshot().is_bootstrap() {
            self.publish(cx);
        }
    }

    pub(crate) fn connected(&mut self, broker: BrokerId) {
        self.brokers.connected(broker);
        self.brokers.event(broker);
        self.security.let_in();
    }

    pub(crate) fn disconnected(
        &mut self,
        cx: &mut Context<'_>,
        broker: BrokerId,
        address: Arc<str>,
        (reason, reached): (&DisconnectReason, Reached),
    ) {
        let stands = reason.verdict().is_none() && self.security.outlives(broker, reached);
        // One that left the list is closed for that, and has not failed.
        if self.snapshot().broker(broker).is_some() && !stands {
            self.brokers.failed(broker, Arc::clone(&address), Arc::from(reason.to_string()));
        }
        self.brokers.is_gone(broker);
        // NC11: a broker that was waited for may have lost its partitions. One that was not wanted (idle) tells nothing.
        if self.brokers.event(broker) {
            self.metadata.request_update();
        }
        if self.snapshot().is_bootstrap() || !self.exchange.is_idle() {
            self.report_failure(cx);
        }
        let refusal = match stands {
            true => self.security.stands(broker, reached),
            false => self.security.ended(broker, &address, reason),
        };
        if let Some(refusal) = refusal.filter(|_| !self.brokers.any_connected()) {
            put_refusal(cx, refusal);
        }
    }

    /// Says why metadata is not to be had, if a broker has failed.
    pub(crate) fn report_failure(&mut self, cx: &mut Context<'_>) {
        if let Some(reason) = self.brokers.why_unreachable() {
            cx.put(Output::MetadataFailed { reason });
        }
    }

    /// Remembers what a broker said, under the address it has in the snapshot.
    pub(crate) fn note_unreachable(&mut self, broker: BrokerId, reason: Arc<str>) {
        let address = match self.snapshot().broker(broker) {
            Some(address) => Arc::from(address.to_string()),
            None => Arc::from(format!("broker {broker}")),
        };
        self.brokers.failed(broker, address, reason);
    }

    /// `broker 3 (host:9092)`, for people.
    pub(crate) fn name_of(&self, broker: BrokerId) -> String {
        match self.snapshot().broker(broker) {
            Some(address) => format!("broker {broker} ({address})"),
            None => format!("broker {broker} (broker {broker})"),
        }
    }

    /// A send was, or will be, refused: perhaps the brokers are newer ones by now.
    fn look_again_for_acceptance(&mut self) {
        if self.refusal.is_some() {
            self.metadata.request_update();
        }
    }

    /// What the brokers said of `transaction.version`: the newest word counts, of any of them (TX26).
    pub(crate) fn transaction_version(&self) -> Option<TransactionVersion> {
        self.transaction_version
    }

    /// A broker is ready: it may be older or newer than what was known.
    fn hear_versions(&mut self, cx: &mut Context<'_>, broker: BrokerId, versions: &BrokerVersions) {
        self.transaction_version = self.transaction_version.max(versions.transaction_version());
        if self.brokers.heard(broker, versions) {
            let offered = versions.range(ApiKey::Produce).map(|range| range.max);
            self.tell_format_of(cx, broker, offered);
        }
    }

    /// Names a broker for the record format that all have in common now.
    fn tell_format(&mut self, cx: &mut Context<'_>) {
        if let Some((broker, offered)) = self.brokers.oldest() {
            self.tell_format_of(cx, broker, Some(offered));
        }
    }

    fn tell_format_of(&mut self, cx: &mut Context<'_>, broker: BrokerId, offered: Option<i16>) {
        let reason = Arc::from(format!("{} {}", self.name_of(broker), Unfit::Headers.words(offered)));
        let format = self.brokers.common_format();
        cx.accumulator.set_record_format(format);
        cx.put(Output::RecordFormat { format, reason });
    }
}

fn put_refusal(cx: &mut Context<'_>, Refusal { address, failure }: Refusal) {
    cx.put(Output::SecurityFailed { address, failure });
}
