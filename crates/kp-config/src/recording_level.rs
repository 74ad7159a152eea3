//! `metrics.recording.level` as a type: configurations name it, tables of metrics are filtered by it.

/// How detailed the metrics are that are shown (`metrics.recording.level`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordingLevel {
    /// What Java's producer has, and what an operator needs.
    #[default]
    Info,
    /// Also what tells something of kp's own workings.
    Debug,
    /// As `Debug`: there is nothing finer yet.
    Trace,
}

impl RecordingLevel {
    /// As it stands in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Info, Self::Debug, Self::Trace].into_iter().find(|level| level.name() == name)
    }

    /// Whether a producer at this level shows a metric of `other`.
    #[must_use]
    pub fn shows(self, other: Self) -> bool {
        other <= self
    }
}
