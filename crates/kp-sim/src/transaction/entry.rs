//! What a coordinator keeps of one transactional id, and how that changes. Pure: told the time, asks for nothing.
//! Whether a change is allowed is decided in `initialisation.rs`, `adding.rs` and `ending.rs`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kp_protocol::{ProducerIdentity, TopicPartition};

use super::round::Round;
use crate::reply::Moment;

/// Stands for "no epoch".
pub(crate) const NO_EPOCH: i16 = -1;
/// From here on no epoch is given out under the same producer id: one has to be left to fence with.
pub(crate) const LAST_EPOCH: i16 = i16::MAX - 1;

/// Where a transactional id stands (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// Initialised, and nothing was added since.
    Empty,
    /// Something was added.
    Ongoing,
    /// It will be committed; markers are being written.
    PrepareCommit,
    /// It will be aborted; markers are being written.
    PrepareAbort,
    /// The last transaction was committed.
    CompleteCommit,
    /// The last transaction was aborted.
    CompleteAbort,
}

impl TransactionState {
    /// The name, as DescribeTransactions tells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Whether markers are being written: the next transition is pending, and every caller is told so.
    #[must_use]
    pub fn is_preparing(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

/// When the open transaction began, and when it will be aborted if it does not end.
#[derive(Clone, Copy, Debug)]
struct Opened {
    timestamp_ms: i64,
    times_out_at: Instant,
}

/// What the coordinator knows of one transactional id.
#[derive(Clone, Debug)]
pub struct TransactionEntry {
    /// The partition that its coordinator leads.
    pub(super) log: TopicPartition,
    pub(crate) producer: ProducerIdentity,
    /// The epoch whose last call may be repeated.
    pub(crate) last_epoch: i16,
    pub(crate) previous_producer_id: i64,
    /// Takes over once the markers are written: the epochs of the present one are used up.
    next_producer_id: Option<i64>,
    pub(crate) timeout: Duration,
    pub(crate) state: TransactionState,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    pub(crate) groups: BTreeSet<String>,
    opened: Option<Opened>,
    pub(crate) round: Option<Round>,
}

impl TransactionEntry {
    /// Of an id that was never initialised.
    pub(crate) fn new(log: TopicPartition, producer_id: i64) -> Self {
        Self {
            log,
            producer: ProducerIdentity { producer_id, epoch: NO_EPOCH },
            last_epoch: NO_EPOCH,
            previous_producer_id: -1,
            next_producer_id: None,
            timeout: Duration::ZERO,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            opened: None,
            round: None,
        }
    }

    /// Producer id and epoch.
    #[must_use]
    pub fn producer(&self) -> ProducerIdentity {
        self.producer
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> TransactionState {
        self.state
    }

    /// The partitions of the open transaction, or of the one that is being ended; those of `__consumer_offsets` too.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.iter()
    }

    /// Of these, the ones without a marker that every follower has.
    pub(crate) fn without_marker(&self) -> impl Iterator<Item = &TopicPartition> {
        let is_left =
            |at: &&TopicPartition| self.round.as_ref().is_none_or(|round| round.left.contains_key(*at));
        self.partitions.iter().filter(is_left)
    }

    /// The groups whose offsets the open transaction commits.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(String::as_str)
    }

    /// `transaction.timeout.ms` of the producer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// When the open transaction began, or the last one since the id was initialised, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn started_at_ms(&self) -> Option<i64> {
        self.opened.map(|opened| opened.timestamp_ms)
    }

    /// When the open transaction will be aborted.
    pub(crate) fn times_out_at(&self) -> Option<Instant> {
        self.opened.map(|opened| opened.times_out_at).filter(|_| self.state == TransactionState::Ongoing)
    }

    /// Whether epochs are left for the next transaction.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.producer.epoch >= LAST_EPOCH
    }

    // ---- transitions ---------------------------------------------------------------------------------------------

    /// InitProducerId: another identity.
    pub(crate) fn initialise(&mut self, producer: ProducerIdentity, last_epoch: i16, timeout: Duration) {
        self.previous_producer_id = self.producer.producer_id;
        (self.producer, self.last_epoch, self.timeout) = (producer, last_epoch, timeout);
        self.state = TransactionState::Empty;
        self.opened = None;
    }

    /// Something is added: the first of a transaction opens it.
    pub(crate) fn add(
        &mut self,
        at: Moment,
        times_out_at: Instant,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) {
        self.previous_producer_id = self.producer.producer_id;
        if self.state != TransactionState::Ongoing {
            self.opened = Some(Opened { timestamp_ms: at.timestamp_ms, times_out_at });
        }
        self.state = TransactionState::Ongoing;
        self.partitions.extend(partitions);
    }

    /// EndTxn: what will be is decided, and markers follow. Where the epoch `rises` they carry the next one (KIP-890).
    pub(crate) fn prepare(&mut self, committed: bool, rises: bool, next_producer_id: Option<i64>) {
        self.previous_producer_id = self.producer.producer_id;
        self.state = if committed { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        if rises {
            self.last_epoch = self.producer.epoch;
            self.producer.epoch = self.producer.epoch.saturating_add(1);
        }
        self.next_producer_id = next_producer_id;
    }

    /// The coordinator aborts the open transaction and shuts its producer out. What its epoch was is remembered since 4.x.
    pub(crate) fn fence(&mut self, remembers: bool) {
        let last_epoch = if remembers { self.producer.epoch } else { NO_EPOCH };
        self.prepare(false, true, None);
        self.last_epoch = last_epoch;
    }

    /// The identity after the end: what EndTxn answers although markers are still to come.
    pub(crate) fn after_the_end(&self) -> ProducerIdentity {
        match self.next_producer_id {
            Some(producer_id) => ProducerIdentity { producer_id, epoch: 0 },
            None => self.producer,
        }
    }

    /// Every marker is written.
    pub(crate) fn complete(&mut self, committed: bool) {
        let after = self.after_the_end();
        self.previous_producer_id = self.producer.producer_id;
        (self.producer, self.next_producer_id) = (after, None);
        self.state =
            if committed { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
        self.partitions.clear();
        self.groups.clear();
        self.round = None;
    }
}
