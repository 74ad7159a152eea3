//! What the accumulator is told once, when it is made. Plain values; the facade fills them from its configuration.

use crate::age::Age;
use crate::batch::BatchSize;
use crate::failure::FailureKind;
use crate::partitioning::Partitioning;
use kp_protocol::ProtocolError;
use kp_protocol::compression::{Compression, Compressor};
use kp_time::Deadline;
use std::time::{Duration, Instant};

/// Who compresses closed batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The driver, when it drains. For tests, simulations and hosts without threads.
    Inline,
    /// Threads that call [`Accumulator::seal_next`](crate::Accumulator::seal_next). Without a codec there is
    /// nothing to do and the driver seals anyway.
    Workers,
}

/// The accumulator's settings.
#[derive(Clone, Debug)]
pub struct AccumulatorSettings {
    /// Bytes on the wire at which a batch is full (`batch.size`), header included; below 1 counts as 1 (PA12).
    pub batch_size: usize,
    /// Bytes on the wire up to which an open batch grows past `batch_size` while its partition's window is full
    /// (`kp.batch.growth.max.bytes`); 0 is Java's strict way.
    pub growth_max: usize,
    /// How long an open batch waits for company (`linger.ms`).
    pub linger: Duration,
    /// How long after its creation a batch is given up (`delivery.timeout.ms`).
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`, for batches that expire as in Kafka 0.9 (AC25): in their queue only, when they have been
    /// full for longer than this, or when it has passed since their creation or last attempt, `linger.ms` not counted.
    /// `delivery_timeout` is not looked at then; give the sender, which minds batches in flight, one without end.
    pub classic_expiry: Option<Duration>,
    /// The codec (`compression.type`). Batches stay raw if this build lacks it: [`check`](Self::check) tells before.
    pub compression: Compression,
    /// Its level (`compression.gzip.level` and its like); `None` is the codec's default.
    pub compression_level: Option<i32>,
    /// How records are spread over partitions.
    pub partitioning: Partitioning,
    /// Who compresses.
    pub seal: Seal,
    /// Whether all records are sent in transactions: what their outcomes say of it.
    pub in_transactions: bool,
    /// Where random choices start: the same seed and calls give the same choices.
    pub seed: u64,
}

/// The least difference between two moments.
const TICK: Duration = Duration::from_nanos(1);

impl Default for AccumulatorSettings {
    /// Kafka's defaults of today (KIP-1030), sealing inline; batches do not grow.
    fn default() -> Self {
        Self {
            batch_size: 16_384,
            growth_max: 0,
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_secs(120),
            classic_expiry: None,
            compression: Compression::None,
            compression_level: None,
            partitioning: Partitioning::default(),
            seal: Seal::Inline,
            in_transactions: false,
            seed: 0,
        }
    }
}

impl AccumulatorSettings {
    /// Raw bytes that a compressed batch may hold, in batch sizes, however well it compresses.
    const RAW_BATCHES: usize = 8;

    /// Whether this build has the codec, and the codec the level.
    ///
    /// # Errors
    /// [`ProtocolError::CodecOff`], [`ProtocolError::CompressionLevel`].
    pub fn check(&self) -> Result<(), ProtocolError> {
        Compressor::new(self.compression, self.compression_level).map(drop)
    }

    pub(crate) fn compresses(&self) -> bool {
        self.compression != Compression::None
    }

    /// Whether a closed batch waits for a worker before it can be drained.
    pub(crate) fn seals_on_workers(&self) -> bool {
        self.compresses() && self.seal == Seal::Workers
    }

    /// The most raw record bytes in a batch that does not grow, a single larger record aside.
    pub(crate) fn max_raw(&self) -> usize {
        if self.compresses() { self.batch_size.saturating_mul(Self::RAW_BATCHES) } else { self.batch_size }
    }

    /// How large its batches become.
    pub(crate) fn size_of_batch(&self) -> BatchSize {
        BatchSize { wire: self.batch_size, max_raw: self.max_raw(), is_compressed: self.compresses() }
    }

    /// When a batch of that age may be sent though it has room.
    pub(crate) fn lingers_until(&self, created: Instant) -> Instant {
        Deadline::after(created, self.linger, "linger.ms").at()
    }

    /// When a queued batch is given up. An endless timeout does not overflow (AC26).
    pub(crate) fn expires_at(&self, age: Age) -> Instant {
        let Some(request_timeout) = self.classic_expiry else {
            return Deadline::after(age.created, self.delivery_timeout, "delivery.timeout.ms").at();
        };
        // 0.9 asks for more than the timeout, not for as much.
        let after =
            |from| Deadline::after(from, request_timeout.saturating_add(TICK), "request.timeout.ms").at();
        let waited = after(self.lingers_until(age.last_attempt.unwrap_or(age.created)));
        age.full_since.map(after).map_or(waited, |full| full.min(waited))
    }

    /// What a batch fails with that [`Accumulator::expire`](crate::Accumulator::expire) gives up.
    #[must_use]
    pub fn queue_expiry(&self) -> FailureKind {
        if self.classic_expiry.is_some() { FailureKind::ExpiredInQueue } else { FailureKind::Expired }
    }
}
