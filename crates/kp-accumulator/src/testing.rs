//! A room for tests: a clock that stands still, a pool, one topic, a driver that is called by hand. When it is dropped
//! it checks that every byte of `buffer.memory` came back and that no batch was forgotten.

use crate::partition_queue::PartitionQueue;
use crate::{
    Accumulator, AccumulatorSettings, Admission, Append, AppendError, Appended, DrainGate, Drained,
    HeadBatch, Notify, Outcome, QueueIndex, ReadyCheck, RecordCallback, Target, TopicQueues, WireBatch,
};
use bytes::Bytes;
use kp_memory::{Buffer, BufferPool};
use kp_metadata::{Cluster, Partition, Topic};
use kp_protocol::records::{RecordBatch, RecordRef};
use kp_protocol::{BrokerAddress, BrokerId, LeaderEpoch, Offset, PartitionId, Timestamp, TopicId, TopicName};
use kp_time::{Clock, ManualClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

pub(crate) const MS: fn(u64) -> Duration = Duration::from_millis;

/// Takes everything, without identity.
pub(crate) struct OpenGate;

impl DrainGate for OpenGate {
    type Pass = ();
    fn admit(&mut self, _: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        Admission::Send { identity: None, pass: () }
    }
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Rung(AtomicU32);

impl Rung {
    pub(crate) fn times(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Room {
    pub(crate) clock: ManualClock,
    pub(crate) pool: Arc<BufferPool>,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) cluster: Cluster,
    pub(crate) topic: Arc<TopicQueues>,
    pub(crate) rung: Arc<Rung>,
}

/// Small round numbers: batches of 1000 bytes, a linger of 10 ms, a delivery timeout of 1000 ms.
pub(crate) fn settings() -> AccumulatorSettings {
    AccumulatorSettings { batch_size: 1000, linger: MS(10), delivery_timeout: MS(1000), ..Default::default() }
}

pub(crate) fn cluster(version: u64, leaders: &[Option<i32>]) -> Cluster {
    let partitions =
        leaders.iter().map(|leader| Partition { leader: leader.map(BrokerId), ..Default::default() });
    cluster_of(version, partitions.collect())
}

pub(crate) fn cluster_of(version: u64, partitions: Vec<Partition>) -> Cluster {
    let broker = |id| BrokerAddress { id: BrokerId(id), host: "h".into(), port: 9092, rack: None };
    Cluster::new(version, (0..5).map(broker), [Topic::new(name(), TopicId::ZERO, partitions)])
}

pub(crate) fn led_since(leader: i32, epoch: i32) -> Partition {
    Partition::led_since(BrokerId(leader), LeaderEpoch(epoch))
}

pub(crate) fn name() -> TopicName {
    TopicName::new("t")
}

pub(crate) fn value(value: &[u8]) -> RecordRef<'_> {
    RecordRef { timestamp: Timestamp(1_000), key: None, value: Some(value), headers: &[] }
}

pub(crate) fn written(base: i64) -> Outcome {
    Outcome::Written { base_offset: Some(Offset(base)), log_append_time: None }
}

impl Room {
    /// Partitions led by these brokers, and 20 pages of memory.
    pub(crate) fn new(settings: AccumulatorSettings, leaders: &[i32]) -> Self {
        let leaders: Vec<_> = leaders.iter().copied().map(Some).collect();
        Self::with_memory(settings, &leaders, 20_000)
    }

    pub(crate) fn with_memory(settings: AccumulatorSettings, leaders: &[Option<i32>], memory: usize) -> Self {
        let pool = BufferPool::new(memory, settings.batch_size);
        let (accumulator, rung) = (Accumulator::new(settings, Arc::clone(&pool)), Arc::new(Rung::default()));
        accumulator.set_driver_waker(Waker::from(Arc::clone(&rung)));
        let topic = accumulator.topic(&name(), leaders.len());
        Self { clock: ManualClock::new(), pool, accumulator, cluster: cluster(1, leaders), topic, rung }
    }

    /// The queue of a partition.
    pub(crate) fn queue(&self, partition: usize) -> &Arc<PartitionQueue> {
        self.accumulator.topics.make(&self.topic, partition)
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.clock.advance(MS(ms));
    }

    pub(crate) fn metadata(&self) -> &Topic {
        self.cluster.topic("t").expect("the room's topic")
    }

    /// Where the record goes that names no partition.
    pub(crate) fn target(&self, record: &RecordRef<'_>) -> Target {
        self.accumulator.target(&self.topic, self.metadata(), record.key)
    }

    /// One call of append, with what the caller has.
    pub(crate) fn try_send(
        &self,
        target: Target,
        record: &RecordRef<'_>,
        notify: &mut Option<Notify>,
        spare: &mut Option<Buffer>,
    ) -> Result<Append, AppendError> {
        self.accumulator.append(&self.topic, self.metadata(), target, record, notify, spare, &self.clock)
    }

    /// Appends, with buffers from the pool as they are needed.
    pub(crate) fn send_record(
        &self,
        target: Target,
        record: &RecordRef<'_>,
        callback: Option<RecordCallback>,
    ) -> Result<Appended, AppendError> {
        let (mut callback, mut spare) = (callback.map(Notify::Call), None);
        loop {
            match self.try_send(target, record, &mut callback, &mut spare)? {
                Append::Accepted(appended) => {
                    assert!(callback.is_none(), "an accepted record's callback is taken");
                    return Ok(appended);
                }
                Append::NeedsBuffer(bytes) => {
                    assert!(spare.is_none(), "the buffer was of the size asked for");
                    spare = Some(self.pool.try_allocate(bytes).expect("legal").expect("the pool has room"));
                }
            }
        }
    }

    /// A value to partition 0 with a token for the listener.
    pub(crate) fn send_tagged(&self, bytes: &[u8], token: u64) {
        let (record, mut notify, mut spare) = (value(bytes), Some(Notify::Token(token)), None);
        while let Append::NeedsBuffer(size) = self
            .try_send(Target::Partition(PartitionId(0)), &record, &mut notify, &mut spare)
            .expect("accepted")
        {
            spare = Some(self.pool.try_allocate(size).expect("legal").expect("the pool has room"));
        }
    }

    /// A value to a partition.
    pub(crate) fn send(&self, partition: i32, bytes: &[u8]) -> Appended {
        self.send_record(Target::Partition(PartitionId(partition)), &value(bytes), None).expect("accepted")
    }

    /// Enough to close a batch.
    pub(crate) fn send_full(&self, partition: i32) -> Appended {
        self.send(partition, &[b'x'; 950])
    }

    pub(crate) fn ready(&self) -> ReadyCheck {
        self.accumulator.ready(self.now(), &self.cluster)
    }

    /// The brokers that have something ready.
    pub(crate) fn ready_brokers(&self) -> Vec<i32> {
        self.ready().brokers.iter().map(|broker| broker.0).collect()
    }

    pub(crate) fn drain(&self, broker: i32) -> Vec<Drained> {
        self.drain_with(broker, usize::MAX, &mut OpenGate)
    }

    pub(crate) fn drain_with(
        &self,
        broker: i32,
        limit: usize,
        gate: &mut impl DrainGate<Pass = ()>,
    ) -> Vec<Drained> {
        let mut out = Vec::new();
        let given_up =
            self.accumulator.drain(self.now(), &self.cluster, BrokerId(broker), limit, gate, &mut out);
        assert!(given_up.is_empty(), "the gate gives nothing up");
        out
    }

    /// Looks, then drains one broker.
    pub(crate) fn turn(&self, broker: i32) -> Vec<Drained> {
        self.ready();
        self.drain(broker)
    }

    pub(crate) fn partitions(drained: &[Drained]) -> Vec<i32> {
        drained.iter().map(|drained| drained.batch.topic_partition().partition.0).collect()
    }

    pub(crate) fn acknowledge(drained: Vec<Drained>, base: i64) {
        drained.into_iter().for_each(|drained| drained.batch.settle(written(base)));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.accumulator.fail_everything(crate::FailureKind::Closed);
        assert!(!self.accumulator.has_incomplete(), "every batch was settled");
        assert_eq!(self.pool.available(), self.pool.largest_allocation(), "every byte came back");
    }
}

/// The values in a batch as it went to the wire, which is checked on the way.
pub(crate) fn values(wire: &WireBatch) -> Vec<Vec<u8>> {
    records(wire).into_iter().map(|(_, value)| value.expect("a value")).collect()
}

/// The key and the value of a record.
type KeyValue = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Keys and values in a batch as it went to the wire.
pub(crate) fn records(wire: &WireBatch) -> Vec<KeyValue> {
    let (batch, rest) = RecordBatch::parse(&bytes_of(wire)).expect("a batch");
    assert!(rest.is_empty());
    batch.verify_crc().expect("the checksum fits");
    let decoded = batch.records(1 << 30).expect("decompresses");
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let read = |(offset, record): (i64, Result<kp_protocol::records::Record<'_>, _>)| {
        let record: kp_protocol::records::Record<'_> = record.expect("a record");
        assert_eq!(record.offset, Offset(offset), "BB7: offsets are 0, 1, 2, …");
        (owned(record.key), owned(record.value))
    };
    (0..).zip(decoded.iter()).map(read).collect()
}

pub(crate) fn bytes_of(wire: &WireBatch) -> Bytes {
    let pieces = std::iter::once(&wire.header[..]).chain(wire.payload.iter().map(|piece| &piece[..]));
    let bytes = Bytes::from(pieces.collect::<Vec<_>>().concat());
    assert_eq!(bytes.len(), wire.size());
    bytes
}
