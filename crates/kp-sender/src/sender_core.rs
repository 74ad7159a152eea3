//! The sender: `handle_input`, `poll_output`, `poll_timeout`. What it does with them is in the files beside this one:
//! asking and sending in `sending.rs`, what comes back in `answers.rs`, other questions in `exchanges`, time running out
//! in `expiry.rs`, the end in `shutdown.rs`.
//! Owner: the driver, alone. Never: a clock, a socket, user code.

use crate::brokers::Brokers;
use crate::counters::{BrokerLatencies, SenderCounters};
use crate::exchange::Exchange;
use crate::fatal::Fatal;
use crate::idempotence::Idempotence;
use crate::idempotence::sequences::Ticket;
use crate::in_flight::Requests;
use crate::produce::{Part, PartitionAnswer};
use crate::shutdown::Shutdown;
use crate::unfit::Formats;
use crate::unreachable::Unreachable;
use crate::unsettled::Unsettled;
use crate::{Histogram, Input, Output, SenderSettings};
use kp_accumulator::{Accumulator, Drained, Payload};
use kp_client::{Event, Nodes};
use kp_metadata::{Metadata, Pending};
use kp_protocol::{BrokerAddress, BrokerId, ProduceWriter};
use kp_time::Jitter;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything between the accumulator and the network, as a state machine.
///
/// The host's loop: [`handle_input`](Self::handle_input) for whatever happened, [`poll_output`](Self::poll_output) until
/// `None`, then sleep until something happens or
/// [`poll_timeout`](Self::poll_timeout). `now` must not run backwards.
///
/// Every batch that leaves the accumulator comes out in exactly one [`Output::Settle`].
pub struct SenderCore {
    pub(crate) settings: SenderSettings,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) metadata: Metadata,
    pub(crate) exchange: Exchange<Pending>,
    pub(crate) brokers: Brokers,
    pub(crate) unreachable: Unreachable,
    pub(crate) formats: Formats,
    pub(crate) requests: Requests,
    pub(crate) writer: ProduceWriter,
    /// Lists for one request or answer at a time; empty in between.
    pub(crate) drained: Vec<Drained<Option<Ticket>>>,
    pub(crate) parts: Vec<Part<Payload>>,
    pub(crate) answers: Vec<PartitionAnswer>,
    pub(crate) idempotence: Idempotence,
    pub(crate) unsettled: Unsettled,
    pub(crate) shutdown: Shutdown,
    /// Why nothing is sent any more.
    pub(crate) fatal: Option<Fatal>,
    pub(crate) counters: Arc<SenderCounters>,
    pub(crate) latencies: BrokerLatencies,
    pub(crate) announced: Vec<BrokerAddress>,
    pub(crate) jitter: Jitter,
    pub(crate) next_token: u64,
    pub(crate) outputs: VecDeque<Output>,
    /// When the accumulator said to look again.
    pub(crate) next_ready_check: Option<Instant>,
    /// Something happened since the last turn.
    pub(crate) is_dirty: bool,
    /// Between the first `poll_output` after the host has slept and its `None`.
    in_cycle: bool,
    timeout: Option<Instant>,
}

impl SenderCore {
    /// A core that sends what is in `accumulator` to the brokers `metadata` finds.
    #[must_use]
    pub fn new(
        settings: SenderSettings,
        accumulator: Arc<Accumulator>,
        metadata: Metadata,
        now: Instant,
        seed: u64,
    ) -> Self {
        let mut core = Self {
            requests: Requests::new(settings.delivery_timeout),
            idempotence: Idempotence::new(settings.idempotence),
            settings,
            accumulator,
            writer: ProduceWriter::default(),
            drained: Vec::new(),
            parts: Vec::new(),
            answers: Vec::new(),
            metadata,
            exchange: Exchange::Idle,
            brokers: Brokers::default(),
            unreachable: Unreachable::default(),
            formats: Formats::default(),
            unsettled: Unsettled::default(),
            shutdown: Shutdown::Running,
            fatal: None,
            counters: Arc::default(),
            latencies: BrokerLatencies::default(),
            announced: Vec::new(),
            jitter: Jitter::seeded(seed),
            next_token: 0,
            outputs: VecDeque::new(),
            next_ready_check: None,
            is_dirty: true,
            in_cycle: false,
            timeout: Some(now),
        };
        core.announce_brokers();
        core
    }

