//! Keys of earlier exchanges.
//! Owns: how many are kept, so that a broker with a new salt each time fills no memory. Never: a lock; its owner has
//! one if it needs one.

use super::keys::{KeyRequest, ScramKeys};

/// Keys that are kept: a producer has one user, a cluster a salt for it; another while a password is being changed.
const KEPT: usize = 8;

/// The newest keys of earlier exchanges, at most eight. Cheap to clone: clones share the keys.
///
/// Keys are found again by mechanism, user, password, salt and iterations. The password is one of them because the
/// salt stays the same when a user corrects a wrong password.
#[derive(Clone, Debug, Default)]
pub struct ScramKeyCache(Vec<ScramKeys>);

impl ScramKeyCache {
    /// Keeps `keys`, and forgets the oldest if there are too many.
    pub fn keep(&mut self, keys: ScramKeys) {
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push(keys);
    }

    /// How many keys are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none are kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, wanted: &KeyRequest) -> Option<ScramKeys> {
        self.0.iter().rev().find(|keys| keys.answer(wanted)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::ScramHash;
    use super::*;
    use crate::Secret;

    fn wanted(password: &str, salt: &[u8]) -> KeyRequest {
        KeyRequest::new(ScramHash::Sha256, "alice", Secret::from(password), salt.to_vec(), 1)
    }

    #[test]
    fn keys_of_another_password_are_not_found_although_the_salt_is_the_same() {
        let mut cache = ScramKeyCache::default();
        cache.keep(wanted("wrong", b"salt").derive());
        assert!(cache.find(&wanted("right", b"salt")).is_none());
        assert!(cache.find(&wanted("wrong", b"salt")).is_some());
        assert!(cache.find(&wanted("wrong", b"other")).is_none());
    }

    #[test]
    fn a_broker_with_a_new_salt_each_time_fills_no_memory() {
        let mut cache = ScramKeyCache::default();
        for salt in 0..100u8 {
            cache.keep(wanted("pw", &[salt]).derive());
        }
        assert_eq!(cache.len(), KEPT);
        assert!(cache.find(&wanted("pw", &[99])).is_some(), "the newest is kept");
        assert!(cache.find(&wanted("pw", &[0])).is_none(), "the oldest is not");
    }
}
