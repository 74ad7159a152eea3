//! The topics of interest, and what is still to be asked about each.
//! Owned by [`Metadata`](crate::Metadata) alone.

use kp_protocol::TopicName;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the next request should do about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Never asked about: a request may start at once (MD5).
    New,
    /// Asked about without a good answer: again, when the backoff allows (MD16).
    Again,
    /// In the request that is in flight.
    Asked,
    /// Answered; only a full update asks again.
    Settled,
}

#[derive(Debug)]
struct Interest {
    last_used: Instant,
    ask: Ask,
    was_answered: bool,
}

/// The set. Topics are kept in the order of their names, so that requests do not depend on hashing.
#[derive(Debug, Default)]
pub(crate) struct Interests {
    topics: BTreeMap<TopicName, Interest>,
    /// How many are `New`, and how many `Again`: asked at each turn, so counted instead of searched.
    new: usize,
    again: usize,
}

impl Interests {
    /// Enters `topic`, or renews it; `unusable` = the snapshot has no good answer for it.
    pub(crate) fn want(&mut self, now: Instant, topic: TopicName, unusable: bool) {
        match self.topics.get_mut(&topic) {
            Some(interest) => {
                interest.last_used = now;
                if unusable && interest.ask == Ask::Settled {
                    interest.ask = Ask::Again;
                    self.again += 1;
                }
            }
            None => {
                self.topics.insert(topic, Interest { last_used: now, ask: Ask::New, was_answered: false });
                self.new += 1;
            }
        }
    }

    pub(crate) fn touch(&mut self, now: Instant, topic: &TopicName) {
        if let Some(interest) = self.topics.get_mut(topic) {
            interest.last_used = now;
        }
    }

    pub(crate) fn contains(&self, topic: &TopicName) -> bool {
        self.topics.contains_key(topic)
    }

    /// The name as this set holds it, if it does.
    pub(crate) fn name(&self, topic: &TopicName) -> Option<&TopicName> {
        self.topics.get_key_value(topic).map(|(name, _)| name)
    }

    pub(crate) fn any_new(&self) -> bool {
        self.new > 0
    }

    /// Whether a request would ask about something without a full update being due.
    pub(crate) fn any_open(&self) -> bool {
        self.new + self.again > 0
    }

    pub(crate) fn all(&self) -> Vec<TopicName> {
        self.topics.keys().cloned().collect()
    }

    pub(crate) fn open(&self) -> Vec<TopicName> {
        let open = self.topics.iter().filter(|(_, interest)| matches!(interest.ask, Ask::New | Ask::Again));
        open.map(|(name, _)| name.clone()).collect()
    }

    /// MD6: a topic unused for `max_idle` goes, unless it still waits for its first answer.
    pub(crate) fn forget_idle(&mut self, now: Instant, max_idle: Duration) {
        self.topics.retain(|_, interest| {
            !interest.was_answered || now.saturating_duration_since(interest.last_used) < max_idle
        });
        let count = |ask| self.topics.values().filter(|interest| interest.ask == ask).count();
        (self.new, self.again) = (count(Ask::New), count(Ask::Again));
    }

    pub(crate) fn mark_asked(&mut self, topics: &[TopicName]) {
        for topic in topics {
            self.set(topic, Ask::Asked);
        }
    }

    /// The request about these got no answer for them.
    pub(crate) fn reopen(&mut self, topics: &[TopicName]) {
        for topic in topics {
            self.set(topic, Ask::Again);
        }
    }

    pub(crate) fn answered(&mut self, topic: &TopicName, asks_again: bool) {
        self.set(topic, if asks_again { Ask::Again } else { Ask::Settled });
        if let Some(interest) = self.topics.get_mut(topic) {
            interest.was_answered = true;
        }
    }

    fn set(&mut self, topic: &TopicName, ask: Ask) {
        let Some(interest) = self.topics.get_mut(topic) else { return };
        self.new -= usize::from(interest.ask == Ask::New);
        self.again -= usize::from(interest.ask == Ask::Again);
        interest.ask = ask;
        self.new += usize::from(ask == Ask::New);
        self.again += usize::from(ask == Ask::Again);
    }
}
