//! Where the metrics of one producer are read from: the rooms that count, and a board on which the network thread lays out what
//! only it can read. Lock: the board's, for a copy.

use crate::producer_counters::ProducerCounters;
use crate::stopwatch::{Stopwatch, adding_to};
use crate::transaction_counters::{TransactionCall, TransactionCounters};
use kp_accumulator::Accumulator;
use kp_client::NetworkSnapshot;
use kp_config::RecordingLevel;
use kp_memory::BufferPool;
use kp_protocol::BrokerId;
use kp_sender::{Histogram, SenderCounters};
use kp_time::Clock;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The rooms below a facade that count.
#[derive(Clone)]
pub struct Rooms {
    /// Records and batches that wait.
    pub accumulator: Arc<Accumulator>,
    /// `buffer.memory`.
    pub pool: Arc<BufferPool>,
    /// Batches and requests that were sent.
    pub sender: Arc<SenderCounters>,
    /// The producer's clock.
    pub clock: Arc<dyn Clock>,
}

/// Everything that the metrics of one producer are read from.
pub struct Measured {
    client_id: Arc<str>,
    level: RecordingLevel,
    /// When the producer was built, in milliseconds since the Unix epoch.
    started_ms: i64,
    rooms: Rooms,
    counters: ProducerCounters,
    transactions: TransactionCounters,
    board: Mutex<Board>,
}

/// What only the network thread can read, as it was when it looked last.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) network: NetworkSnapshot,
    /// When metadata was last had in full.
    pub(crate) metadata_had: Option<Instant>,
    pub(crate) latencies: Vec<(BrokerId, Arc<Histogram>)>,
}

impl Measured {
    /// Of a producer that starts now. `level` is `metrics.recording.level`.
    #[must_use]
    pub fn new(client_id: Arc<str>, level: RecordingLevel, rooms: Rooms) -> Self {
        let started_ms = rooms.clock.timestamp_ms();
        let (counters, transactions) = (ProducerCounters::default(), TransactionCounters::default());
        Self { client_id, level, started_ms, rooms, counters, transactions, board: Mutex::default() }
    }

    /// The producer's name, the label of each metric.
    #[must_use]
    pub fn client_id(&self) -> &Arc<str> {
        &self.client_id
    }

    /// What the facade counts.
    #[must_use]
    pub fn counters(&self) -> &ProducerCounters {
        &self.counters
    }

    /// What became of transactions.
    #[must_use]
    pub fn transactions(&self) -> &TransactionCounters {
        &self.transactions
    }

    /// Measures a call about a transaction until the stopwatch is dropped.
    pub fn time_transaction(&self, call: TransactionCall) -> Stopwatch<'_, impl FnMut(Duration)> {
        Stopwatch::start(&*self.rooms.clock, adding_to(self.transactions.time_of(call)))
    }

    /// Measures a call of `flush` until the stopwatch is dropped.
    pub fn time_flush(&self) -> Stopwatch<'_, impl FnMut(Duration)> {
        Stopwatch::start(&*self.rooms.clock, adding_to(&self.counters.flush_ns))
    }

    /// Measures a wait for metadata until the stopwatch is dropped.
    pub fn time_metadata_wait(&self) -> Stopwatch<'_, impl FnMut(Duration)> {
        Stopwatch::start(&*self.rooms.clock, adding_to(&self.counters.metadata_wait_ns))
    }

    /// Measures a wait for memory until the stopwatch is dropped.
    pub fn time_memory_wait(&self) -> Stopwatch<'_, impl FnMut(Duration)> {
        Stopwatch::start(&*self.rooms.clock, |waited| self.rooms.pool.add_wait(waited))
    }

    pub(crate) fn level(&self) -> RecordingLevel {
        self.level
    }

    pub(crate) fn started_ms(&self) -> i64 {
        self.started_ms
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub(crate) fn board(&self) -> &Mutex<Board> {
        &self.board
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
