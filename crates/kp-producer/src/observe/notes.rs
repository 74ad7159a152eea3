//! What an operator should know of the cluster: notices, each once, and the brokers that cannot be reached.
//! Written by the network thread and by code that watches over the user's; read by any thread. Lock: the list's, short, and never
//! held while the program hears of a notice: it may read the list, or wait.

use crate::observe::tracing;
use crate::observe::unreachable::Unreachable;
use parking_lot::Mutex;
use std::sync::Arc;

/// The most notices that are kept, besides one for each thing that comes and goes; a network that has more to say says nothing new.
const MOST: usize = 16;

pub(crate) struct Notes {
    client_id: Arc<str>,
    notices: Mutex<Vec<Notice>>,
    pub(crate) unreachable: Unreachable,
}

struct Notice {
    /// Has this place, and no other: its words may differ each time, and would fill the list.
    source: Option<&'static str>,
    words: String,
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

    /// Whether it is new, and there is room for it.
    fn keep(&self, words: &str) -> bool {
        let mut notices = self.notices.lock();
        let is_known = notices.iter().any(|known| &*known.words == words);
        let is_new = !is_known && notices.iter().filter(|known| known.source.is_none()).count() < MOST;
        if is_new {
            notices.push(Notice { source: None, words: words.to_owned() });
        }
        is_new
    }

    /// Keeps what `source` says of something that comes and goes in the place of what it said before, and tells it each time that it
    /// begins.
    #[cfg(feature = "tokio")]
    pub(crate) fn begins(&self, source: &'static str, words: String) {
        self.replace(source, &words);
        tracing::notice(&self.client_id, &words);
    }

    /// As [`begins`](Self::begins), of something that says so again and again: it is told if it is in other words than before.
    #[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
    pub(crate) fn still(&self, source: &'static str, words: String) {
        if self.replace(source, &words) {
            tracing::notice(&self.client_id, &words);
        }
    }

    /// Whether it is in other words than before.
    #[cfg(feature = "tokio")]
    fn replace(&self, source: &'static str, words: &str) -> bool {
        let mut notices = self.notices.lock();
        match notices.iter_mut().find(|known| known.source == Some(source)) {
            Some(known) if known.words == words => false,
            Some(known) => {
                words.clone_into(&mut known.words);
                true
            }
            None => {
                notices.push(Notice { source: Some(source), words: words.to_owned() });
                true
            }
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
        self.notices.lock().iter().map(|notice| notice.words.clone()).collect()
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use super::*;

    // U12
    #[cfg(feature = "tracing")]
    #[test]
    fn a_subscriber_that_reads_the_notices_when_it_hears_of_one_waits_for_no_lock() {
        use crate::facade_tests::traced::Noted;
        let (notes, free) = (Arc::new(Notes::new(Arc::from("c"))), Arc::new(Mutex::new(Vec::new())));
        let (of_subscriber, is_free) = (Arc::clone(&notes), Arc::clone(&free));
        let noted = Noted::and(move || is_free.lock().push(of_subscriber.notices.try_lock().is_some()));
        ::tracing::subscriber::with_default(noted, || {
            notes.notice("the brokers are of 0.9".to_owned());
            notes.notice("the brokers are of 0.9".to_owned());
            notes.begins("tokens", "the issuer is out of order".to_owned());
            notes.is_over("there is a token again");
        });
        assert_eq!(*free.lock(), [true; 3]);
        assert_eq!(notes.notices(), ["the brokers are of 0.9", "the issuer is out of order"]);
    }

    // U12
    #[test]
    fn outages_that_differ_each_time_leave_room_for_other_notices() {
        let notes = Notes::new(Arc::from("c"));
        for request in 0..100 {
            notes.begins("tokens", format!("the issuer is out of order, request {request}"));
            notes.is_over("there is a token again");
        }
        notes.notice("the brokers are of 0.9".to_owned());
        assert_eq!(notes.notices(), ["the issuer is out of order, request 99", "the brokers are of 0.9"]);
        for place in 0..100 {
            notes.notice(format!("other {place}"));
        }
        notes.begins("certificates", "the vault is sealed".to_owned());
        let notices = notes.notices();
        assert_eq!(notices.len(), MOST + 2, "so many, and one for each thing that comes and goes");
        assert_eq!(notices.last().map(String::as_str), Some("the vault is sealed"));
    }
}
