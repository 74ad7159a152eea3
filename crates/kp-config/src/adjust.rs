//! Values that follow from others, or that cannot take effect as they are: V4, V5, and what Java accepts in silence.

use std::time::Duration;

use crate::{ConfigError, ConfigWarning, ProducerConfig, Settings};

impl ProducerConfig {
    /// V4: a record must have the time for one attempt.
    pub(crate) fn adjust_timeouts(
        &self,
        settings: &mut Settings,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Result<(), ConfigError> {
        const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
        // Java keeps linger.ms in 64 bits and never waits longer than 31 of them.
        settings.linger = settings.linger.min(LONGEST);
        let least = settings.linger.saturating_add(settings.request_timeout).min(LONGEST);
        if settings.delivery_timeout >= least {
            return Ok(());
        }
        let sum = format!(
            "linger.ms + request.timeout.ms = {} + {}",
            settings.linger.as_millis(),
            settings.request_timeout.as_millis()
        );
        if self.is_set("delivery.timeout.ms") {
            let message = format!(
                "delivery.timeout.ms={} is less than {sum}: a record could not finish one attempt",
                settings.delivery_timeout.as_millis()
            );
            return Err(ConfigError::conflict("V4", "delivery.timeout.ms", message));
        }
        settings.delivery_timeout = least;
        warnings.push(ConfigWarning::Adjusted {
            key: "delivery.timeout.ms",
            to: least.as_millis().to_string(),
            because: format!("it may not be less than {sum} (V4)"),
        });
        Ok(())
    }

    /// V5: waits that do not grow.
    pub(crate) fn adjust_backoffs(&self, settings: &mut Settings, warnings: &mut Vec<ConfigWarning>) {
        let constant = |base, max| !self.is_set(max) && (self.is_set(base) || self.is_classic());
        if constant("reconnect.backoff.ms", "reconnect.backoff.max.ms") {
            settings.reconnect_backoff_max = settings.reconnect_backoff;
        }
        // 0.9 had one fixed wait; today's client lets `retry.backoff.ms` grow even if it is set.
        if self.is_classic() && !self.is_set("retry.backoff.max.ms") {
            settings.retry_backoff_max = settings.retry_backoff;
        }
        let pairs = [
            ("retry.backoff.ms", &mut settings.retry_backoff, settings.retry_backoff_max),
            ("reconnect.backoff.ms", &mut settings.reconnect_backoff, settings.reconnect_backoff_max),
            (
                "socket.connection.setup.timeout.ms",
                &mut settings.connection_setup_timeout,
                settings.connection_setup_timeout_max,
            ),
        ];
        for (key, base, max) in pairs {
            if *base > max {
                *base = max;
                warnings.push(ConfigWarning::Adjusted {
                    key,
                    to: max.as_millis().to_string(),
                    because: "it is above its maximum, so every wait is the maximum (V5)".to_owned(),
                });
            }
        }
    }

    /// Sizes that Java accepts in silence: accepted here with a warning.
    pub(crate) fn adjust_sizes(&self, settings: &mut Settings, warnings: &mut Vec<ConfigWarning>) {
        // Java: a batch of 0 bytes is one record per batch.
        settings.batch_size = settings.batch_size.max(1);
        if !self.is_set("kp.batch.growth.max.bytes") {
            settings.batch_growth_max_bytes = settings.batch_growth_max_bytes.min(settings.max_request_size);
        }
        // Java takes memory for a whole batch when one opens, so that there every `send` fails.
        if settings.batch_size > settings.buffer_memory {
            settings.batch_size = (settings.buffer_memory / 2).max(1);
            warnings.push(ConfigWarning::Adjusted {
                key: "batch.size",
                to: settings.batch_size.to_string(),
                because: format!(
                    "it is above buffer.memory={}, which holds two batches now",
                    settings.buffer_memory
                ),
            });
        }
        let mut odd = |key, message: String| warnings.push(ConfigWarning::Odd { key, message });
        if settings.batch_size > settings.max_request_size {
            let most = settings.max_request_size;
            odd("batch.size", format!("above max.request.size={most}: full batches travel one per request"));
        }
        if settings.buffer_memory < settings.max_request_size {
            let most = settings.max_request_size;
            odd(
                "buffer.memory",
                format!("below max.request.size={most}: a record between the two is refused"),
            );
        }
        if settings.request_timeout.is_zero() {
            odd("request.timeout.ms", "0: every answer comes too late".to_owned());
        }
    }
}
