//! Which records of transactions a reader wants, as the command line and requests say it (KIP-98).

use clap::ValueEnum;

/// `isolation.level` of a consumer. Markers are shown to no reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Isolation {
    /// Committed ones, up to the first that is not decided
    #[default]
    #[value(name = "read_committed")]
    Committed,
    /// All, aborted and undecided ones too
    #[value(name = "read_uncommitted")]
    Uncommitted,
}

impl Isolation {
    /// As requests say it.
    pub(crate) fn level(self) -> i8 {
        i8::from(self == Self::Committed)
    }
}
