//! The producer's handle: accept records, flush, close, be asked. Cheap to clone; all clones are one producer.

use crate::config::ConfigWarning;
use crate::drive::ended::{Closed, Standing};
use crate::drive::link::Command;
use crate::error::{ConnectError, SendError, SendErrorKind, WaitError};
use crate::observe::explain::{self, Explanation};
use crate::observe::guarantees::Guarantees;
use crate::observe::security::{self, SecurityReport};
use crate::observe::unreachable::UnreachableBroker;
use crate::send::Waited;
use crate::send::metadata_wait::Wanted;
use crate::shared::Shared;
use crate::transaction::scope::Scope;
use kp_accumulator::Spent;
use kp_metrics::ProducerMetrics;
use kp_network::Reconnect;
use kp_protocol::{PartitionId, TopicName};
use kp_time::Deadline;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A Kafka producer, used from async code on any executor. For code without async see
/// [`blocking::Producer`](crate::blocking::Producer).
///
/// Cloning gives another handle to the same producer. When the last handle is dropped the call returns at once and
/// the network thread goes on until everything accepted is settled, at most `delivery.timeout.ms`; only
/// [`close`](Self::close) tells whether that succeeded, and a process that exits takes the thread with it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{Producer, ProducerConfig, ProducerRecord};
/// use std::time::Duration;
///
/// let config = ProducerConfig::from_properties_str("bootstrap.servers=localhost:9092")?;
/// let producer = Producer::builder(config).build()?;
/// let delivery = producer.send(ProducerRecord::to("orders").key("k").value("hello")).await?;
/// println!("offset {:?}", delivery.await?.offset());
/// let closed = producer.close(Duration::from_secs(10)).await?;
/// assert_eq!(closed.undelivered, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
    /// The transaction that its records belong to: never of a producer that the application has.
    scope: Option<Arc<Scope>>,
}

/// What all clones share; its drop is the last handle's.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) guarantees: Guarantees,
    pub(crate) warnings: Vec<ConfigWarning>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end_in_background();
    }
}

impl Handle {
    /// Accepts nothing more, and lets what was accepted finish.
    pub(crate) fn end_in_background(&self) {
        // A forked child has no network thread to tell, and the parent's is not its to touch.
        if !self.shared.ended.is_over() && !self.shared.is_forked() {
            self.shared.begin_close(self.shared.delivery_deadline());
        }
    }
}

