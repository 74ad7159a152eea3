//! Carries out frames that a broker reads late, when the connection they came on is long gone.

use std::time::Duration;

use bytes::Bytes;
use kp_protocol::BrokerId;

use super::held::Held;
use crate::SimCluster;
use crate::reply::{Moment, Reply};

impl SimCluster {
    /// Keeps a frame, to carry it out later for a client that is gone.
    pub(crate) fn hold(&mut self, at: Moment, after: Duration, broker: BrokerId, frame: Bytes) {
        self.transactions.late.hold(at.now + after, Held::Frame(broker, frame));
    }

    /// Carries out the request that is late by now. Its client never reads the answer.
    pub(super) fn carry_out_late(&mut self, at: Moment) {
        let Some(held) = self.transactions.late.take() else { return };
        let reply = match held {
            Held::Frame(broker, frame) => self.carry_out_unheard(at, broker, &frame),
            Held::Waiting(waiting) => self.look_again(at, *waiting),
        };
        if let Reply::Later(waiting) = reply {
            self.transactions.late.hold(waiting.deadline().max(at.now), Held::Waiting(waiting));
        }
    }
}
