//! How bad the network is: plain numbers, and the draws from them.

use std::time::Duration;

use kp_time::Jitter;

/// How bad the network is at the moment. Probabilities are 0.0 to 1.0.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// One way, at least.
    pub latency_least: Duration,
    /// One way, at most; each connection has its own, so connections overtake each other.
    pub latency_most: Duration,
    /// What one message may take longer than the one before it; messages of one connection never overtake.
    pub latency_jitter: Duration,
    /// How long a broker takes for a request, at most.
    pub service_most: Duration,
    /// How many bytes a connection takes before the broker has read some: small for a slow reader.
    pub window: usize,
    /// That a connection breaks when a request has arrived, before it is carried out. Per request.
    pub cut_before: f64,
    /// That it breaks after the request was carried out, before the answer leaves. Per request.
    pub cut_after: f64,
    /// That an attempt to connect is refused.
    pub refused: f64,
    /// That an attempt to connect is never answered.
    pub swallowed: f64,
    /// That a name is not resolved.
    pub unresolved: f64,
    /// That the first address of a name is one where no broker listens.
    pub dead_address: f64,
}

impl Default for Weather {
    /// [`Weather::FINE`].
    fn default() -> Self {
        Self::FINE
    }
}

impl Weather {
    /// A network that only takes a moment.
    pub const FINE: Self = Self {
        latency_least: Duration::from_micros(100),
        latency_most: Duration::from_micros(900),
        latency_jitter: Duration::from_micros(200),
        service_most: Duration::from_micros(500),
        window: 256 * 1024,
        cut_before: 0.0,
        cut_after: 0.0,
        refused: 0.0,
        swallowed: 0.0,
        unresolved: 0.0,
        dead_address: 0.0,
    };

    pub(super) fn latency(&self, dice: &mut Jitter) -> Duration {
        self.latency_least + below(self.latency_most.saturating_sub(self.latency_least), dice)
    }

    pub(super) fn jitter(&self, dice: &mut Jitter) -> Duration {
        below(self.latency_jitter, dice)
    }

    pub(super) fn service(&self, dice: &mut Jitter) -> Duration {
        below(self.service_most, dice)
    }
}

fn below(most: Duration, dice: &mut Jitter) -> Duration {
    Duration::from_nanos(dice.below(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
}
