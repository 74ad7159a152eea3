//! What the facade itself measures, and where the network thread lays out what only it can read.
//! Touched by every calling thread (adds) and by the network thread. Lock: the board's, for a copy.

use kp_config::RecordingLevel;
use kp_network::NetworkSnapshot;
use kp_protocol::BrokerId;
use kp_sender::{Histogram, SenderCounters};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

/// What became of accepted records, in records.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) acknowledged: AtomicU64,
    /// Accepted and failed.
    pub(crate) failed: AtomicU64,
    /// Of those, the ones that failed because the producer was closed before they were done.
    pub(crate) undelivered: AtomicU64,
    /// Of those, the ones that may be in the log.
    pub(crate) perhaps_written: AtomicU64,
}

/// Counts and settings of one producer's metrics.
pub(crate) struct Telemetry {
    pub(crate) client_id: Arc<str>,
    pub(crate) level: RecordingLevel,
    /// When the producer was built, in milliseconds since the Unix epoch.
    pub(crate) started_ms: i64,
    pub(crate) sender: Arc<SenderCounters>,
    /// Nanoseconds that flushes took.
    pub(crate) flush_ns: AtomicU64,
    /// Nanoseconds that calls waited for metadata.
    pub(crate) metadata_wait_ns: AtomicU64,
    /// Records that `send` refused.
    pub(crate) refused: AtomicU64,
    pub(crate) counters: Counters,
    pub(crate) board: Mutex<Board>,
}

/// What only the network thread can read, as it was when it looked last.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) network: NetworkSnapshot,
    /// When metadata was last had in full.
    pub(crate) metadata_had: Option<Instant>,
    pub(crate) latencies: Vec<(BrokerId, Arc<Histogram>)>,
}

impl Telemetry {
    pub(crate) fn new(
        client_id: Arc<str>,
        level: RecordingLevel,
        started_ms: i64,
        sender: Arc<SenderCounters>,
    ) -> Self {
        Self {
            client_id,
            level,
            started_ms,
            sender,
            flush_ns: AtomicU64::new(0),
            metadata_wait_ns: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            counters: Counters::default(),
            board: Mutex::default(),
        }
    }
}
