//! For tests of transactions: a core of few words behind a real facade. It hears each command, says what the test says, and moves
//! the clock to the next deadline when nothing else happens. Batches are drained and acknowledged here, by no broker.

use crate::drive::link::Command;
use crate::send::view::View;
use crate::shared::Shared;
use crate::{KafkaClient, Producer, ProducerBuilder, ProducerConfig, Stepper, TransactionalProducer};
use kp_accumulator::{Admission, DrainGate, HeadBatch, Outcome, QueueIndex};
use kp_metadata::{Cluster, Partition, Topic};
use kp_network::{ClientRequest, Event, Readiness, Refused};
use kp_protocol::{BrokerAddress, BrokerId, BrokerVersions, Offset, ProducerIdentity, TopicId, TopicName};
use kp_sender::{
    TransactionEnd, TransactionFailure, TransactionFailureKind, TransactionInput, TransactionOutput,
    TransactionProtocol,
};
use kp_time::{Clock, ManualClock};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// What the core does with the end of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// As is asked for.
    AsAsked,
    /// It is silent.
    Never,
    /// In this way.
    With(TransactionEnd),
}

/// The core, and what it does.
pub(super) struct Play {
    pub(super) clock: ManualClock,
    pub(super) shared: Arc<Shared>,
    /// What it has heard, in order.
    pub(super) heard: Vec<TransactionInput>,
    /// What it says to `Init`; nothing: it is silent.
    pub(super) init: Vec<Option<TransactionOutput>>,
    pub(super) ends: Ends,
    /// What it says of offsets; `None`: it is silent.
    pub(super) offsets: Option<Result<(), TransactionFailure>>,
    /// Whether batches are acknowledged.
    pub(super) acknowledges: bool,
    cluster: Arc<Cluster>,
    doomed: Option<TransactionFailure>,
    /// Keeps the producer from ending by itself.
    _stepper: Stepper,
}

struct Everything;

impl DrainGate for Everything {
    type Pass = ();

    fn admit(&mut self, _: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        Admission::Send { identity: None, pass: () }
    }
}

impl Play {
    pub(super) fn new(more: &[(&str, &str)]) -> (Self, TransactionalProducer) {
        Self::with(more, |builder| builder)
    }

    pub(super) fn with(
        more: &[(&str, &str)],
        change: impl FnOnce(ProducerBuilder) -> ProducerBuilder,
    ) -> (Self, TransactionalProducer) {
        let clock = ManualClock::new();
        let mut config = ProducerConfig::default().bootstrap_servers("nowhere:1").transactional_id("t-1");
        for (key, value) in more {
            config.set(key, *value).expect("a good value");
        }
        let builder = change(Producer::builder(config).client(NoNetwork).clock(clock.clone()).seed(1));
        let (producer, stepper) = builder.build_transactional_stepped().expect("it is built");
        let shared = Arc::clone(&producer.producer().handle().shared);
        let partitions = || vec![Partition::led_by(BrokerId(1)); 2];
        let topics = ["a", "b"].map(|name| Topic::new(TopicName::new(name), TopicId::ZERO, partitions()));
        let broker = BrokerAddress { id: BrokerId(1), host: "here".into(), port: 1, rack: None };
        let cluster = Arc::new(Cluster::new(1, [broker], topics));
        shared.views.set(View::new(Arc::clone(&cluster), &shared.accumulator));
        let play = Self {
            clock,
            shared,
            heard: Vec::new(),
            init: Vec::new(),
            ends: Ends::AsAsked,
            offsets: Some(Ok(())),
            acknowledges: true,
            cluster,
            doomed: None,
            _stepper: stepper,
        };
        (play, producer)
    }

