//! The reason why an input was not read to its end, and which refusals are one.
//! Pure.

use kp_producer::{SendError, SendErrorKind};

/// Why the input was not read to its end.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) reason: String,
    /// The failure of the line it stopped at says the same.
    pub(crate) is_counted: bool,
}

impl Stopped {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_counted: false }
    }
}

/// Whether the next record would fail the same way, perhaps after another `max.block.ms`: then the input stays
/// unread from here on, and nothing of it is lost.
pub(crate) fn ends_the_input(error: &SendError) -> bool {
    !matches!(error.kind(), SendErrorKind::RecordTooLarge { .. } | SendErrorKind::InvalidRecord(_))
}
