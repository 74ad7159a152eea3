//! What an operator should know of the cluster: notices, each once, and the brokers that cannot be reached.
//! Written by the network thread and by code that watches over the user's; read by any thread. Lock: the list's, short, and never
//! held while the program hears of a notice: it may read the list, or wait.

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
        if self.keep(&words) {
            tracing::notice(&self.client_id, &words);
        }
    }

    /// As [`notice`](Self::notice), of something that comes and goes: it is kept once, and told each time that it begins.
    #[cfg(feature = "tokio")]
    pub(crate) fn begins(&self, words: String) {
        self.keep(&words);
        tracing::notice(&self.client_id, &words);
    }

    /// Whether it is new, and there is room for it.
    fn keep(&self, words: &str) -> bool {
        let mut notices = self.notices.lock();
        let is_new = notices.len() < MOST && !notices.iter().any(|known| known == words);
        if is_new {
            notices.push(words.to_owned());
        }
        is_new
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

#[cfg(all(test, feature = "tokio", feature = "tracing"))]
mod tests {
    use super::*;
    use crate::facade_tests::traced::Noted;

    // U12
    #[test]
    fn a_subscriber_that_reads_the_notices_when_it_hears_of_one_waits_for_no_lock() {
        let (notes, free) = (Arc::new(Notes::new(Arc::from("c"))), Arc::new(Mutex::new(Vec::new())));
        let (of_subscriber, is_free) = (Arc::clone(&notes), Arc::clone(&free));
        let noted = Noted::and(move || is_free.lock().push(of_subscriber.notices.try_lock().is_some()));
        ::tracing::subscriber::with_default(noted, || {
            notes.notice("the brokers are of 0.9".to_owned());
            notes.notice("the brokers are of 0.9".to_owned());
            notes.begins("the issuer is out of order".to_owned());
            notes.is_over("there is a token again");
        });
        assert_eq!(*free.lock(), [true; 3]);
        assert_eq!(notes.notices(), ["the brokers are of 0.9", "the issuer is out of order"]);
    }
}
