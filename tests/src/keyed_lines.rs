//! Lines `key TAB value` of mixed sizes, and the check that a reading holds the same lines in the same order per key.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Write};

/// How many lines of which size; see [`Mix::write`].
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Lines of 0 to 2,000 bytes.
    pub small: usize,
    /// Lines of 2,000 to 64,000 bytes.
    pub middle: usize,
    /// Lines of 900,000 bytes.
    pub large: usize,
}

impl Mix {
    /// About 380 MB: 195,000 small, 4,990 middle, 10 large.
    pub const FULL: Self = Self { small: 195_000, middle: 4_990, large: 10 };
    /// A tenth of it.
    pub const TENTH: Self = Self { small: 19_500, middle: 499, large: 1 };
    /// For a codec of its own: a few megabytes.
    pub const HUNDREDTH: Self = Self { small: 1_950, middle: 50, large: 1 };

    /// How many lines there are.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.small + self.middle + self.large
    }

    /// Writes the lines, shuffled by a fixed seed. Values are arbitrary bytes but for line ends and tabs (they need
    /// not be UTF-8), half of them compressible.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let mut random = Random(0x5EED);
        let (mut small, mut middle, mut large) = (self.small, self.middle, self.large);
        for number in 0..self.lines() {
            let pick = random.below((small + middle + large) as u64) as usize;
            let size = if pick < small {
                small -= 1;
                random.below(2_001)
            } else if pick < small + middle {
                middle -= 1;
                2_000 + random.below(62_001)
            } else {
                large -= 1;
                900_000
            };
            write!(out, "key-{}\t", random.below(1_000))?;
            let mut value = format!("{number}:").into_bytes();
            let text = random.below(2) == 0;
            while value.len() < size as usize {
                let bits = random.next();
                if text {
                    value.extend_from_slice(format!("field{}=", bits % 7).as_bytes());
                    value.push(b'a' + (bits >> 60) as u8);
                } else {
                    value.extend(
                        bits.to_le_bytes().into_iter().map(|byte| if byte < 14 { byte + 32 } else { byte }),
                    );
                }
            }
            value.truncate((size as usize).max(format!("{number}:").len()));
            out.write_all(&value)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// The lines of each key in order, each as a hash: what must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByKey(BTreeMap<Vec<u8>, Vec<u64>>);

impl ByKey {
    /// Reads lines `key TAB value`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut by_key = BTreeMap::<Vec<u8>, Vec<u64>>::new();
        for line in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n') {
            let key = line.split(|byte| *byte == b'\t').next().unwrap_or_default();
            let mut hasher = DefaultHasher::new();
            line.hash(&mut hasher);
            by_key.entry(key.to_vec()).or_default().push(hasher.finish());
        }
        Self(by_key)
    }

    /// How many lines there are.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Takes out each line that stands right behind its equal, and says how many those were.
    pub fn remove_adjacent_duplicates(&mut self) -> usize {
        let before = self.lines();
        self.0.values_mut().for_each(Vec::dedup);
        before - self.lines()
    }

    /// Takes out every line that stands in the same key further up already, and says how many those were.
    pub fn remove_duplicates(&mut self) -> usize {
        let before = self.lines();
        for lines in self.0.values_mut() {
            let mut seen = std::collections::HashSet::new();
            lines.retain(|line| seen.insert(*line));
        }
        before - self.lines()
    }

    /// The first key whose lines differ, with how many lines either side has for it.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let keys = self.0.keys().chain(other.0.keys());
        keys.into_iter().find(|key| self.0.get(*key) != other.0.get(*key)).map(|key| {
            let count = |by_key: &Self| by_key.0.get(key).map_or(0, Vec::len);
            let (mine, theirs) = (count(self), count(other));
            format!("{}: {mine} lines against {theirs}, or in another order", String::from_utf8_lossy(key))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comparison_sees_a_lost_a_changed_and_a_swapped_line() {
        let whole = ByKey::of(b"a\t1\nb\t2\na\t3\n");
        assert_eq!(
            whole.first_difference(&ByKey::of(b"b\t2\na\t1\na\t3\n")),
            None,
            "order over keys is free"
        );
        assert!(whole.first_difference(&ByKey::of(b"a\t1\nb\t2\n")).is_some());
        assert!(whole.first_difference(&ByKey::of(b"a\t1\nb\t9\na\t3\n")).is_some());
        assert!(whole.first_difference(&ByKey::of(b"a\t3\nb\t2\na\t1\n")).is_some());
    }

    #[test]
    fn the_mix_holds_the_lines_it_names_and_bytes_that_are_not_utf8() {
        let mut bytes = Vec::new();
        Mix::HUNDREDTH.write(&mut bytes).expect("a vector takes all");
        assert_eq!(ByKey::of(&bytes).lines(), Mix::HUNDREDTH.lines());
        assert!(std::str::from_utf8(&bytes).is_err());
    }
}
