//! Workers that are wrong on purpose: what the judge says of them shows that it can say no.

use std::time::Duration;

use clap::ValueEnum;
use kp_producer::ProducerRecord;
use kp_producer::blocking::TransactionalProducer;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::recipe::{Ended, Failure, Reader};

/// The mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mistake {
    /// Offsets are committed by the consumer, behind the transaction, and rebalances are not listened to.
    OffsetsOutside,
}

/// A transaction of records alone; then the offsets, if the worker gets that far.
pub fn offsets_outside(
    consumer: &Reader,
    producer: &mut TransactionalProducer,
    output: &str,
    (most, within): (u64, Duration),
    mut transform: impl FnMut(&BorrowedMessage<'_>) -> String,
) -> Result<Ended, Failure> {
    let transaction = producer.begin()?;
    let (mut next, mut count) = (TopicPartitionList::new(), 0);
    while count < most {
        let Some(Ok(record)) = consumer.poll(within) else { break };
        let value = transform(&record);
        let written = ProducerRecord::to(output).value(&value).key(record.key().unwrap_or_default());
        drop(transaction.send(written)?);
        let offset = Offset::Offset(record.offset() + 1);
        match next.find_partition(record.topic(), record.partition()) {
            Some(mut known) => known.set_offset(offset)?,
            None => next.add_partition_offset(record.topic(), record.partition(), offset)?,
        }
        count += 1;
    }
    let committed = transaction.commit()?.records;
    if count > 0 {
        consumer.commit(&next, CommitMode::Sync)?;
    }
    Ok(Ended::Committed(committed))
}
