//! What a producer measures, under Java's names: [`Producer::metrics`](crate::Producer::metrics) gives a snapshot of it,
//! and a program that installs a recorder of the `metrics` crate gets the same values as `kafka_producer_…`.
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

#[doc(inline)]
pub use kp_metrics::{
    Metric, MetricInfo, MetricKind, MetricScope, MetricSummary, MetricUnit, MetricValue, ProducerMetrics,
    RecordingLevel, metric_infos, render_markdown,
};
