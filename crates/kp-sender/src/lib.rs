//! The sender core of the kp Kafka producer: which batch is sent when and to whom, and what becomes of it.
//!
//! A pure state machine, told `now` and what happened; see [`io`](Input) for all that goes in and out.
//! Order, retries, expiry and certainty are decided here; records wait in `kp-accumulator`, bytes travel in
//! `kp-network`, and neither of them is called from the other.
//!
//! ```
//! use kp_accumulator::{Accumulator, AccumulatorSettings};
//! use kp_client::{Nodes, Readiness};
//! use kp_memory::BufferPool;
//! use kp_metadata::{Metadata, MetadataSettings};
//! use kp_protocol::{BrokerAddress, BrokerId};
//! use kp_sender::{Output, SenderCore, SenderSettings};
//! use kp_time::{Clock, ManualClock};
//! use std::time::Instant;
//!
//! let now = ManualClock::new().now();
//! let accumulator = Accumulator::new(AccumulatorSettings::default(), BufferPool::new(1 << 20, 16_384));
//! let bootstrap = vec![BrokerAddress { id: BrokerId(-1), host: "localhost".into(), port: 9092, rack: None }];
//! let metadata = Metadata::new(MetadataSettings::default(), bootstrap, now, 1);
//! let mut core = SenderCore::new(SenderSettings::default(), accumulator, metadata, now, 2);
//!
//! /// A network whose only broker cannot be reached.
//! struct Unreachable;
//! impl Nodes for Unreachable {
//!     fn readiness(&mut self, _now: Instant, _broker: BrokerId) -> Readiness {
//!         Readiness::Failed { reason: "refused".into(), retry_at: None }
//!     }
//!     fn least_loaded(&mut self, _now: Instant) -> Option<BrokerId> {
//!         Some(BrokerId(-1))
//!     }
//! }
//!
//! let mut reason = None;
//! while let Some(output) = core.poll_output(now, &mut Unreachable) {
//!     if let Output::MetadataFailed { reason: why } = output {
//!         reason = Some(why);
//!     }
//! }
//! assert_eq!(reason.as_deref(), Some("localhost:9092: refused"));
//! assert!(core.poll_timeout().expect("it tries again") > now);
//! ```

#![forbid(unsafe_code)]

mod by_queue;
mod cluster;
mod context;
mod ending;
mod exchange;
mod exchanges;
mod histogram;
mod idempotence;
mod inputs;
mod io;
mod produce;
mod question;
mod report;
mod retry;
mod rooms;
mod sender_core;
mod settings;
mod settlement;
mod shutdown;
mod transacting;
mod transaction;
mod transaction_io;
mod turn;
mod unfit;

pub use histogram::{Histogram, Summary};
pub use io::{Input, Output};
pub use produce::SenderCounters;
pub use report::{SenderReport, TransactionReport};
pub use sender_core::SenderCore;
pub use settings::{IdempotenceSetting, SenderSettings};
pub use settlement::Settlement;
pub use transaction_io::{
    CommittedOffset, GroupMetadata, TransactionEnd, TransactionFailure, TransactionFailureKind,
    TransactionInput, TransactionOutput, TransactionProtocol, TransactionSettings,
};