    /// Plays until the future is done.
    pub(super) fn run<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        for _ in 0..1000 {
            if let Poll::Ready(output) = once(future.as_mut()) {
                return output;
            }
            if !self.turn() {
                self.sleep();
            }
        }
        panic!("it never ends");
    }

    /// Hears what there is; whether there was something.
    pub(super) fn turn(&mut self) -> bool {
        let commands = self.shared.link.take_commands();
        let has_heard = !commands.is_empty();
        for command in commands {
            let Command::Transaction(input) = command else { continue };
            self.heard.push(input.clone());
            if let Some(output) = self.answer(input) {
                self.say(output);
            }
        }
        has_heard || (self.acknowledges && self.acknowledge())
    }

    pub(super) fn say(&self, output: TransactionOutput) {
        self.shared.waits.ledger().hear(output);
    }

    /// What it has heard of ends: transaction, and whether to commit.
    pub(super) fn ends_heard(&self) -> Vec<(u64, bool)> {
        let end = |input: &TransactionInput| match input {
            TransactionInput::End { number, commit } => Some((*number, *commit)),
            _ => None,
        };
        self.heard.iter().filter_map(end).collect()
    }

    fn answer(&mut self, input: TransactionInput) -> Option<TransactionOutput> {
        match input {
            TransactionInput::Init if self.init.is_empty() => Some(initialized()),
            TransactionInput::Init => self.init.remove(0),
            TransactionInput::Begin { .. } => {
                self.doomed = None;
                None
            }
            TransactionInput::SendOffsets { ticket, .. } => {
                let result = self.offsets.clone()?;
                Some(TransactionOutput::OffsetsSent { ticket, result })
            }
            TransactionInput::Doom { why, .. } => {
                self.doomed.get_or_insert(why);
                None
            }
            TransactionInput::End { number, commit } => {
                let end = match (&self.ends, &self.doomed) {
                    (Ends::Never, _) => return None,
                    (Ends::With(end), _) => end.clone(),
                    (Ends::AsAsked, None) if commit => TransactionEnd::Committed { epoch: 3, partitions: 1 },
                    (Ends::AsAsked, why) => TransactionEnd::Aborted { why: why.clone() },
                };
                Some(TransactionOutput::Ended { number, end })
            }
        }
    }

    fn acknowledge(&mut self) -> bool {
        let (accumulator, mut drained) = (&self.shared.accumulator, Vec::new());
        let now = self.clock.now();
        accumulator.ready(now, &self.cluster);
        accumulator.drain(now, &self.cluster, BrokerId(1), 1 << 20, &mut Everything, &mut drained);
        let is_some = !drained.is_empty();
        for drained in drained {
            let outcome = Outcome::Written { base_offset: Some(Offset(7)), log_append_time: None };
            drained.batch.settle(outcome);
        }
        is_some
    }

    fn sleep(&self) {
        let Some(at) = self.shared.waits.next_deadline() else { return };
        self.clock.advance_to(at.max(self.clock.now()));
        self.shared.expire_waits(self.clock.now());
    }
}

/// One look at a future.
pub(super) fn once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(super) fn initialized() -> TransactionOutput {
    let producer = ProducerIdentity { producer_id: 9, epoch: 3 };
    TransactionOutput::Initialized { producer, protocol: TransactionProtocol::V2 }
}

pub(super) fn failure(kind: TransactionFailureKind) -> TransactionFailure {
    TransactionFailure::of(kind)
}

/// A network that is never turned.
struct NoNetwork;

impl KafkaClient for NoNetwork {
    fn set_brokers(&mut self, _: Instant, _: &[BrokerAddress]) {}
    fn readiness(&mut self, _: Instant, _: BrokerId) -> Readiness {
        let versions = Arc::new(BrokerVersions::fixed(Vec::new()));
        Readiness::Ready { connection: kp_network::ConnectionNumber(1), versions }
    }
    fn least_loaded(&mut self, _: Instant) -> Option<BrokerId> {
        None
    }
    fn send(&mut self, _: Instant, _: ClientRequest) -> Result<(), Refused> {
        Ok(())
    }
    fn throttle(&mut self, _: BrokerId, _: Instant) {}
    fn disconnect(&mut self, _: Instant, _: BrokerId, _: &str) {}
    fn poll(&mut self, _: Option<Instant>, _: &mut Vec<Event>) {}
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }
    fn close(&mut self, _: std::time::Duration) {}
}
