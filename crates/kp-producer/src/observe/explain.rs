//! Why nothing goes out: what waits for each partition, and for what. Put together from what the accumulator, the sender and
//! the network know, on demand; nothing on the way of a record is measured for it.

use crate::drive::link::Command;
use crate::observe::explained_transaction::TransactionExplanation;
use crate::observe::network_thread::{self, NetworkThread};
use crate::observe::question::{BrokerState, NetworkSide, Question};
use crate::observe::security;
use crate::shared::Shared;
use kp_accumulator::{HeadSurvey, QueueSurvey};
use kp_network::{BrokerSecurity, WaitReason};
use kp_protocol::{BrokerId, TopicPartition};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What waits in a producer, and why. Printed, it is a table for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// Every partition for which something waits or is unanswered, by name.
    pub partitions: Vec<PartitionExplanation>,
    /// Calls of `send` that wait for `buffer.memory`, and the bytes of it that are free.
    pub waiting_for_memory: usize,
    /// See [`waiting_for_memory`](Self::waiting_for_memory).
    pub free_bytes: usize,
    /// Topics whose metadata some call waits for.
    pub waiting_for_metadata: Vec<String>,
    /// Whether the network thread has answered; if not, what only it knows is missing.
    pub network_thread: NetworkThread,
    /// How far its transactions are, of a producer that has them.
    pub transaction: Option<TransactionExplanation>,
    /// Why nothing is sent any more, if that is so.
    pub fatal: Option<Arc<str>>,
    /// Brokers that are being shown who the client is, that refused it or were refused, and those whose sessions end; each as
    /// [`Producer::security`](crate::Producer::security) tells of it.
    pub security: Vec<BrokerSecurity>,
    /// When this was put together, by the producer's clock.
    pub taken_at: SystemTime,
}

/// One partition of an [`Explanation`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PartitionExplanation {
    /// Which.
    pub partition: TopicPartition,
    /// Batches that wait, the open one included.
    pub batches: usize,
    /// Records in them; those that are being compressed are not counted.
    pub records: u64,
    /// Bytes of those records.
    pub bytes: usize,
    /// How long the oldest of them has been there.
    pub oldest: Option<Duration>,
    /// Batches that were sent and are not answered.
    pub in_flight: usize,
    /// Why its first batch has not gone; `None` if nothing waits.
    pub why: Option<WhyWaiting>,
}

/// Why the first batch of a partition has not gone.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum WhyWaiting {
    /// A broker refuses the producer as a whole.
    Refused,
    /// The partition has no leader that is known.
    NoLeader,
    /// Its leader cannot be reached.
    BrokerDown {
        /// Which.
        broker: BrokerId,
        /// What it said last, if it failed, with its address.
        reason: Option<Arc<str>>,
        /// How long until the next attempt, if that is known.
        retry_in: Option<Duration>,
    },
    /// A connection to its leader is being made.
    Connecting {
        /// Which.
        broker: BrokerId,
    },
    /// An earlier attempt failed (`retry.backoff.ms`).
    RetryBackoff {
        /// How long until the next.
        retry_in: Duration,
    },
    /// As many requests as may be are unanswered (`max.in.flight.requests.per.connection`), or the last one is being written.
    InFlightFull {
        /// By whom.
        broker: BrokerId,
    },
    /// Its leader wants to be left alone (KIP-219).
    Throttled {
        /// Which.
        broker: BrokerId,
        /// For how long.
        for_: Duration,
    },
    /// It waits for company (`linger.ms`).
    Lingering {
        /// For how long.
        for_: Duration,
    },
    /// A batch of the partition is in flight, and the next goes when that is answered: without numbers, so that nothing is
    /// reordered; with numbers, until the first success at a leader, or while a gap is closed.
    AwaitingAnswer,
    /// The cluster was asked for a producer id (KIP-98).
    AwaitingProducerId,
    /// The coordinator was asked to add the partition to the transaction, and nothing is written to it before (KIP-98).
    NotInTransactionYet,
    /// Its transaction can only be aborted: it will not be sent.
    TransactionDoomed,
    /// It is being compressed.
    Compressing,
    /// Nothing: it goes with the next turn.
    AboutToGo,
    /// Only the network thread knows, and that has not answered.
    Unknown,
}

/// Asks the network thread.
pub(crate) fn ask(shared: &Shared) -> Arc<Question<NetworkSide>> {
    let question = Arc::new(Question::default());
    shared.link.tell(Command::Explain(Arc::clone(&question)));
    question
}

