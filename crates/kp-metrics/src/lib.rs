//! What a producer measures, under Java's names: one table ([`metric_infos`]) says which metrics there are and where each is
//! read. The snapshot ([`ProducerMetrics`]), what is published to a recorder ([`Publisher`]) and `docs/metrics.md`
//! ([`render_markdown`]) all come from it.
//!
//! Owns the counts of what only a facade sees ([`ProducerCounters`]). Never: a thread, a socket, work for a record.

#![forbid(unsafe_code)]

mod measured;
mod page;
mod producer_counters;
mod publisher;
mod reading;
mod snapshot;
mod stopwatch;
mod table;
mod transaction_counters;

pub use kp_config::RecordingLevel;
pub use measured::{Measured, Rooms};
pub use page::render_markdown;
pub use producer_counters::ProducerCounters;
pub use publisher::Publisher;
pub use snapshot::{Metric, MetricSummary, MetricValue, ProducerMetrics};
pub use stopwatch::Stopwatch;
pub use table::{MetricInfo, MetricKind, MetricScope, MetricUnit, metric_infos};
pub use transaction_counters::{TransactionCall, TransactionCounters};
