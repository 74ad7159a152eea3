//! What a program hears through the `tracing` crate, with the feature `tracing`: a span for each request, an event for each
//! batch, each notice, and each outage of a broker; target `kp`, and never anything for a record. Without the feature, nothing is done and nothing
//! is kept. Touched by the network thread; notices come from any.

#[cfg(feature = "tracing")]
mod told;
#[cfg(not(feature = "tracing"))]
mod untold;

#[cfg(all(feature = "tokio", feature = "tracing"))]
pub(crate) use told::over;
#[cfg(feature = "tracing")]
pub(crate) use told::{Tracer, notice, reached, unreachable};
#[cfg(all(feature = "tokio", not(feature = "tracing")))]
pub(crate) use untold::over;
#[cfg(not(feature = "tracing"))]
pub(crate) use untold::{Tracer, notice, reached, unreachable};
