//! The sender: `handle_input`, `poll_output`, `poll_timeout`. It only routes: what comes in goes to `inputs.rs`, a turn is in
//! `turn.rs`, batches are in `produce`, other questions in `exchanges`, the cluster in `cluster`, numbers in `idempotence`.
//! Owner: the driver, alone. Never: a clock, a socket, user code.

use crate::cluster::KnownCluster;
use crate::context::{Context, Outputs};
use crate::ending::Ending;
use crate::idempotence::Idempotence;
use crate::produce::BatchSender;
use crate::rooms::Rooms;
use crate::transaction::Transactions;
use crate::turn::Cycle;
use crate::{Histogram, Input, Output, SenderCounters, SenderSettings, inputs};
use kp_accumulator::Accumulator;
use kp_client::Nodes;
use kp_metadata::Metadata;
use kp_protocol::BrokerId;
use kp_time::Jitter;
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
    settings: SenderSettings,
    accumulator: Arc<Accumulator>,
    pub(crate) rooms: Rooms,
    pub(crate) ending: Ending,
    cycle: Cycle,
    outputs: Outputs,
    jitter: Jitter,
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
        let rooms = Rooms {
            cluster: KnownCluster::new(metadata),
            idempotence: Idempotence::new(settings.idempotence, settings.transaction.is_some()),
            batches: BatchSender::new(settings.delivery_timeout),
            transactions: Transactions::new(settings.transaction.as_ref()),
        };
        let (ending, cycle) = (Ending::default(), Cycle::beginning(now));
        let (outputs, jitter) = (Outputs::default(), Jitter::seeded(seed));
        let mut core = Self { settings, accumulator, rooms, ending, cycle, outputs, jitter };
        let (mut cx, rooms, _) = core.at(now);
        rooms.cluster.announce_brokers(&mut cx);
        core
    }

    /// Takes in what happened. Answers to requests this core no longer knows are ignored (SN9).
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        let (mut cx, rooms, cycle) = self.at(now);
        cycle.is_dirty = true;
        inputs::take_in(&mut cx, rooms, input);
    }

    /// The next thing to do; `None` = sleep. `nodes` answers which brokers take a request; each answer holds for one. Call until
    /// `None` after every input or wake.
    pub fn poll_output(&mut self, now: Instant, nodes: &mut dyn Nodes) -> Option<Output> {
        if self.outputs.queue.is_empty() {
            let (mut cx, rooms, cycle) = self.at(now);
            cycle.run(&mut cx, rooms, nodes);
        }
        let output = self.outputs.queue.pop_front();
        // Closing waits for settlements to be run, and so does the end of a transaction: look again behind each.
        let is_waited_for = self.ending.shutdown.is_closing() || self.rooms.transactions.is_sealing();
        self.cycle.is_dirty |= is_waited_for && matches!(output, Some(Output::Settle(_)));
        output
    }

    /// When to call [`poll_output`](Self::poll_output) again if nothing happens before; appends wake the host
    /// themselves. Valid after a `poll_output` that answered `None`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.cycle.timeout
    }

    /// What is counted, for metrics, to be read by any thread; an outcome is counted before it comes out.
    #[must_use]
    pub fn counters(&self) -> &Arc<SenderCounters> {
        self.rooms.batches.counters()
    }

    /// From the handing out of a Produce request to its answer, for each broker that has answered one.
    pub fn latencies(&self) -> impl ExactSizeIterator<Item = (BrokerId, &Arc<Histogram>)> {
        self.rooms.batches.latencies()
    }

    /// When a broker last told all that was asked of it about the cluster, before `now`: as long ago as this (MD27).
    #[must_use]
    pub fn metadata_age(&self, now: Instant) -> Option<Duration> {
        self.rooms.cluster.metadata.age(now)
    }

    /// The core's parts for a step at `now`.
    pub(crate) fn at(&mut self, now: Instant) -> (Context<'_>, &mut Rooms, &mut Cycle) {
        let Self { settings, accumulator, rooms, ending, cycle, outputs, jitter } = self;
        (Context { now, settings, accumulator, ending, outputs, jitter }, rooms, cycle)
    }
}

impl std::fmt::Debug for SenderCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderCore").field("ending", &self.ending).finish_non_exhaustive()
    }
}
