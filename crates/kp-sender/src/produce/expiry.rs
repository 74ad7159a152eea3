//! `delivery.timeout.ms` (KIP-91): what is not acknowledged by then fails, in its queue or under way.

use super::BatchSender;
use super::settling::Failed;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::idempotence::Idempotence;
use kp_accumulator::FailureKind;

impl BatchSender {
    /// Fails every batch whose time is over (SN9, SN10, AC25).
    ///
    /// A batch under way fails as unknown; its late answer is ignored, its partition stays muted until the request
    /// ends, and its bytes stay with the network (AC32).
    pub(crate) fn expire(&mut self, cx: &mut Context<'_>, cluster: &KnownCluster, numbers: &mut Idempotence) {
        for batch in self.requests.take_expired(cx.now) {
            self.fail_in_flight(cx, numbers, batch, Failed::under_way(FailureKind::Expired));
        }
        if cx.accumulator.next_expiry().is_some_and(|at| at <= cx.now) {
            let kind = cx.accumulator.settings().queue_expiry();
            for batch in cx.accumulator.expire(cx.now) {
                self.fail_queued(cx, cluster, numbers, batch, kind);
            }
        }
    }
}
