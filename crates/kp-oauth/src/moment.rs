//! A moment as people read it.

/// Milliseconds since the epoch as `2026-11-30T13:35:15Z`. Moments before 1970 are 1970.
pub(crate) fn shown(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Days since the epoch as a date of the Gregorian calendar. Years are counted from March, so that the day that some have and
/// others have not is the last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_959_315_999, "2026-11-29T13:35:15Z"),
            (-5, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(shown(ms), text);
        }
        assert!(shown(i64::MAX).ends_with('Z'));
    }
}
