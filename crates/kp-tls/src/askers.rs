//! Which hosts asked for a certificate of this client: on a connection that takes up an earlier one they do not ask again, and
//! know the client all the same. Owned by [`TlsSelector`](crate::TlsSelector).

use std::collections::BTreeSet;

/// As many as `rustls` keeps connections to take up again.
const MOST: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Askers(BTreeSet<Box<str>>);

impl Askers {
    /// A handshake with `host` was made in full.
    pub(crate) fn note(&mut self, host: &str, was_asked: bool) {
        if !was_asked {
            self.0.remove(host);
        } else if self.0.len() < MOST {
            self.0.insert(host.into());
        }
    }

    /// Whether `host` asked in the last handshake that was made in full.
    pub(crate) fn have(&self, host: &str) -> bool {
        self.0.contains(host)
    }
}
