//! Moments as AWS writes them in a signature: `20261130T021843Z`.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first moment of the year 10000, which has a digit too many.
const TOO_LATE: Duration = Duration::from_secs(253_402_300_800);

/// A moment of UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AmzDate(SystemTime);

impl AmzDate {
    /// `None`: a moment before 1970 or after 9999. A clock that says so is broken.
    pub(crate) fn of(moment: SystemTime) -> Option<Self> {
        let age = moment.duration_since(UNIX_EPOCH).ok().filter(|age| *age < TOO_LATE)?;
        Some(Self(UNIX_EPOCH + Duration::from_secs(age.as_secs())))
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let part = |range| text.get(range);
        if text.len() != "20261130T021843Z".len() {
            return None;
        }
        let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
        let (hour, minute, second) = (part(9..11)?, part(11..13)?, part(13..15)?);
        let rfc3339 = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
        let date = Self(humantime::parse_rfc3339(&rfc3339).ok()?);
        (date.to_string() == text).then_some(date)
    }

    pub(crate) fn moment(self) -> SystemTime {
        self.0
    }

    /// The day alone: `20261130`.
    pub(crate) fn day(self) -> String {
        let mut text = self.to_string();
        text.truncate("20261130".len());
        text
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rfc3339 = humantime::format_rfc3339_seconds(self.0).to_string();
        rfc3339
            .chars()
            .filter(|letter| !matches!(letter, '-' | ':'))
            .try_for_each(|letter| write!(f, "{letter}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_second_and_read_again() {
        let moment = UNIX_EPOCH + Duration::from_millis(1_796_005_123_999);
        let date = AmzDate::of(moment).expect("a moment of this century");
        assert_eq!(date.to_string(), "20261130T021843Z");
        assert_eq!(date.day(), "20261130");
        assert_eq!(AmzDate::read("20261130T021843Z"), Some(date));
    }

    #[test]
    fn a_moment_that_has_no_such_text_is_refused() {
        assert_eq!(AmzDate::of(UNIX_EPOCH - Duration::from_secs(1)), None);
        assert_eq!(AmzDate::of(UNIX_EPOCH + TOO_LATE), None);
        assert!(AmzDate::of(UNIX_EPOCH + TOO_LATE - Duration::from_nanos(1)).is_some());
        for text in [
            "",
            "20261130T021843",
            "20261330T021843Z",
            "20261130 021843Z",
            "2026113éT02184Z",
            "+0261130T021843Z",
        ] {
            assert_eq!(AmzDate::read(text), None, "{text}");
        }
    }
}
