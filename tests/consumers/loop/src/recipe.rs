//! Reading with rdkafka's consumer, and writing what was made of it, in transactions of kp. What stands between the two lines of
//! dashes is shown in `docs/transactions.md`, word for word: a test of `examples` compares them.
#![allow(unsafe_code, reason = "the group's metadata is closed in rdkafka, and open in the C library below")]

// ----
use kp_producer::blocking::TransactionalProducer;
use kp_producer::{
    CommittedOffset, EndError, GroupMetadata, ProducerRecord, TopicPartition, TransactionOutcome,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use rdkafka_sys as rdsys;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Made with enable.auto.commit=false, isolation.level=read_committed, and partition.assignment.strategy as you like.
pub type Reader = BaseConsumer<Rebalances>;

/// Hears what is taken away; that happens inside of `poll`.
#[derive(Debug, Default)]
pub struct Rebalances {
    took_something: AtomicBool,
}

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if !matches!(rebalance, Rebalance::Assign(_)) {
            self.took_something.store(true, Ordering::Relaxed);
        }
    }
}

/// What became of one transaction.
#[derive(Debug)]
pub enum Ended {
    Committed(u64),
    /// Not visible, and the consumer is back where the group is.
    Aborted(EndError),
    /// The same: what was read is another member's now, or may be.
    Revoked,
}

/// Reads for a while, and writes what `transform` makes of it, in one transaction with the offsets.
pub fn one_transaction(
    consumer: &Reader,
    producer: &mut TransactionalProducer,
    output: &str,
    (most, within): (u64, Duration),
    mut transform: impl FnMut(&BorrowedMessage<'_>) -> String,
) -> Result<Ended, Failure> {
    let transaction = producer.begin()?;
    let (mut next, mut count, until) = (BTreeMap::new(), 0, Instant::now() + within);
    while count < most && Instant::now() < until {
        let read = consumer.poll(until.saturating_duration_since(Instant::now()));
        // Before what came with it: that comes again, too.
        if consumer.context().took_something.swap(false, Ordering::Relaxed) {
            drop(transaction);
            return rewind(consumer).map(|()| Ended::Revoked);
        }
        let Some(read) = read else { continue };
        // rdkafka recovers by itself from an error that is not fatal.
        let record = match read {
            Ok(record) => record,
            Err(fatal @ KafkaError::MessageConsumptionFatal(_)) => return Err(fatal.into()),
            Err(_) => continue,
        };
        let value = transform(&record);
        let mut written = ProducerRecord::to(output).value(&value);
        if let Some(key) = record.key() {
            written = written.key(key);
        }
        if transaction.send(written).is_err() {
            // It is doomed: `commit` aborts it, and says why.
            break;
        }
        let offset = CommittedOffset { offset: record.offset() + 1, leader_epoch: None, metadata: None };
        next.insert(TopicPartition::new(record.topic(), record.partition()), offset);
        count += 1;
    }
    if !next.is_empty() {
        let Some(group) = group_of(consumer) else {
            drop(transaction);
            return rewind(consumer).map(|()| Ended::Revoked);
        };
        match transaction.send_offsets(next, &group) {
            // This program's own mistake; dropping the transaction aborts it.
            Err(error) if !error.needs_abort() => return Err(error.into()),
            // A refusal dooms the transaction: `commit` aborts it, and says why.
            _ => {}
        }
    }
    match transaction.commit() {
        Ok(_) => Ok(Ended::Committed(count)),
        // Also when the group was rebalanced: another member reads those records then.
        Err(aborted @ EndError::Aborted(_)) => rewind(consumer).map(|()| Ended::Aborted(aborted)),
        Err(unresolved @ EndError::Unresolved { .. }) => match producer.resolve() {
            Some(TransactionOutcome::Committed) => Ok(Ended::Committed(count)),
            Some(TransactionOutcome::Aborted) => rewind(consumer).map(|()| Ended::Aborted(unresolved)),
            // Start anew: the group's offsets tell where to go on.
            _ => Err(unresolved.into()),
        },
        Err(finished) => Err(finished.into()),
    }
}

/// Who the consumer is in its group, or `None` while the group does not know it. Offsets without member and generation are taken by
/// the group from anybody: a member that was put out must not send such.
pub fn group_of(consumer: &Reader) -> Option<GroupMetadata> {
    // SAFETY: the pointers are null or strings of the metadata, which lives until it is destroyed, behind the copies.
    let text = |pointer: *const std::ffi::c_char| {
        (!pointer.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(pointer) }.to_string_lossy().into())
    };
    let group = unsafe {
        let group = rdsys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if group.is_null() {
            return None;
        }
        let metadata = GroupMetadata {
            group_id: text(rdsys::rd_kafka_consumer_group_metadata_group_id(group))?,
            generation: rdsys::rd_kafka_consumer_group_metadata_generation_id(group),
            member_id: text(rdsys::rd_kafka_consumer_group_metadata_member_id(group)).unwrap_or_default(),
            instance_id: text(rdsys::rd_kafka_consumer_group_metadata_group_instance_id(group)),
        };
        rdsys::rd_kafka_consumer_group_metadata_destroy(group);
        metadata
    };
    (group.generation >= 0 && !group.member_id.is_empty()).then_some(group)
}

/// Back to the offsets that the group has committed: what came since comes again.
pub fn rewind(consumer: &Reader) -> Result<(), Failure> {
    let limit = Duration::from_secs(60);
    let mut back = TopicPartitionList::new();
    for at in consumer.committed(limit)?.elements() {
        at.error()?;
        // Nothing is committed: as auto.offset.reset says.
        let offset = if at.offset() == Offset::Invalid { Offset::Beginning } else { at.offset() };
        back.add_partition_offset(at.topic(), at.partition(), offset)?;
    }
    if back.count() == 0 {
        return Ok(());
    }
    for at in consumer.seek_partitions(back, limit)?.elements() {
        match at.error() {
            // A new one, of which nothing was read yet: it begins where the group is.
            Err(KafkaError::OffsetFetch(RDKafkaErrorCode::State)) => {}
            other => other?,
        }
    }
    Ok(())
}
// ----
