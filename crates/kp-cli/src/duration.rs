//! A length of time, as it is typed.
//! Pure.

use std::time::Duration;

/// `500ms`, `30s`, `5m`, `1h`; without a unit, seconds.
///
/// # Errors
/// What it should look like.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "a duration is a number and ms, s, m or h, as in 30s";
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| HELP.to_owned())?;
    let unit = match text[digits..].trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(HELP.to_owned()),
    };
    match Duration::try_from_secs_f64(number * unit) {
        Ok(duration) if duration >= Duration::from_millis(1) => Ok(duration),
        Ok(_) => Err("it is shorter than a millisecond".to_owned()),
        Err(_) => Err("it is longer than this program can count".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let all = ["500ms", "30s", "30", "1.5m", "1h"].map(|text| duration(text).unwrap().as_millis());
        assert_eq!(all, [500, 30_000, 30_000, 90_000, 3_600_000]);
        for bad in ["", "s", "-1s", "30 days", "0", "0.0001s", "1e9h", "99999999999999999999h", "1.2.3s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
