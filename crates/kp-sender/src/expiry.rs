//! `delivery.timeout.ms` (KIP-91): what is not acknowledged by then fails, in its queue or under way.

use crate::SenderCore;
use kp_accumulator::{Certainty, FailureKind};
use std::time::Instant;

impl SenderCore {
    /// Fails every batch whose time is over (SN9, SN10, AC25).
    ///
    /// A batch under way fails as unknown; its late answer is ignored, its partition stays muted until the request
    /// ends, and its bytes stay with the network (AC32).
    pub(crate) fn expire(&mut self, now: Instant) {
        for batch in self.requests.take_expired(now) {
            self.fail_in_flight(now, batch, FailureKind::Expired, Certainty::Unknown, None, Vec::new());
        }
        if self.accumulator.next_expiry().is_some_and(|at| at <= now) {
            let kind = self.accumulator.settings().queue_expiry();
            for batch in self.accumulator.expire(now) {
                self.fail_queued(now, batch, kind);
            }
        }
    }
}
