//! Frames that a broker reads late, when the connection they came on is long gone. Owned by the cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kp_protocol::BrokerId;

use crate::reply::{Moment, Reply};
use crate::request::IncomingRequest;
use crate::{SimCluster, Waiting};

/// What is carried out late.
#[derive(Clone, Debug)]
enum Held {
    Request(BrokerId, Box<IncomingRequest>),
    Waiting(Box<Waiting>),
}

/// The frames that are held back, by the moment at which they arrive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Late {
    held: BTreeMap<(Instant, u64), Held>,
    next: u64,
}

impl Late {
    /// When the next one arrives.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        self.held.first_key_value().map(|((at, _), _)| *at)
    }

    fn hold(&mut self, until: Instant, held: Held) {
        self.next += 1;
        self.held.insert((until, self.next), held);
    }
}

impl SimCluster {
    /// Keeps a request, to carry it out later for a client that is gone.
    pub(crate) fn hold(&mut self, at: Moment, after: Duration, broker: BrokerId, request: IncomingRequest) {
        self.transactions.late.hold(at.now + after, Held::Request(broker, Box::new(request)));
    }

    /// Carries out the request that is late by now. What it is answered reaches nobody.
    pub(super) fn carry_out_late(&mut self, at: Moment) {
        let Some((_, held)) = self.transactions.late.held.pop_first() else { return };
        let reply = match held {
            Held::Request(broker, request) => self.carry_out_unheard(at, broker, *request),
            Held::Waiting(waiting) => self.look_again(at, *waiting),
        };
        if let Reply::Later(waiting) = reply {
            self.transactions.late.hold(waiting.deadline().max(at.now), Held::Waiting(waiting));
        }
    }
}
