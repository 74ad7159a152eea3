//! What the accumulator is told once, when it is made. Plain values; the facade fills them from its configuration.

use kp_protocol::ProtocolError;
use kp_protocol::compression::{Compression, Compressor};
use kp_time::Deadline;
use std::time::{Duration, Instant};

/// Who compresses closed batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The driver, when it drains. For tests, simulations and hosts without threads.
    Inline,
    /// Threads that call [`Accumulator::next_to_seal`](crate::Accumulator::next_to_seal). Without a codec there is
    /// nothing to do and the driver seals anyway.
    Workers,
}

/// The accumulator's settings.
#[derive(Clone, Debug)]
pub struct AccumulatorSettings {
    /// Bytes on the wire at which a batch is full (`batch.size`), header included; below 1 counts as 1 (PA12).
    pub batch_size: usize,
    /// How long an open batch waits for company (`linger.ms`).
    pub linger: Duration,
    /// How long after its creation a batch is given up (`delivery.timeout.ms`).
    pub delivery_timeout: Duration,
    /// The codec (`compression.type`). Batches stay raw if this build lacks it: [`check`](Self::check) tells before.
    pub compression: Compression,
    /// Its level (`compression.gzip.level` and its like); `None` is the codec's default.
    pub compression_level: Option<i32>,
    /// Keyed records are spread like unkeyed ones (`partitioner.ignore.keys`).
    pub ignore_keys: bool,
    /// Partitions whose queues are long get fewer unkeyed records (`partitioner.adaptive.partitioning.enable`). Not
    /// looked at yet: the choice is uniform among partitions with a leader (PA7).
    pub adaptive: bool,
    /// A broker that was ready but not drained for so long gets no unkeyed records
    /// (`partitioner.availability.timeout.ms`); zero switches it off. Not looked at yet.
    pub availability_timeout: Duration,
    /// Who compresses.
    pub seal: Seal,
    /// Where random choices start: the same seed and calls give the same choices.
    pub seed: u64,
}

impl Default for AccumulatorSettings {
    /// Kafka's defaults of today (KIP-1030), sealing inline.
    fn default() -> Self {
        Self {
            batch_size: 16_384,
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_secs(120),
            compression: Compression::None,
            compression_level: None,
            ignore_keys: false,
            adaptive: true,
            availability_timeout: Duration::ZERO,
            seal: Seal::Inline,
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

    /// The most raw record bytes in one batch, a single larger record aside.
    pub(crate) fn max_raw(&self) -> usize {
        if self.compresses() { self.batch_size.saturating_mul(Self::RAW_BATCHES) } else { self.batch_size }
    }

    /// When a batch of that age may be sent though it has room.
    pub(crate) fn lingers_until(&self, created: Instant) -> Instant {
        Deadline::after(created, self.linger, "linger.ms").at()
    }

    /// When a batch of that age is given up. An endless timeout does not overflow (AC26).
    pub(crate) fn expires_at(&self, created: Instant) -> Instant {
        Deadline::after(created, self.delivery_timeout, "delivery.timeout.ms").at()
    }
}
