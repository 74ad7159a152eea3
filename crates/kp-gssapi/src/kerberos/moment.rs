//! Moments as Kerberos writes them: whole seconds in UTC, and microseconds beside them.

/// Days between 0000-03-01, where the calendar below begins, and the Unix epoch.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
const DAY: i64 = 86_400;
const DAYS_OF_400_YEARS: i64 = 146_097;

/// A moment of this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Seconds since the Unix epoch.
    pub(crate) seconds: i64,
    /// Below a million.
    pub(crate) micros: u32,
}

impl Moment {
    /// `milliseconds` since the epoch and some microseconds, of which those below a thousand count.
    pub(crate) fn of_millis(milliseconds: i64, micros: u32) -> Self {
        let below = milliseconds.rem_euclid(1000).unsigned_abs();
        let micros = u32::try_from(below).unwrap_or(0) * 1000 + micros % 1000;
        Self { seconds: milliseconds.div_euclid(1000), micros }
    }

    /// `20261130021843Z`.
    pub(crate) fn written(self) -> String {
        written(self.seconds)
    }
}

/// Seconds since the epoch as a GeneralizedTime. Outside of the years 0 to 9999 it is the nearest of them.
pub(crate) fn written(seconds: i64) -> String {
    let (year, month, day, second) = calendar(seconds);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The same for a message: `2026-11-30 02:18:43 UTC`.
pub(crate) fn readable(seconds: i64) -> String {
    let (year, month, day, second) = calendar(seconds);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

fn calendar(seconds: i64) -> (i64, i64, i64, i64) {
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let days = seconds.div_euclid(DAY) + DAYS_BEFORE_EPOCH;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day, seconds.rem_euclid(DAY))
}

/// Reads a GeneralizedTime as RFC 4120 (5.2.3) allows it: in UTC, without fractions.
pub(crate) fn read(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * DAYS_OF_400_YEARS + day_of_era - DAYS_BEFORE_EPOCH;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_moment_is_written_as_kerberos_writes_it() {
        assert_eq!(written(0), "19700101000000Z");
        assert_eq!(written(1_704_164_645), "20240102030405Z");
        assert_eq!(readable(951_827_696), "2000-02-29 12:34:56 UTC");
        assert_eq!(Moment::of_millis(1_234, 56_789), Moment { seconds: 1, micros: 234_789 });
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "Z",
            "2024010203040Z",
            "20240102030405",
            "20241302030405Z",
            "2024010203040٥Z",
            "-0240102030405Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_that_is_written_is_read_as_the_same(seconds in -62_167_219_200_i64..253_402_300_799) {
            prop_assert_eq!(read(&written(seconds)), Some(seconds));
        }
    }
}
