//! "Did you mean …?": the known key nearest to a mistyped one.
//! Pure; used only in messages, so a wrong guess does no harm.

use crate::table::KEYS;

/// How many keys are named at most.
const SUGGESTED: usize = 5;

/// The known keys that `given` may have meant, the likeliest first, five at most: those spelt almost alike, then those
/// that have it in them. For a reader who asked for a key that does not exist.
#[must_use]
pub fn nearest_keys(given: &str) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = nearest_key(given).into_iter().collect();
    let part = normal(given);
    // Fewer letters are in almost everything.
    if part.len() >= 3 {
        let mut holding: Vec<&'static str> = KEYS
            .iter()
            .map(|info| info.key)
            .filter(|key| key.contains(&part) && !found.contains(key))
            .collect();
        holding.sort_by_key(|key| key.len());
        found.extend(holding);
    }
    found.truncate(SUGGESTED);
    found
}

/// The known key nearest to `given`, if it is near enough to be what was meant.
pub(crate) fn nearest_key(given: &str) -> Option<&'static str> {
    let given = normal(given);
    // A third of the letters wrong is another word.
    let tolerance = (given.chars().count() / 3).clamp(1, 6);
    KEYS.iter()
        .map(|info| (distance(&given, info.key), info.key))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// As keys are written.
fn normal(given: &str) -> String {
    given.trim().to_ascii_lowercase().replace(['_', '-'], ".")
}

/// Edits that turn `a` into `b`: a letter more, less or changed, or two neighbours swapped.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, other) in b.iter().enumerate() {
            let changed = last[j] + usize::from(letter != other);
            row[j + 1] = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_finds_the_one_that_was_meant() {
        assert_eq!(nearest_key("linger.msec"), Some("linger.ms"));
        assert_eq!(nearest_key("lingre.ms"), Some("linger.ms"));
        assert_eq!(nearest_key("batchsize"), Some("batch.size"));
        assert_eq!(nearest_key("BATCH_SIZE"), Some("batch.size"));
        assert_eq!(nearest_key("bootstrap.server"), Some("bootstrap.servers"));
        assert_eq!(nearest_key("compresion.type"), Some("compression.type"));
    }

    #[test]
    fn a_key_of_something_else_finds_nothing() {
        assert_eq!(nearest_key("auto.offset.reset"), None);
        assert_eq!(nearest_key("x"), None);
        assert_eq!(nearest_key(""), None);
    }

    #[test]
    fn a_part_of_a_key_finds_the_keys_that_have_it() {
        assert_eq!(nearest_keys("linger"), ["linger.ms"]);
        assert_eq!(nearest_keys("lingre.ms"), ["linger.ms"]);
        assert_eq!(nearest_keys("max.idle"), ["metadata.max.idle.ms", "connections.max.idle.ms"]);
        assert_eq!(nearest_keys("ssl.").len(), SUGGESTED);
        assert!(nearest_keys("ms").is_empty() && nearest_keys("auto.offset.reset").is_empty());
    }

    #[test]
    fn a_swap_counts_once() {
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
