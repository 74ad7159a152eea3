//! How often a broker was tried, and when it may be tried again (NC12, NC13, NC15; KIP-144, KIP-601).
//! Owned by one broker's state; told `now`, asks no clock.

use crate::NetworkSettings;
use kp_time::{Deadline, Jitter};
use std::time::{Duration, Instant};

/// A connection that lived so long is no part of a circle.
const OLD_ENOUGH: Duration = Duration::from_secs(1);

/// The history of attempts to reach one broker, as far as it decides about the next one.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// Ends since the last time it was ready; the exponent of the reconnect backoff.
    failures: u32,
    /// Attempts in a row that found no connection; the exponent of the set-up timeout.
    setup_failures: u32,
    /// When the last attempt began.
    last_begun: Option<Instant>,
    /// Not before then; `None` = now.
    allowed_at: Option<Instant>,
}

impl Attempts {
    /// When a new attempt may begin, if that is not yet.
    pub(crate) fn backing_off_until(&self, now: Instant) -> Option<Instant> {
        self.allowed_at.filter(|at| *at > now)
    }

    /// When the last attempt began; `None` sorts first: never.
    pub(crate) fn last_begun(&self) -> Option<Instant> {
        self.last_begun
    }

    /// Begins an attempt; answers the moment by which it must be ready.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        settings: &NetworkSettings,
        jitter: &mut Jitter,
    ) -> Deadline {
        self.last_begun = Some(now);
        let within = settings.setup_timeout.delay(self.setup_failures, jitter);
        Deadline::after(now, within, "socket.connection.setup.timeout.ms")
    }

    /// The socket is connected: the way there is good, whatever the broker says next (NC15).
    pub(crate) fn connected(&mut self) {
        self.setup_failures = 0;
    }

    /// The broker is ready: only this ends the growth of the reconnect backoff, not a mere connection (NC12).
    pub(crate) fn ready(&mut self) {
        self.failures = 0;
        self.allowed_at = None;
    }

    /// The connection that the last attempt made was not authenticated again: the next one may be made at once, with newer
    /// credentials (H44). Not if this one is younger than a second: two brokers that disagree would make it a circle.
    pub(crate) fn not_renewed(&mut self, now: Instant) {
        let is_old = self.last_begun.is_some_and(|begun| now.saturating_duration_since(begun) >= OLD_ENOUGH);
        self.allowed_at = self.allowed_at.filter(|_| !is_old);
    }

    /// The next attempt may be made at once: the connection before it did not fail.
    pub(crate) fn allow(&mut self) {
        self.failures = 0;
        self.allowed_at = None;
    }

    /// The attempt, or the connection it made, ended.
    pub(crate) fn ended(
        &mut self,
        now: Instant,
        was_connected: bool,
        settings: &NetworkSettings,
        jitter: &mut Jitter,
    ) {
        if !was_connected {
            self.setup_failures = self.setup_failures.saturating_add(1);
        }
        let wait = settings.reconnect_backoff.delay(self.failures, jitter);
        self.allowed_at = Some(Deadline::after(now, wait, "reconnect.backoff.ms").at());
        self.failures = self.failures.saturating_add(1);
    }
}