/// Asks, waits a moment, and puts together.
pub(crate) fn explain(shared: &Shared) -> Explanation {
    if shared.is_forked() {
        return Explanation::of_nothing(NetworkThread::Forked, shared.clock.time_of_day());
    }
    put_together(shared, network_thread::asked(shared, ask))
}

fn put_together(shared: &Shared, network: Result<NetworkSide, NetworkThread>) -> Explanation {
    let now = shared.clock.now();
    let cluster = Arc::clone(&shared.views.load().cluster);
    let mut transaction = shared.waits.transactions().map(|ledger| ledger.explain(now));
    let network_thread = network.as_ref().err().copied().unwrap_or(NetworkThread::Answered);
    let network = network.ok();
    let security = network.as_ref().map(|network| network.security.clone()).unwrap_or_default();
    let mut rest = network.as_ref().map(|network| network.report.in_flight.clone()).unwrap_or_default();
    if let (Some(told), Some(network)) = (&mut transaction, &network) {
        told.progress = network.report.transaction.clone();
    }
    let mut partitions: Vec<PartitionExplanation> = Vec::new();
    for queue in shared.accumulator.survey(now) {
        let in_flight = rest.remove(&queue.partition).unwrap_or(0);
        let leader = cluster.leader(&queue.partition.topic, queue.partition.partition);
        let why = why(&queue, leader, in_flight, network.as_ref(), now);
        partitions.push(PartitionExplanation {
            batches: queue.batches,
            records: queue.records,
            bytes: queue.bytes,
            oldest: queue.oldest.map(|oldest| now.saturating_duration_since(oldest)),
            in_flight,
            why: Some(why),
            partition: queue.partition,
        });
    }
    partitions.extend(rest.into_iter().map(|(partition, in_flight)| PartitionExplanation {
        partition,
        batches: 0,
        records: 0,
        bytes: 0,
        oldest: None,
        in_flight,
        why: None,
    }));
    partitions.sort_by(|a, b| a.partition.cmp(&b.partition));
    Explanation {
        partitions,
        waiting_for_memory: shared.waits.pool().waiting(),
        free_bytes: shared.waits.pool().available(),
        waiting_for_metadata: shared.waits.metadata().topics(),
        network_thread,
        transaction,
        fatal: shared.ended.fatal().cloned(),
        security,
        taken_at: shared.clock.time_of_day(),
    }
}

impl Explanation {
    fn of_nothing(network_thread: NetworkThread, taken_at: SystemTime) -> Self {
        Self {
            partitions: Vec::new(),
            waiting_for_memory: 0,
            free_bytes: 0,
            waiting_for_metadata: Vec::new(),
            network_thread,
            transaction: None,
            fatal: None,
            security: Vec::new(),
            taken_at,
        }
    }
}

/// What there is to say once the question was answered.
#[cfg(test)]
pub(crate) fn answered(shared: &Shared, question: &Question<NetworkSide>) -> Explanation {
    put_together(shared, question.taken().ok_or(NetworkThread::Silent))
}

/// The first thing that stands in the way, from the cluster down to the batch.
fn why(
    queue: &QueueSurvey,
    leader: Option<BrokerId>,
    in_flight: usize,
    network: Option<&NetworkSide>,
    now: Instant,
) -> WhyWaiting {
    let left = |until: Instant| until.saturating_duration_since(now);
    if network.is_some_and(|network| network.report.fatal.is_some()) {
        return WhyWaiting::Refused;
    }
    let Some(broker) = leader else { return WhyWaiting::NoLeader };
    match queue.head {
        HeadSurvey::Lingering(until) => return WhyWaiting::Lingering { for_: left(until) },
        HeadSurvey::Compressing => return WhyWaiting::Compressing,
        HeadSurvey::BackingOff(until) => return WhyWaiting::RetryBackoff { retry_in: left(until) },
        HeadSurvey::Muted => return WhyWaiting::AwaitingAnswer,
        HeadSurvey::Empty | HeadSurvey::Ready => {}
    }
    let Some(NetworkSide { report, readiness, .. }) = network else { return WhyWaiting::Unknown };
    let transaction = report.transaction.as_ref();
    if let Some(until) = report.throttled.get(&broker) {
        return WhyWaiting::Throttled { broker, for_: left(*until) };
    }
    let down = |retry_at: Option<Instant>| WhyWaiting::BrokerDown {
        broker,
        reason: report.unreachable.get(&broker).cloned(),
        retry_in: retry_at.map(left),
    };
    match readiness.get(&broker) {
        Some(BrokerState::Failed(retry_at)) => down(*retry_at),
        Some(BrokerState::Waits(WaitReason::BackingOff, until)) => down(*until),
        Some(BrokerState::Waits(WaitReason::Connecting | WaitReason::Authenticating, _)) => {
            let is_down = report.unreachable.contains_key(&broker);
            if is_down { down(None) } else { WhyWaiting::Connecting { broker } }
        }
        Some(BrokerState::Waits(WaitReason::Throttled, until)) => {
            WhyWaiting::Throttled { broker, for_: until.map(left).unwrap_or_default() }
        }
        _ if report.waits_for_producer_id => WhyWaiting::AwaitingProducerId,
        _ if transaction.is_some_and(|open| open.is_doomed) => WhyWaiting::TransactionDoomed,
        _ if transaction.is_some_and(|open| open.not_added.contains(&queue.partition)) => {
            WhyWaiting::NotInTransactionYet
        }
        Some(BrokerState::Waits(WaitReason::InFlightFull | WaitReason::Writing, _)) => {
            WhyWaiting::InFlightFull { broker }
        }
        _ if in_flight > 0 && report.numbered => WhyWaiting::AwaitingAnswer,
        Some(BrokerState::Ready) | None => WhyWaiting::AboutToGo,
        Some(BrokerState::Waits(_, _)) => WhyWaiting::Unknown,
    }
}

