//! A key that later logins sign with, too.
//! Owns: for how long. Never: a clock; the moment is an argument.

use std::time::{Duration, SystemTime};

use kp_sasl::AwsCredentials;

/// A session with a broker ends with the key at the latest; one that is made with the last minutes of a key is over at once.
const LEAST_LEFT: Duration = Duration::from_secs(15 * 60);

/// The newest key of a source, for as long as it makes sessions that last: until half of what was left of it when it came is over, and
/// never in its last 15 minutes. A key without an end is not kept, since its source may change it at any time.
#[derive(Debug, Default)]
pub struct KeptKey(Option<(AwsCredentials, SystemTime)>);

impl KeptKey {
    /// The key, if it is still worth signing with.
    #[must_use]
    pub fn good_at(&self, now: SystemTime) -> Option<&AwsCredentials> {
        self.0.as_ref().filter(|(_, until)| now < *until).map(|(key, _)| key)
    }

    /// Keeps a key that came at the moment `now`, if it is worth that.
    pub fn keep(&mut self, key: &AwsCredentials, now: SystemTime) {
        let until = key.end().and_then(|end| {
            let half = now.checked_add(end.duration_since(now).ok()? / 2)?;
            Some(half.min(end.checked_sub(LEAST_LEFT)?))
        });
        self.0 = until.filter(|until| now < *until).map(|until| (key.clone(), until));
    }

    /// Forgets it: the next login asks anew.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn kept(minutes: u64) -> KeptKey {
        let mut kept = KeptKey::default();
        kept.keep(&AwsCredentials::new("AKID", "secret").expires_at(at(minutes)), at(0));
        kept
    }

    fn at(minutes: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(60 * minutes)
    }

    // U10
    #[test]
    fn a_key_is_kept_for_half_of_its_time_and_not_in_its_last_minutes() {
        let of_an_hour = kept(60);
        assert!(of_an_hour.good_at(at(29)).is_some() && of_an_hour.good_at(at(30)).is_none());
        let of_twenty_minutes = kept(20);
        assert!(of_twenty_minutes.good_at(at(4)).is_some() && of_twenty_minutes.good_at(at(5)).is_none());
        assert!(kept(15).good_at(at(0)).is_none(), "what is left makes no session that lasts");
        assert!(kept(0).good_at(at(0)).is_none(), "it is over");
    }

    #[test]
    fn a_key_without_an_end_is_asked_for_each_time_and_one_that_never_ends_breaks_nothing() {
        let mut kept = kept(60);
        kept.keep(&AwsCredentials::new("AKID", "secret"), at(0));
        assert!(kept.good_at(at(0)).is_none());
        let far = UNIX_EPOCH + Duration::from_secs(i64::MAX as u64 / 2);
        kept.keep(&AwsCredentials::new("AKID", "secret").expires_at(far), at(0));
        assert!(kept.good_at(at(1_000_000)).is_some());
        kept.forget();
        assert!(kept.good_at(at(0)).is_none());
    }
}