impl Producer {
    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self { handle: Arc::new(handle), scope: None }
    }

    /// The same for one transaction.
    pub(crate) fn within(&self, scope: Arc<Scope>) -> Self {
        Self { handle: Arc::clone(&self.handle), scope: Some(scope) }
    }

    /// The transaction that its records belong to.
    #[inline]
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.as_deref()
    }

    /// The error of a record that is not accepted, counted.
    pub(crate) fn refuse(&self, kind: SendErrorKind, topic: &str, spent: Spent) -> SendError {
        self.shared().refuse(self.scope(), kind, topic, spent)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// Sends everything accepted so far without waiting for `linger.ms`, and waits until each of it is settled,
    /// successfully or not. Not bounded by `max.block.ms`; every batch ends within `delivery.timeout.ms`.
    ///
    /// Cancel safety: dropping the future ends the waiting; the records go their way.
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread (CL2); [`WaitError::Closed`] once `close` was called, which waits for
    /// the same by itself (CL8).
    pub async fn flush(&self) -> Result<(), WaitError> {
        let shared = self.shared();
        if shared.is_forked() {
            return Err(WaitError::Forked);
        }
        match shared.ended.standing() {
            Standing::Running => {}
            Standing::Closing | Standing::Closed => return Err(WaitError::Closed),
            Standing::Panicked => return Err(WaitError::NetworkThreadGone),
        }
        if shared.link.is_network_thread() {
            return Err(WaitError::WouldDeadlock);
        }
        let _timed = shared.measured.time_flush();
        shared.accumulator.begin_flush().await;
        Ok(())
    }

    /// Refuses new records, lets what was accepted finish for at most `within`, then fails the rest, and ends the
    /// network thread. Calling it again is fine. `Duration::ZERO` discards what is queued.
    ///
    /// Cancel safety: the closing goes on when the future is dropped.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), kp_producer::WaitError> {
    /// let closed = producer.close(std::time::Duration::from_secs(10)).await?;
    /// if closed.undelivered > 0 {
    ///     eprintln!("{} not delivered, {} of them perhaps written", closed.undelivered, closed.perhaps_written);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread, unless `within` is zero (then it does not wait, CL6).
    pub async fn close(&self, within: Duration) -> Result<Closed, WaitError> {
        let shared = self.shared();
        if shared.is_forked() {
            return Err(WaitError::Forked);
        }
        if shared.link.is_network_thread() && !within.is_zero() {
            return Err(WaitError::WouldDeadlock);
        }
        if !shared.ended.is_over() {
            shared.begin_close(Deadline::after(shared.clock.now(), within, "close(within)"));
        }
        if !shared.link.is_network_thread() {
            shared.ended.wait().await;
        }
        let counters = shared.measured.counters();
        Ok(Closed {
            undelivered: counters.undelivered(),
            perhaps_written: counters.perhaps_written(),
            panicked: shared.ended.is_by_panic(),
            transaction: shared.waits.transactions().and_then(|ledger| ledger.last_outcome()),
        })
    }

    /// Waits until any broker has answered a metadata request, at most `max.block.ms`: a readiness probe.
    ///
    /// Cancel safety: dropping the future ends the waiting; the producer goes on connecting.
    ///
    /// # Errors
    /// [`ConnectError`], with the addresses and what each said.
    pub async fn connect(&self) -> Result<(), ConnectError> {
        let mut waited = Waited::default();
        self.shared().wait_for_metadata(Wanted::AnyMetadata, &mut waited).await.map_err(ConnectError::new)
    }

    /// The partitions of a topic and their leaders, waiting for metadata like `send` (FA12).
    ///
    /// Cancel safety: dropping the future ends the waiting; the metadata comes all the same.
    ///
    /// # Errors
    /// As `send`, when the topic cannot be had.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, SendError> {
        let (wanted, mut waited) = (Wanted::Topic(TopicName::new(topic)), Waited::default());
        let result = self.shared().wait_for_metadata(wanted, &mut waited).await;
        result.map_err(|kind| SendError::new(kind, topic, waited.spent))?;
        let view = self.shared().views.load();
        let partitions = view.cluster.topic(topic).map(|topic| topic.partitions());
        Ok(partitions
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(number, partition)| PartitionInfo {
                partition: PartitionId(number as i32),
                leader: partition.leader.map(|broker| broker.0),
            })
            .collect())
    }

    /// What this producer promises: what its configuration asks for, and from the first metadata on, before any record
    /// is accepted, no more than what the cluster can do. See [`Guarantees::no_duplicates`].
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        let configured = self.handle.guarantees;
        if self.shared().old_cluster.is_without_idempotence() {
            return Guarantees { no_duplicates: false, ..configured };
        }
        configured
    }

    /// Credentials, tokens and certificates may have changed: the next connections ask their providers and read their files
    /// anew, without waiting for `kp.ssl.reload.interval.ms` or the end of a token. Returns at once; no record is lost.
    ///
    /// With [`Reconnect::Yes`] the connections that there are follow, one after the other, each when its requests are answered;
    /// if a broker refuses the newer credentials, the others live on with the earlier ones. A network that was handed to the
    /// builder decides by itself what this means ([`KafkaClient::reload_credentials`](crate::KafkaClient::reload_credentials)).
    ///
    /// ```no_run
    /// # fn example(producer: &kp_producer::Producer) {
    /// use kp_producer::Reconnect;
    /// producer.reload_credentials(Reconnect::Yes);
    /// # }
    /// ```
    pub fn reload_credentials(&self, reconnect: Reconnect) {
        self.shared().link.tell(Command::ReloadCredentials(reconnect));
    }

    /// What was noticed about the configuration when the producer was built. Nothing is printed by itself.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.handle.warnings
    }

    /// What turned up about the cluster while the producer ran and an operator should know and can change, each once:
    /// so far, that its brokers are of 0.9 and which key spares them being asked, and that it gives no producer ids.
    /// Nothing is printed by itself.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.shared().notes.notices()
    }

    /// The brokers that cannot be reached, each once, by address: for a line in a log when one comes onto this list, and one
    /// when it leaves it, however many attempts lie between. Known from the second failed attempt in a row on, until one
    /// succeeds. Empty is good; a cluster may work with some of its brokers here.
    #[must_use]
    pub fn unreachable(&self) -> Vec<UnreachableBroker> {
        self.shared().notes.unreachable.list(self.shared().clock.now())
    }

    /// The `client.id` in use, the generated one if none was set.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.shared().measured.client_id()
    }

    /// The cluster's id as the last metadata had it; `None` before the first, and from brokers below 0.10.1 (KIP-78, MD26).
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.shared().views.load().cluster.cluster_id().map(str::to_owned)
    }

    /// What waits for each partition and why it has not gone: a table for people when it is printed. Asks the network thread
    /// and waits half a second for it at most, so that a thread that is stuck is told as that; from a callback it tells what
    /// can be seen without. For a look now and then, not for every record.
    ///
    /// ```no_run
    /// # fn example(producer: &kp_producer::Producer) {
    /// eprintln!("{}", producer.explain());
    /// # }
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explain::explain(self.shared())
    }

    /// How connections are secured, broker by broker: version and suite of TLS, the broker's certificate and how long it is
    /// valid, mechanism and principal, the end of the session, and the last failure. Asks the network thread and waits half a
    /// second for it at most; from a callback, and after `close`, there are no brokers. Begins no connection. No secret is in it.
    ///
    /// ```no_run
    /// # fn example(producer: &kp_producer::Producer) {
    /// let report = producer.security();
    /// for broker in &report.brokers {
    ///     if let Some(encryption) = &broker.encryption {
    ///         println!("{}: {} {}", broker.address, encryption.protocol, encryption.cipher);
    ///     }
    /// }
    /// eprintln!("{report}");
    /// # }
    /// ```
    #[must_use]
    pub fn security(&self) -> SecurityReport {
        security::report(self.shared())
    }

    /// Everything that is measured, as it is now, under the names of Java's producer (ME1); `docs/metrics.md` lists it.
    /// Waits for nothing, from any thread. Outcomes are counted before they are told; what the network has done is at
    /// most a tenth of a second old. Costs some allocations, more with many topics: for every second, not for every record.
    ///
    /// ```no_run
    /// # fn example(producer: &kp_producer::Producer) {
    /// let metrics = producer.metrics();
    /// println!("{:?} records failed", metrics.counter("record-error-total"));
    /// println!("{:?} bytes of orders", metrics.of_topic("orders", "byte-total"));
    /// # }
    /// ```
    #[must_use]
    pub fn metrics(&self) -> ProducerMetrics {
        ProducerMetrics::of(&self.shared().measured)
    }

    /// How many records were acknowledged so far.
    #[must_use]
    pub fn acknowledged_records(&self) -> u64 {
        self.shared().measured.counters().acknowledged()
    }

    /// How many accepted records failed so far.
    #[must_use]
    pub fn failed_records(&self) -> u64 {
        self.shared().measured.counters().failed()
    }

    /// Bytes of `buffer.memory` that nothing uses at the moment.
    #[must_use]
    pub fn buffer_available_bytes(&self) -> usize {
        self.shared().waits.pool().available()
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

/// A partition of a topic, as the last metadata had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionInfo {
    /// Its number.
    pub partition: PartitionId,
    /// The id of its leader, if it has one that can be reached.
    pub leader: Option<i32>,
}
