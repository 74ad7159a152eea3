//! The sender's trace context in the headers of each record: W3C Trace Context, as consumers read it.
//! Knows no tracing library: a closure of the user's says what the context is.

use crate::extend::interceptor::{InterceptedRecord, ProducerInterceptor};
use kp_record::BoxError;
use std::fmt;

/// The header that names the span which sends.
const PARENT: &str = "traceparent";
/// The header that vendors add to.
const STATE: &str = "tracestate";

/// An interceptor that puts `traceparent` (and `tracestate`) into each record that has none: what the closure says when
/// the record is sent, on the thread that sends. `None` leaves the record as it is.
///
/// ```
/// use kp_producer::{Producer, ProducerConfig, TraceContext, TraceParent};
/// # fn example(config: ProducerConfig) -> Result<(), Box<dyn std::error::Error>> {
/// let current = || TraceParent::new(0x4bf92f3577b34da6a3ce929d0e0e4736, 0x00f067aa0ba902b7, true);
/// let producer = Producer::builder(config).interceptor(TraceContext::new(current)).build()?;
/// # Ok(()) }
/// ```
/// With OpenTelemetry, `TraceContext::new(current)` where
/// ```
/// # use kp_producer::TraceParent;
/// use opentelemetry::{Context, trace::TraceContextExt as _};
///
/// fn current() -> Option<TraceParent> {
///     let context = Context::current();
///     let span = context.span();
///     let span = span.span_context();
///     let trace_id = u128::from_be_bytes(span.trace_id().to_bytes());
///     let span_id = u64::from_be_bytes(span.span_id().to_bytes());
///     let parent = TraceParent::new(trace_id, span_id, span.is_sampled())?;
///     Some(parent.with_state(span.trace_state().header()))
/// }
/// # use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
/// # assert_eq!(current(), None);
/// # let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
/// # let state = TraceState::from_key_value([("vendor", "1")]).unwrap();
/// # let span = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, state);
/// # let _attached = Context::new().with_remote_span_context(span).attach();
/// # let expected = TraceParent::new(0x0101_0101_0101_0101_0101_0101_0101_0101, 0x0202_0202_0202_0202, true);
/// # assert_eq!(current(), expected.map(|parent| parent.with_state("vendor=1")));
/// ```
/// Brokers before 0.11 take no headers: `send` refuses records that have one.
pub struct TraceContext<F> {
    current: F,
}

impl<F: Fn() -> Option<TraceParent> + Send + Sync> TraceContext<F> {
    /// `current` is asked once for each record; it must not wait.
    pub fn new(current: F) -> Self {
        Self { current }
    }
}

impl<F> fmt::Debug for TraceContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceContext")
    }
}

impl<F: Fn() -> Option<TraceParent> + Send + Sync> ProducerInterceptor for TraceContext<F> {
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), BoxError> {
        let has_one = record.headers().any(|(name, _)| name.eq_ignore_ascii_case(PARENT));
        // A record that is passed on keeps the context that it came with.
        if has_one {
            return Ok(());
        }
        if let Some(parent) = (self.current)() {
            record.add_header(PARENT, parent.to_string().into_bytes());
            if let Some(state) = parent.state {
                record.add_header(STATE, state.into_bytes());
            }
        }
        Ok(())
    }
}

/// A span, as `traceparent` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
    state: Option<String>,
}

impl TraceParent {
    /// A span of a trace. `None` if one of the numbers is 0, which stands for no trace and no span.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, is_sampled: bool) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, is_sampled, state: None })
    }

    /// With the value of `tracestate`; an empty one is none.
    #[must_use]
    pub fn with_state(self, state: impl Into<String>) -> Self {
        let state = state.into();
        Self { state: Some(state).filter(|state| !state.is_empty()), ..self }
    }
}

/// The value of the header, in version 00.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_written_as_w3c_says() {
        let parent = TraceParent::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true);
        let text = parent.as_ref().map(ToString::to_string);
        assert_eq!(text.as_deref(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        let other = TraceParent::new(1, 2, false).map(|parent| parent.to_string());
        assert_eq!(other.as_deref(), Some("00-00000000000000000000000000000001-0000000000000002-00"));
    }

    #[test]
    fn no_trace_and_no_span_are_no_parent() {
        assert_eq!(TraceParent::new(0, 1, true), None);
        assert_eq!(TraceParent::new(1, 0, true), None);
    }
}
