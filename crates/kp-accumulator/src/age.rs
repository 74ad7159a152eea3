//! The moments that the expiry of a batch counts from. Told by the batch, weighed by the settings.

use std::time::Instant;

/// What a batch's expiry counts from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    /// When its first record was appended.
    pub(crate) created: Instant,
    /// When it was sent last.
    pub(crate) last_attempt: Option<Instant>,
    /// Since when it is known to take no more records.
    pub(crate) full_since: Option<Instant>,
}

impl Age {
    /// Of a batch that was made just now.
    pub(crate) fn new(created: Instant) -> Self {
        Self { created, last_attempt: None, full_since: None }
    }
}
