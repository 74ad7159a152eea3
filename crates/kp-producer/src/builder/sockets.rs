//! What the network over sockets is made of. Owns: nothing; no socket is made here.

use kp_network::{NetworkSettings, TokioSelector};
use kp_time::Clock;
use std::sync::Arc;

/// What a network client is made of.
pub(super) struct Sockets {
    pub(super) selector: TokioSelector,
    pub(super) network: NetworkSettings,
    pub(super) clock: Arc<dyn Clock>,
}
