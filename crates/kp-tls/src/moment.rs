//! Moments of a calendar for messages, in UTC. Asks no clock.

use rustls::pki_types::UnixTime;

/// Such as `2026-11-30 12:00:05 UTC`.
pub(crate) fn shown(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let rest = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day since 1970. Counts in eras of 400 years that begin on 1 March, so that the day
/// which not every year has is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    const TO_1970: u64 = 719_468;
    let days = days.saturating_add(TO_1970);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_are_shown_as_a_calendar_has_them() {
        let at = |seconds| shown(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_827_696), "2000-02-29 12:34:56 UTC");
        assert_eq!(at(1_796_005_561), "2026-11-30 02:26:01 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn no_moment_is_too_late_to_be_shown() {
        assert!(shown(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX))).ends_with("UTC"));
    }
}