    /// Takes in what happened. Answers to requests this core no longer knows are ignored (SN9).
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.is_dirty = true;
        match input {
            Input::Network(event) => self.on_event(now, event),
            Input::Refused(refused) => self.on_refused(now, &refused),
            Input::WantTopic(topic) => self.on_want_topic(now, topic),
            Input::RefreshTopic(topic) => self.metadata.refresh_topic(now, topic),
            Input::WantMetadata => self.on_want_metadata(),
            Input::Close { deadline } => {
                self.accumulator.close(); // CL10: nothing more is accepted, whoever has not said so yet.
                self.shutdown = self.shutdown.close(deadline);
            }
            Input::CloseNow => {
                self.accumulator.close();
                self.shutdown = self.shutdown.close_now();
            }
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected { broker, .. } => self.on_connected(broker),
            Event::Disconnected { broker, address, reason, .. } => {
                self.on_disconnected(broker, address, Arc::from(reason.to_string()));
            }
            Event::Answered { token, body } => self.on_answered(now, token, &body),
            Event::Written { token } => self.on_written(now, token),
            Event::Failed { token, written, reason } => self.on_failed(now, token, written, &reason),
            // Every broker that is needed is asked again at the beginning of a turn; the other is for people.
            Event::Writable { .. } | Event::OldCluster { .. } => {}
        }
    }

    /// The next thing to do; `None` = sleep. `nodes` answers which brokers take a request; each answer holds for one. Call until `None` after every input or wake.
    pub fn poll_output(&mut self, now: Instant, nodes: &mut dyn Nodes) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(self.hand_out(output));
        }
        if self.shutdown == Shutdown::Closed {
            self.timeout = None;
            return None;
        }
        if !self.in_cycle {
            self.in_cycle = true;
            self.is_dirty = true;
            self.brokers.begin_cycle(now);
            self.exchange.begin_cycle(now);
            if let Some(exchange) = self.idempotence.identity.exchange() {
                exchange.begin_cycle(now);
            }
        }
        // A turn that changes something is followed by another one; each either asks or sends something new or ends the
        // cycle: a broker is asked once in it, and again only after it took a request.
        while std::mem::take(&mut self.is_dirty) {
            self.turn(now, nodes);
            if let Some(output) = self.outputs.pop_front() {
                return Some(self.hand_out(output));
            }
        }
        self.in_cycle = false;
        self.timeout = self.next_timeout(now);
        debug_assert!(
            self.timeout.is_none_or(|at| at > now),
            "a turn without output wants a moment that is over"
        );
        None
    }

    /// When to call [`poll_output`](Self::poll_output) again if nothing happens before; appends wake the host
    /// themselves. Valid after a `poll_output` that answered `None`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// What is counted, for metrics. Anybody may read it at any time; an outcome is counted before it comes out.
    #[must_use]
    pub fn counters(&self) -> &Arc<SenderCounters> {
        &self.counters
    }

    /// From the handing out of a Produce request to its answer, for each broker that has answered one.
    pub fn latencies(&self) -> impl ExactSizeIterator<Item = (BrokerId, &Arc<Histogram>)> {
        self.latencies.iter()
    }

    /// When a broker last told all that was asked of it about the cluster, before `now`: as long ago as this (MD27).
    #[must_use]
    pub fn metadata_age(&self, now: Instant) -> Option<Duration> {
        self.metadata.age(now)
    }

    /// SN1: ready, check, drain, expire, send; metadata beside it.
    fn turn(&mut self, now: Instant, nodes: &mut dyn Nodes) {
        // Looked at first, also when nothing is sent any more: a batch that a worker gives back after this look makes the
        // accumulator refuse to sleep, and one that came before it is taken below.
        let ready = self.look_what_is_ready(now);
        self.expire(now);
        self.advance_shutdown(now);
        if self.shutdown == Shutdown::Closed {
            return;
        }
        self.fail_what_is_queued_after_the_fatal_error(now);
        if self.may_send() && !self.has_output_first() {
            self.ask_brokers(now, ready, nodes);
            if !self.has_output_first() {
                self.step_metadata(now, nodes);
            }
            if !self.has_output_first() {
                self.step_identity(now, nodes);
            }
        }
    }

    /// What was put out is carried out before the network is asked more: a broker that takes a request, or a new broker list,
    /// changes its answers. The turn is repeated behind it.
    fn has_output_first(&mut self) -> bool {
        let is_some = !self.outputs.is_empty();
        self.is_dirty |= is_some;
        is_some
    }

    /// Closing waits for settlements to be run: look again behind each.
    fn hand_out(&mut self, output: Output) -> Output {
        self.is_dirty |= self.shutdown != Shutdown::Running && matches!(output, Output::Settle(_));
        output
    }

    fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let ends = [self.accumulator.next_expiry(), self.requests.next_expiry(), self.shutdown.next()];
        // As in `turn`: nothing is asked or sent after a fatal error or while what is left is failed.
        let sends = self.may_send().then(|| {
            [
                self.next_ready_check,
                self.brokers.next_ask(),
                self.next_metadata(now),
                self.idempotence.identity.next().filter(|_| self.accumulator.has_incomplete()),
                self.metadata.rebootstrap_at(),
            ]
        });
        ends.into_iter().chain(sends.into_iter().flatten()).flatten().min()
    }

    pub(crate) fn take_token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    pub(crate) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Tells the network the broker list, if it is another one.
    pub(crate) fn announce_brokers(&mut self) {
        let brokers: Vec<BrokerAddress> = self.metadata.snapshot().brokers().cloned().collect();
        if brokers != self.announced {
            let cluster = Arc::clone(self.metadata.snapshot());
            let is_known = |broker: BrokerId| cluster.broker(broker).is_some();
            self.brokers.retain(is_known);
            self.unreachable.retain(is_known);
            self.forget_formats(is_known);
            self.announced.clone_from(&brokers);
            self.put(Output::SetBrokers(brokers));
        }
    }

    /// Shows the snapshot to those who wait for it, or says why it is of no use to them.
    pub(crate) fn publish_cluster(&mut self) {
        self.announce_brokers();
        self.put(match &self.idempotence.unavailable {
            Some(reason) => Output::IdempotenceUnavailable { reason: Arc::clone(reason) },
            None => Output::ClusterChanged(Arc::clone(self.metadata.snapshot())),
        });
    }
}

impl std::fmt::Debug for SenderCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderCore")
            .field("shutdown", &self.shutdown)
            .field("exchange", &self.exchange)
            .field("outputs", &self.outputs.len())
            .finish_non_exhaustive()
    }
}
