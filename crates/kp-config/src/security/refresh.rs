//! `sasl.login.refresh.*`: when a token is replaced.
//! Owns: the arithmetic of the moment. Never: a clock, a request.

use crate::{ConfigError, ProducerConfig, Value};

/// When a token is replaced by a new one, as Java's client does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenRefresh {
    /// The part of its life after which a token is replaced (`sasl.login.refresh.window.factor`), 0.5 to 1.
    pub factor: f64,
    /// The most that chance adds to that part (`sasl.login.refresh.window.jitter`), 0 to 0.25.
    pub jitter: f64,
    /// The least time from now until the token is replaced (`sasl.login.refresh.min.period.seconds`), in milliseconds.
    pub min_period_ms: i64,
    /// How long before its end it is replaced at the latest (`sasl.login.refresh.buffer.seconds`), in milliseconds.
    pub buffer_ms: i64,
}

impl Default for TokenRefresh {
    fn default() -> Self {
        Self { factor: 0.8, jitter: 0.05, min_period_ms: 60_000, buffer_ms: 300_000 }
    }
}

impl TokenRefresh {
    pub(super) fn of(config: &ProducerConfig) -> Result<Self, ConfigError> {
        let ms = |key| Ok::<_, ConfigError>(i64::from(config.typed::<u32>(key)?) * 1000);
        let fraction = |key, usual| match config.get(key) {
            Some(Value::Double(fraction)) => fraction,
            _ => usual,
        };
        let usual = Self::default();
        Ok(Self {
            factor: fraction("sasl.login.refresh.window.factor", usual.factor),
            jitter: fraction("sasl.login.refresh.window.jitter", usual.jitter),
            min_period_ms: ms("sasl.login.refresh.min.period.seconds")?,
            buffer_ms: ms("sasl.login.refresh.buffer.seconds")?,
        })
    }

    /// When a token that was issued at `now` and ends at `end` is replaced; all in milliseconds since the epoch. `chance` is
    /// from 0 to 1. Is `end` already past, so is the moment.
    ///
    /// The part of the life decides; but not later than the buffer before the end, and then not sooner than the least
    /// period from now. If buffer and period do not fit into what is left, both are ignored.
    ///
    /// ```
    /// use kp_config::TokenRefresh;
    /// let refresh = TokenRefresh::default();
    /// let hour = 3_600_000;
    /// assert_eq!(refresh.moment(0, hour, 0.0), 2_880_000, "after four fifths");
    /// assert_eq!(refresh.moment(0, 600_000, 0.0), 300_000, "five minutes before the end");
    /// assert_eq!(refresh.moment(0, 300_000, 0.0), 240_000, "they do not fit");
    /// ```
    #[must_use]
    pub fn moment(&self, now: i64, end: i64, chance: f64) -> i64 {
        let rest = end.saturating_sub(now).max(0);
        let part = (self.factor + self.jitter * chance).min(1.0);
        // Lives of tokens are far below 2^52 ms, and a longer one need not be told to the millisecond.
        let by_part = now.saturating_add((rest as f64 * part) as i64);
        if self.min_period_ms.saturating_add(self.buffer_ms) > rest {
            return by_part;
        }
        by_part.min(end.saturating_sub(self.buffer_ms)).max(now.saturating_add(self.min_period_ms))
    }
}
