//! Each record carries the trace context of the code that sent it. The context here is kept in a thread's own variable;
//! with OpenTelemetry or another library the closure asks that (see `TraceContext`).
//!
//! `cargo run -p kp-producer --example trace_context -- localhost:9092 my-topic`

#![allow(clippy::print_stdout, reason = "an example prints")]

use kp_producer::{Producer, ProducerConfig, ProducerRecord, TraceContext, TraceParent};
use std::cell::RefCell;

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
    let mut arguments = std::env::args().skip(1);
    let bootstrap = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "kp-example".to_owned());

    let config = ProducerConfig::default().bootstrap_servers(&bootstrap);
    let current = || CURRENT.with_borrow(Clone::clone);
    let producer = Producer::builder(config).interceptor(TraceContext::new(current)).build()?;
    let producer = kp_producer::blocking::Producer::from(producer);

    let sent = within_span(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, || {
        producer.send(ProducerRecord::to(&topic).value("sent within a span"))
    });
    let written = sent?.wait()?;
    println!("{topic}-{} @ {:?} has a header traceparent", written.partition(), written.offset());
    Ok(())
}
