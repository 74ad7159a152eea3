//! Which broker coordinates the transactional id, or a group: known or not, and when it is looked up.
//! Owner: the transactions. Forgotten when it says that it is none any more, or does not answer (TX19); never for being busy.

use super::pause::Pause;
use kp_protocol::BrokerId;

/// ```text
/// unknown ──FindCoordinator is answered──▶ known
///    ▲──NOT_COORDINATOR, disconnect, timeout──┘
/// ```
#[derive(Debug, Default)]
pub(crate) struct Coordinator {
    broker: Option<BrokerId>,
    /// Between two questions for it.
    pub(crate) lookup: Pause,
}

impl Coordinator {
    pub(crate) fn broker(&self) -> Option<BrokerId> {
        self.broker
    }

    pub(crate) fn found(&mut self, broker: BrokerId) {
        self.broker = Some(broker);
        self.lookup.over();
    }

    /// It is looked up again before anything else is asked of it.
    pub(crate) fn forget(&mut self) {
        self.broker = None;
    }
}
