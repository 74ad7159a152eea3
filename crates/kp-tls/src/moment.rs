//! Moments of a calendar for messages, in UTC. Asks no clock.

use crate::der::Element;
use rustls::pki_types::UnixTime;

/// Such as `2026-11-30 12:00:05 UTC`.
pub(crate) fn shown(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let rest = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Seconds since 1970 of a moment in a certificate, UTCTime or GeneralizedTime; before 1970: 0.
pub(crate) fn of_der(time: Element<'_>) -> Option<u64> {
    let text = std::str::from_utf8(time.content).ok().filter(|text| text.is_ascii())?.strip_suffix('Z')?;
    let (year, rest) = match time.tag {
        // Two digits, of which 50 to 99 are of the last century (RFC 5280).
        0x17 if text.len() == 12 => {
            let year = number(&text[..2])?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        0x18 if text.len() == 14 => (number(&text[..4])?, &text[4..]),
        _ => return None,
    };
    let part = |at: usize| number(&rest[at..at + 2]);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((days(year, month, day) * 86_400).saturating_add(hour * 3600 + minute * 60 + second))
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The day since 1970 of a date; the other way round of [`date`].
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(TO_1970)
}

/// Days from the beginning of the eras to 1970.
const TO_1970: u64 = 719_468;

/// Year, month and day of a day since 1970. Counts in eras of 400 years that begin on 1 March, so that the day
/// which not every year has is the last one.
fn date(days: u64) -> (u64, u64, u64) {
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
    fn moments_of_certificates_are_read_and_nonsense_is_none() {
        let at = |tag, text: &str| of_der(Element { tag, content: text.as_bytes() });
        assert_eq!(at(0x17, "261130022601Z"), Some(1_796_005_561));
        assert_eq!(at(0x18, "21000301000000Z"), Some(4_107_542_400));
        assert_eq!(at(0x17, "000229123456Z"), Some(951_827_696));
        assert_eq!(at(0x17, "500101000000Z"), Some(0));
        assert_eq!(at(0x18, "99991231235959Z"), Some(253_402_300_799));
        for (tag, text) in [
            (0x17, "261330022601Z"),
            (0x17, "26113002260Z"),
            (0x17, "2\u{e9}1130022601Z"),
            (0x17, "+61130022601Z"),
            (0x18, "20261130022601"),
            (0x18, "2026113002260 Z"),
            (0x19, "20261130022601Z"),
        ] {
            assert_eq!(at(tag, text), None, "{text}");
        }
    }

    #[test]
    fn every_day_is_shown_as_it_was_read() {
        for day in (0..200_000).step_by(13) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn no_moment_is_too_late_to_be_shown() {
        assert!(shown(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX))).ends_with("UTC"));
    }
}
