//! Each record carries the trace context of the code that sent it. The context here is kept in a thread's own variable;
//! with OpenTelemetry or another library the closure asks that (see `TraceContext`).
//!
//! `cargo run -p kp-examples --bin trace_context` (with `KP_BOOTSTRAP=localhost:9092`: to that cluster)

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_examples::Kafka;
use kp_producer::{Producer, ProducerConfig, ProducerRecord, TraceContext, TraceParent};
use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    static CURRENT: RefCell<Option<TraceParent>> = const { RefCell::new(None) };
}

/// What a tracing library does around the handling of a request.
fn within_span<T>(trace_id: u128, span_id: u64, work: impl FnOnce() -> T) -> T {
    CURRENT.set(TraceParent::new(trace_id, span_id, true));
    let done = work();
    CURRENT.set(None);
    done
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::from_environment()?;
    let config = ProducerConfig::default().bootstrap_servers(kafka.bootstrap());
    let current = || CURRENT.with_borrow(Clone::clone);
    let producer = Producer::builder(config).interceptor(TraceContext::new(current)).build()?;
    let producer = kp_producer::blocking::Producer::from(producer);

    let sent = within_span(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, || {
        producer.send(ProducerRecord::to("kp-traced").value("sent within a span"))
    });
    let written = sent?.wait()?;
    println!("kp-traced-{} @ {:?} has a header traceparent", written.partition(), written.offset());
    let closed = producer.close(Duration::from_secs(10))?;
    println!("closed, {} undelivered", closed.undelivered);
    Ok(())
}
