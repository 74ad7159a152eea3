//! What an operator should know of the cluster: notices, each once, and the brokers that cannot be reached.
//! Written by the network thread and by code that watches over the user's; read by any thread. Lock: the list's, short.

use crate::observe::tracing;
use crate::observe::unreachable::Unreachable;
use parking_lot::Mutex;
use std::sync::Arc;

/// The most notices that are kept; a network that has more to say says nothing new.
const MOST: usize = 16;

pub(crate) struct Notes {
    client_id: Arc<str>,
    notices: Mutex<Vec<String>>,
    pub(crate) unreachable: Unreachable,
}

impl Notes {
    pub(crate) fn new(client_id: Arc<str>) -> Self {
        Self { client_id, notices: Mutex::default(), unreachable: Unreachable::default() }
    }

    /// Keeps something that an operator should know, once.
    pub(crate) fn notice(&self, words: String) {
        let mut notices = self.notices.lock();
        if notices.len() < MOST && !notices.contains(&words) {
            tracing::notice(&self.client_id, &words);
            notices.push(words);
        }
    }

    /// As [`notice`](Self::notice), of something that comes and goes: it is kept once, and told each time that it begins.
    #[cfg(feature = "tokio")]
    pub(crate) fn begins(&self, words: String) {
        let mut notices = self.notices.lock();
        tracing::notice(&self.client_id, &words);
        if notices.len() < MOST && !notices.contains(&words) {
            notices.push(words);
        }
    }

    /// What began is over.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_over(&self, words: &str) {
        tracing::over(&self.client_id, words);
    }

    /// The producer's name.
    #[cfg(feature = "sasl-oidc")]
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().clone()
    }
}
