//! The loop between the sender core and the network: one plain thread, no tokio, no decisions.
//!
//! Owner: the thread `kafka-producer-network-thread | <client.id>`. It alone calls the core and the client, runs
//! callbacks (with no lock held), and serves waiters for metadata and memory.

use crate::drive::link::Command;
use crate::error::{SecurityError, SendErrorKind};
use crate::observe::question::NetworkSide;
use crate::observe::tracing::Tracer;
use crate::observe::unreachable::Watch;
use crate::send::view::View;
use crate::shared::Shared;
use kp_accumulator::FailureKind;
use kp_client::{ClientNodes, ClientRequest, Event, KafkaClient};
use kp_metrics::Publisher;
use kp_sender::{Input, Output, SenderCore, Settlement, TransactionOutput, TransactionProtocol};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the client may take for its farewell once everything is settled.
const FAREWELL: Duration = Duration::from_millis(100);

/// What an operator should know of a cluster whose transactions are from before KIP-890.
const OLDER_PROTOCOL: &str = "the cluster speaks the older protocol of transactions (transaction.version is below 2, Kafka 4.0): a \
     request more before the first batch of a partition in each transaction, and a new producer epoch behind one in which a \
     request was not answered";

pub(crate) struct Driver {
    shared: Arc<Shared>,
    core: SenderCore,
    client: Box<dyn KafkaClient>,
    events: Vec<Event>,
    publisher: Publisher,
    tracer: Tracer,
    watch: Watch,
    over: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, core: SenderCore, client: Box<dyn KafkaClient>) -> Self {
        let publisher = Publisher::new(shared.clock.now(), Arc::clone(&shared.measured));
        let tracer = Tracer::new(shared.measured.client_id());
        Self {
            shared,
            core,
            client,
            events: Vec::new(),
            publisher,
            tracer,
            watch: Watch::default(),
            over: false,
        }
    }

    /// Runs until the producer is closed and everything accepted is settled. A panic is never resumed: whatever
    /// is not settled fails as unknown, and the producer says so from then on.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        shared.link.enter_network_thread();
        let ended = catch_unwind(AssertUnwindSafe(move || {
            while !self.over {
                self.turn();
            }
            self.say_farewell();
        }));
        match ended {
            // The batches in flight were failed as unknown when the core was dropped.
            Err(_) => give_up(&shared),
            Ok(()) => {
                shared.close_extensions();
                shared.ended.closed();
            }
        }
    }

    /// One turn on a thread that is the network thread only as long as it lasts. Answers whether there is another.
    pub(crate) fn step(&mut self) -> bool {
        if self.over {
            return false;
        }
        self.shared.link.enter_network_thread();
        self.turn();
        if self.over {
            self.say_farewell();
            self.shared.close_extensions();
            self.shared.ended.closed();
        }
        self.shared.link.leave_network_thread();
        !self.over
    }

    fn turn(&mut self) {
        let now = self.shared.clock.now();
        self.take_commands(now);
        while let Some(output) = self.core.poll_output(now, &mut ClientNodes::new(&mut *self.client)) {
            self.carry_out(now, output);
            self.publisher.note_news();
        }
        // Behind the outputs: an answer that is in already must not come too late for the call that waits for it.
        self.shared.expire_waits(now);
        if self.over {
            return;
        }
        let Self { shared, core, client, publisher, .. } = self;
        if shared.waits.pool().has_waiters() {
            publisher.note_news();
        }
        if let Some(words) = publisher.turn(now, core, &**client) {
            shared.notes.notice(words.to_owned());
        }
        let until = self.sleep_until(now);
        let may_sleep = self.shared.accumulator.prepare_to_sleep(until);
        self.client.poll(if may_sleep { until } else { Some(now) }, &mut self.events);
        self.shared.accumulator.awake();
        let now = self.shared.clock.now();
        for event in self.events.drain(..) {
            self.publisher.note_news();
            self.tracer.event(&event);
            self.watch.event(now, &event, &self.shared.notes.unreachable, self.shared.measured.client_id());
            if let Some(advice) = event.advice() {
                self.shared.notes.notice(advice);
            }
            self.core.handle_input(now, Input::Network(event));
        }
    }

    /// The last metrics, then the end of every connection.
    fn say_farewell(&mut self) {
        let Self { shared, core, client, publisher, .. } = self;
        if let Some(words) = publisher.end(shared.clock.now(), core, &**client) {
            shared.notes.notice(words.to_owned());
        }
        client.close(FAREWELL);
    }

    fn take_commands(&mut self, now: Instant) {
        let commands = self.shared.link.take_commands();
        for command in commands {
            let input = match command {
                Command::WantTopic(topic) => Input::WantTopic(topic),
                Command::RefreshTopic(topic) => Input::RefreshTopic(topic),
                Command::WantMetadata => Input::WantMetadata,
                Command::ReloadCredentials(reconnect) => {
                    self.client.reload_credentials(now, reconnect);
                    continue;
                }
                Command::Transaction(input) => Input::Transaction(input),
                Command::Close(deadline) => Input::Close { deadline },
                Command::Security(question) => {
                    question.answer(self.client.security(now));
                    continue;
                }
                Command::Explain(question) => {
                    let cluster = Arc::clone(&self.shared.views.load().cluster);
                    let client = &mut *self.client;
                    question.answer(NetworkSide::look(
                        now,
                        &self.core,
                        client,
                        &self.shared.accumulator,
                        &cluster,
                    ));
                    continue;
                }
            };
            self.core.handle_input(now, input);
        }
    }

    fn sleep_until(&self, now: Instant) -> Option<Instant> {
        let own = [self.core.poll_timeout(), self.publisher.next()].into_iter().flatten().min();
        // Of a wait this does not hold: a call may have joined since the expiry, with a deadline that is over already.
        debug_assert!(own.is_none_or(|at| at > now), "a turn is over and wants a moment that is over, too");
        own.into_iter().chain(self.shared.waits.next_deadline()).min()
    }

    fn carry_out(&mut self, now: Instant, output: Output) {
        match output {
            Output::SetBrokers(brokers) => {
                self.watch.set_brokers(&brokers);
                self.client.set_brokers(now, &brokers);
            }
            Output::Send(request) => self.send(now, request),
            Output::Throttle { broker, until } => self.client.throttle(broker, until),
            Output::Disconnect { broker, reason } => self.client.disconnect(now, broker, &reason),
            Output::Settle(settlement) => self.settle(now, settlement),
            Output::ClusterChanged(cluster) => {
                // The core publishes an unchanged cluster too, for waiters: the view is made of a new one only.
                if !self.shared.views.load().shows(&cluster) {
                    self.shared.views.set(View::new(Arc::clone(&cluster), &self.shared.accumulator));
                }
                self.shared.waits.metadata().clear_failure();
                self.shared.waits.metadata().serve(&cluster);
                // A waiter for a partition that is not there yet waits for the next answer (MD20).
                for topic in self.shared.waits.metadata().topics_to_refresh() {
                    self.core.handle_input(now, Input::RefreshTopic(topic));
                }
            }
            Output::RecordFormat { format, reason } => {
                self.shared.old_cluster.set_without_headers(format.map(|_| reason));
            }
            Output::WithoutIdempotence { reason } => self.shared.goes_without_idempotence(&reason),
            Output::IdempotenceUnavailable { reason } => self.refuse_sends(reason),
            Output::Fatal { reason } => {
                self.shared.ended.mark_fatal(reason);
                self.shared.refuse_new();
            }
            Output::Transaction(news) => {
                self.note(&news);
                if let Some(ledger) = self.shared.waits.transactions() {
                    ledger.hear(news);
                }
            }
            Output::MetadataFailed { reason } => self.shared.waits.metadata().note_failure(reason),
            Output::SecurityFailed { address, failure } => {
                let error = SecurityError::new(address, failure);
                self.shared.waits.metadata().refuse(&SendErrorKind::Security(error));
            }
            Output::Closed => self.over = true,
        }
    }

    /// What others than those who wait should know of it.
    fn note(&self, news: &TransactionOutput) {
        match news {
            TransactionOutput::Ended { end, .. } => self.shared.measured.transactions().ended(end),
            TransactionOutput::Initialized { protocol: TransactionProtocol::V1, .. } => {
                self.shared.notes.notice(OLDER_PROTOCOL.to_owned());
            }
            _ => {}
        }
    }

    /// Nothing can be sent as the configuration wants it: each waiter is told, and each later send, until a broker
    /// says otherwise.
    fn refuse_sends(&self, reason: Arc<str>) {
        if let Some(ledger) = self.shared.waits.transactions() {
            ledger.hear_unsupported(Arc::clone(&reason));
        }
        let refusal = SendErrorKind::UnsupportedVersion { reason };
        let cluster = Arc::clone(&self.shared.views.load().cluster);
        self.shared.views.set(View::refusing(cluster, refusal.clone()));
        self.shared.waits.metadata().refuse(&refusal);
    }

    fn send(&mut self, now: Instant, request: ClientRequest) {
        self.tracer.request(&request);
        if let Err(refused) = self.client.send(now, request) {
            self.tracer.refused(refused.request.token);
            self.core.handle_input(now, Input::Refused(refused));
        }
    }

    fn settle(&mut self, now: Instant, settlement: Settlement) {
        self.tracer.batch(now, &settlement);
        let records = u64::from(settlement.record_count());
        self.shared.measured.counters().settled(records, settlement.outcome());
        settlement.run();
    }
}

/// After a panic of this thread: nothing is accepted any more, everything that was fails.
pub(crate) fn give_up(shared: &Shared) {
    shared.ended.mark_panicked();
    shared.accumulator.close();
    shared.waits.close(&SendErrorKind::NetworkThreadGone);
    shared.accumulator.fail_everything(FailureKind::NetworkThreadGone);
    shared.measured.counters().abandoned(shared.accumulator.abandoned_records());
    shared.close_extensions();
    shared.ended.wake();
}