impl fmt::Display for WhyWaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the producer is refused as a whole"),
            Self::NoLeader => f.write_str("the partition has no leader"),
            Self::BrokerDown { broker, reason, retry_in } => {
                write!(f, "broker {broker} cannot be reached")?;
                if let Some(reason) = reason {
                    write!(f, ": {reason}")?;
                }
                match retry_in {
                    Some(retry_in) => write!(f, "; tried again in {retry_in:.1?}"),
                    None => Ok(()),
                }
            }
            Self::Connecting { broker } => write!(f, "connecting to broker {broker}"),
            Self::RetryBackoff { retry_in } => {
                write!(f, "a failed attempt is repeated in {retry_in:.1?} (retry.backoff.ms)")
            }
            Self::InFlightFull { broker } => {
                write!(f, "broker {broker} has not answered as many requests as may be in flight")
            }
            Self::Throttled { broker, for_ } => write!(f, "broker {broker} throttles for {for_:.1?} more"),
            Self::Lingering { for_ } => write!(f, "lingers for {for_:.1?} more (linger.ms)"),
            Self::AwaitingAnswer => f.write_str("the batch before it is not answered yet"),
            Self::AwaitingProducerId => f.write_str("waits for a producer id"),
            Self::NotInTransactionYet => {
                f.write_str("the coordinator has not added the partition to the transaction")
            }
            Self::TransactionDoomed => f.write_str("its transaction can only be aborted"),
            Self::Compressing => f.write_str("is being compressed"),
            Self::AboutToGo => f.write_str("goes with the next turn"),
            Self::Unknown => f.write_str("the network thread has not answered"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fatal) = &self.fatal {
            writeln!(f, "nothing is sent any more: {fatal}")?;
        }
        if self.network_thread != NetworkThread::Answered {
            writeln!(f, "{}", self.network_thread)?;
        }
        if let Some(transaction) = &self.transaction {
            writeln!(f, "{transaction}")?;
        }
        if self.waiting_for_memory > 0 {
            let (calls, free) = (self.waiting_for_memory, self.free_bytes);
            writeln!(f, "{calls} calls wait for memory ({free} bytes of buffer.memory are free)")?;
        }
        if !self.waiting_for_metadata.is_empty() {
            writeln!(f, "calls wait for metadata of: {}", self.waiting_for_metadata.join(", "))?;
        }
        for it in &self.security {
            let line = security::line(it, self.taken_at);
            writeln!(f, "security of broker {} at {}: {line}", it.broker, it.address)?;
        }
        if self.partitions.is_empty() {
            return f.write_str("nothing waits and nothing is in flight");
        }
        let width = self.partitions.iter().map(|it| it.partition.to_string().len()).max().unwrap_or(0).max(9);
        write!(f, "{:width$}  batches  records     bytes    oldest  in flight  why", "partition")?;
        for it in &self.partitions {
            let oldest = it.oldest.map_or_else(|| "-".to_owned(), |oldest| format!("{oldest:.1?}"));
            let why = it.why.as_ref().map_or_else(|| "-".to_owned(), WhyWaiting::to_string);
            write!(
                f,
                "\n{:width$}  {:>7}  {:>7}  {:>8}  {oldest:>8}  {:>9}  {why}",
                it.partition.to_string(),
                it.batches,
                it.records,
                it.bytes,
                it.in_flight
            )?;
        }
        Ok(())
    }
}
