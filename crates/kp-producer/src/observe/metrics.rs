//! What a producer measures, under Java's names: [`Producer::metrics`](crate::Producer::metrics) gives a snapshot of it,
//! and whoever installs a recorder of the `metrics` crate gets the same values as `kafka_producer_…`.
//!
//! One table ([`metric_infos`]) says which metrics there are and where each is read; the snapshot, what is
//! published and `docs/metrics.md` all come from it. Nothing is done for a record: the rooms below count batches and
//! requests, with plain adds, and the network thread publishes them at most once a second, by the producer's clock.
//!
//! ```no_run
//! # fn example(producer: &kp_producer::Producer) {
//! let metrics = producer.metrics();
//! println!("{:?} records sent", metrics.counter("record-send-total"));
//! println!("{:?} bytes free", metrics.gauge("buffer-available-bytes"));
//! println!("{:?} ms to an answer", metrics.histogram("request-latency").map(|latency| latency.mean()));
//! for metric in metrics.iter() {
//!     println!("{metric}");
//! }
//! # }
//! ```

mod docs;
mod publisher;
mod reading;
mod snapshot;
mod stopwatch;
mod table;
mod telemetry;

pub use docs::render_markdown;
pub use kp_config::RecordingLevel;
pub(crate) use publisher::Publisher;
pub(crate) use reading::{Measured, Reading};
pub use snapshot::{Metric, MetricSummary, MetricValue, ProducerMetrics};
pub(crate) use stopwatch::{Stopwatch, adding_to};
pub use table::{MetricInfo, MetricKind, MetricScope, MetricUnit, metric_infos};
pub(crate) use telemetry::Telemetry;
