//! Record accumulator of the kp Kafka producer: partitioner, batches, ready and drain.
//!
//! The room where threads meet: many append records ([`Accumulator::append`]), workers compress
//! ([`Accumulator::seal_next`]), and one driver takes what is due ([`Accumulator::ready`],
//! [`Accumulator::drain`]) and gives every batch its outcome ([`Batch::settle`]). Nothing here reads a clock, opens a
//! socket or starts a thread.
//!
//! ```
//! use kp_accumulator::{Accumulator, AccumulatorSettings, Admission, Append, DrainGate, HeadBatch, Outcome};
//! use kp_accumulator::{QueueIndex, RecordResult};
//! use kp_memory::BufferPool;
//! use kp_metadata::{Cluster, Partition, Topic};
//! use kp_protocol::records::RecordRef;
//! use kp_protocol::{BrokerAddress, BrokerId, Offset, Timestamp, TopicId, TopicName};
//! use kp_time::{Clock, ManualClock};
//!
//! struct Everything; // an idempotent producer gives identities here
//! impl DrainGate for Everything {
//!     type Pass = ();
//!     fn admit(&mut self, _: QueueIndex, _: &HeadBatch<'_>) -> Admission {
//!         Admission::Send { identity: None, pass: () }
//!     }
//! }
//!
//! // What an application thread does.
//! let (clock, pool) = (ManualClock::new(), BufferPool::new(1 << 20, 16_384));
//! let accumulator = Accumulator::new(AccumulatorSettings::default(), pool.clone());
//! let name = TopicName::new("orders");
//! let metadata = Topic::new(name.clone(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1))]);
//! let queues = accumulator.topic(&name, 1);
//! let record = RecordRef { timestamp: Timestamp(0), key: Some(b"k"), value: Some(b"v"), headers: &[] };
//! let mut spare = pool.try_allocate(16_384)?;
//! let target = accumulator.target(&queues, &metadata, record.key);
//! let sent = accumulator.append(&queues, &metadata, target, &record, &mut None, &mut spare, &clock)?;
//! let Append::Accepted(sent) = sent else { panic!("it had a page") };
//!
//! // What the driver does.
//! let address = BrokerAddress { id: BrokerId(1), host: "localhost".into(), port: 9092, rack: None };
//! let cluster = Cluster::new(1, [address], [metadata]);
//! let check = accumulator.ready(clock.now(), &cluster);
//! assert!(check.brokers.is_empty(), "it lingers");
//! clock.advance_to(check.next_check.expect("a batch lingers"));
//! assert_eq!(accumulator.ready(clock.now(), &cluster).brokers.as_slice(), [BrokerId(1)]);
//! let mut drained = Vec::new();
//! accumulator.drain(clock.now(), &cluster, BrokerId(1), 1 << 20, &mut Everything, &mut drained);
//! for drained in drained {
//!     // drained.wire goes out, an answer comes in
//!     drained.batch.settle(Outcome::Written { base_offset: Some(Offset(7)), log_append_time: None });
//! }
//! let result = sent.completion.record_result(sent.index);
//! assert!(matches!(result, Some(RecordResult::Written { offset: Some(Offset(7)), .. })));
//! assert_eq!(pool.available(), pool.capacity());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod accumulator;
mod age;
mod alarms;
mod announcements;
mod append;
mod append_seal;
mod batch;
mod broker_states;
mod completion;
mod compression_ratio;
mod drain;
mod error;
mod expiry;
mod failure;
mod flush;
mod format_overhead;
mod growth;
mod growth_limit;
mod incomplete;
mod last_leader;
mod lifecycle;
mod park_word;
mod partition_queue;
mod partitioner;
mod partitioning;
mod queue_index;
mod queue_lengths;
mod ready;
mod ready_queues;
mod record_format;
mod sealer;
mod sealing;
mod settings;
mod spares;
mod split;
mod standing;
mod survey;
mod target;
mod topic_counters;
mod topic_queues;
mod topics;
mod waker_set;

pub use accumulator::Accumulator;
pub use append::{Append, Appended};
pub use append_seal::{AppendSeal, Sealing};
pub use batch::{
    Batch, BatchPlace, Closed, HeadBatch, InFlight, Notify, Open, Payload, Sealed, Undispatched, WireBatch,
};
pub use completion::{Completion, Listener, Outcome, RecordCallback, RecordOutcome, RecordResult, SplitPart};
pub use drain::{Admission, DrainGate, Drained};
pub use error::AppendError;
pub use failure::{BatchFailure, BrokerError, Certainty, FailureKind, Spent};
pub use flush::Flush;
pub use partitioner::{
    BoxError, PartitionRequest, Partitioner, PartitionerError, choose_partition, murmur2, partition_for_key,
};
pub use partitioning::{Partitioning, Spread};
pub use queue_index::QueueIndex;
pub use ready::ReadyCheck;
pub use sealer::Sealer;
pub use settings::{AccumulatorSettings, Seal};
pub use split::{SplitError, Unsplit};
pub use survey::{HeadSurvey, QueueSurvey};
pub use target::Target;
pub use topic_counters::TopicCounters;
pub use topic_queues::TopicQueues;

#[cfg(test)]
mod testing;
