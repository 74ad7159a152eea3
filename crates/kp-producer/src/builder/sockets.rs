//! What the network over sockets is made of. Owns: nothing; no socket is made here.

use crate::observe::notes::Notes;
use kp_network::{NetworkSettings, TokioSelector};
use kp_time::Clock;
use std::sync::Arc;

/// What a network client is made of.
pub(super) struct Sockets {
    pub(super) selector: TokioSelector,
    pub(super) network: NetworkSettings,
    pub(super) clock: Arc<dyn Clock>,
    /// Where it is told what turns up while they live.
    #[cfg_attr(
        not(feature = "tls-no-provider"),
        expect(dead_code, reason = "only what is encrypted has files to look at")
    )]
    pub(super) notes: Arc<Notes>,
}
