//! What each part of the core is handed for one step: the moment, what was set, and where its results go.
//! Owns nothing; lives as long as one call of the core.

use crate::ending::Ending;
use crate::{Output, SenderSettings};
use kp_accumulator::Accumulator;
use kp_time::Jitter;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The surroundings of a step.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) settings: &'a SenderSettings,
    pub(crate) accumulator: &'a Arc<Accumulator>,
    pub(crate) ending: &'a mut Ending,
    pub(crate) outputs: &'a mut Outputs,
    pub(crate) jitter: &'a mut Jitter,
}

impl Context<'_> {
    /// Hands something to the host, behind all that was put out before.
    pub(crate) fn put(&mut self, output: Output) {
        self.outputs.queue.push_back(output);
    }

    /// Whether something was put out and not handed to the host yet. That is carried out before the network is asked more: a broker
    /// that takes a request, or a new broker list, changes its answers.
    pub(crate) fn has_output(&self) -> bool {
        !self.outputs.queue.is_empty()
    }

    /// A token that no other request has.
    pub(crate) fn take_token(&mut self) -> u64 {
        self.outputs.last_token += 1;
        self.outputs.last_token
    }

    /// Empty for a producer without one, which asks nothing about it.
    pub(crate) fn transactional_id(&self) -> Arc<str> {
        self.settings
            .transaction
            .as_ref()
            .map_or_else(|| Arc::from(""), |set| Arc::clone(&set.transactional_id))
    }

    /// How long the coordinator is to leave a transaction open.
    pub(crate) fn transaction_timeout(&self) -> Duration {
        self.settings.transaction.as_ref().map_or(Duration::ZERO, |set| set.timeout)
    }

    /// How long to wait before the next of `tries` in vain is repeated (KIP-580).
    pub(crate) fn backoff(&mut self, tries: u32) -> Duration {
        self.settings.retry_backoff.delay(tries, self.jitter)
    }
}

/// What the host is to do, in this order.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) queue: VecDeque<Output>,
    last_token: u64,
}
