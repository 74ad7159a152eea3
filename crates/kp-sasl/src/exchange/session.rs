//! What a successful exchange is good for, and when it is to be renewed (KIP-368).

use std::time::{Duration, Instant};

/// Brokers refuse to authenticate a connection anew more often than once a second.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// How long a broker takes requests without another exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslSession {
    lifetime: Option<Duration>,
}

impl SaslSession {
    /// A session that lasts as long as its connection.
    #[must_use]
    pub const fn without_end() -> Self {
        Self { lifetime: None }
    }

    /// Of `session_lifetime_ms`: 0, and what is below 0, means that there is no end, as Java's client reads it.
    #[must_use]
    pub fn of_millis(lifetime_ms: i64) -> Self {
        let lifetime = u64::try_from(lifetime_ms).ok().filter(|millis| *millis > 0);
        Self { lifetime: lifetime.map(Duration::from_millis) }
    }

    /// How long it lasts; `None`: as long as its connection.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// When to authenticate anew; `None`: never.
    ///
    /// That is after 85 to 95 per cent of the lifetime, spread by `chance` (0 to 1) so that the connections of many
    /// clients do not all come at once; and, as brokers refuse it otherwise, not within a second after the previous
    /// re-authentication began. A moment beyond what an `Instant` can hold never comes; Java's client fails there.
    #[must_use]
    pub fn renew_at(
        &self,
        authenticated: Instant,
        previous_began: Option<Instant>,
        chance: f64,
    ) -> Option<Instant> {
        let lifetime = self.lifetime?;
        let part = 0.85 + 0.1 * if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.0 };
        let due =
            authenticated.checked_add(Duration::try_from_secs_f64(lifetime.as_secs_f64() * part).ok()?)?;
        Some(
            previous_began
                .and_then(|began| began.checked_add(SHORTEST_INTERVAL))
                .map_or(due, |soonest| due.max(soonest)),
        )
    }
}
