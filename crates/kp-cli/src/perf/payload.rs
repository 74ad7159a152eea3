//! Keys and values of the records that are sent.
//! Owns: the sizes and what they are filled with. The numbers are random and the same in every run: two runs send the
//! same bytes. Pure but for reading the payload file.

use std::{fmt, fmt::Write as _, fs, path::Path, str::FromStr, sync::Arc};

/// A payload may be so large: its size travels with each record, in 24 bits.
pub(crate) const LARGEST_PAYLOAD: u64 = (1 << 24) - 1;

/// Made-up values are cut out of so many letters, at random places.
const LETTERS: usize = 1 << 20;
/// A payload file is kept in memory.
const LARGEST_FILE: u64 = 1 << 30;

/// Numbers that look random (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `bound`, each as likely as the others (to a share of `bound` / 2⁶⁴).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// How large values are: ranges in bytes, both ends included, each with its weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes {
    ranges: Vec<Range>,
    weights: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    from: u64,
    to: u64,
    weight: u64,
}

impl Sizes {
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let mut ticket = if self.ranges.len() > 1 { random.below(self.weights) } else { 0 };
        for range in &self.ranges {
            if ticket < range.weight {
                let size = range.from + random.below(range.to - range.from + 1);
                return usize::try_from(size).expect("a payload has at most 24 bits");
            }
            ticket -= range.weight;
        }
        unreachable!("a ticket is below the sum of the weights")
    }

    /// Bytes.
    pub(crate) fn largest(&self) -> u64 {
        self.ranges.iter().map(|range| range.to).max().unwrap_or(0)
    }
}

/// `100`, `100..1000`, `100:70,1000:30`.
impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let alone = !text.contains(',');
        let ranges = text.split(',').map(|part| range(part.trim(), alone)).collect::<Result<Vec<_>, _>>()?;
        let weights = ranges.iter().map(|range| range.weight).sum();
        if weights == 0 {
            return Err("no weight is above 0".to_owned());
        }
        Ok(Self { ranges, weights })
    }
}

fn range(part: &str, alone: bool) -> Result<Range, String> {
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<u64>().map_err(|_| format!("{text:?} is not a number of bytes, as in 100 or 100..1000"))
    };
    let (sizes, weight) = match part.split_once(':') {
        Some((sizes, weight)) => {
            let weight: u32 = weight
                .trim()
                .parse()
                .map_err(|_| format!("{weight:?} is not a weight; it is a whole number, as in 100:70"))?;
            (sizes, u64::from(weight))
        }
        None if alone => (part, 1),
        None => return Err(format!("{part:?} has no weight, as in 100:70,1000:30")),
    };
    let (from, to) = match sizes.split_once("..") {
        Some((from, to)) => (number(from)?, number(to.strip_prefix('=').unwrap_or(to))?),
        None => (number(sizes)?, number(sizes)?),
    };
    if from > to {
        return Err(format!("{sizes}: the first size is above the second"));
    }
    if to > LARGEST_PAYLOAD {
        return Err(format!("{to} bytes; at most {LARGEST_PAYLOAD} can be measured"));
    }
    Ok(Range { from, to, weight })
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Range { from, to, weight }) in self.ranges.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{from}")?;
            if from != to {
                write!(f, "–{to}")?;
            }
            f.write_str(" bytes")?;
            if self.ranges.len() > 1 {
                write!(f, " ({:.1} %)", *weight as f64 * 100.0 / self.weights as f64)?;
            }
        }
        Ok(())
    }
}

/// What values are taken from; shared by all senders.
#[derive(Debug)]
pub(crate) enum Values {
    /// Random letters of these sizes.
    MadeUp { sizes: Sizes, letters: Vec<u8> },
    /// The lines of a file: its bytes, and where each line ends.
    Lines { name: String, bytes: Vec<u8>, ends: Vec<usize> },
}

impl Values {
    pub(crate) fn made_up(sizes: Sizes) -> Self {
        let mut random = Random::new(0);
        let length = LETTERS + usize::try_from(sizes.largest()).expect("24 bits");
        // All that can be seen, from ! to ~.
        let letters = (0..length).map(|_| b'!' + random.below(94) as u8).collect();
        Self::MadeUp { sizes, letters }
    }

    /// # Errors
    /// The file cannot be read, is too large, or has no line.
    pub(crate) fn from_file(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let read = || {
            let length = fs::metadata(path)?.len();
            if length > LARGEST_FILE {
                let what = format!("{length} bytes; a payload file may have {LARGEST_FILE}");
                return Err(std::io::Error::other(what));
            }
            fs::read(path)
        };
        let bytes = read().map_err(|error| format!("{name}: {error}"))?;
        Self::lines(name, bytes)
    }

    fn lines(name: String, mut bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &bytes).collect();
        if ends.is_empty() {
            return Err(format!("{name}: it has no line"));
        }
        let values = Self::Lines { name, bytes, ends };
        if values.largest() > LARGEST_PAYLOAD {
            return Err(format!(
                "a line has {} bytes; at most {LARGEST_PAYLOAD} can be measured",
                values.largest()
            ));
        }
        Ok(values)
    }

    /// Bytes of the largest value.
    pub(crate) fn largest(&self) -> u64 {
        match self {
            Self::MadeUp { sizes, .. } => sizes.largest(),
            Self::Lines { ends, .. } => {
                let first = ends.first().map_or(0, |end| *end);
                let others = ends.windows(2).map(|pair| pair[1] - pair[0] - 1);
                others.fold(first, usize::max) as u64
            }
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MadeUp { sizes, .. } => write!(f, "random letters, {sizes}"),
            Self::Lines { name, ends, .. } => write!(f, "the {} lines of {name}", ends.len()),
        }
    }
}

/// One record's content after the other, for one sender.
#[derive(Debug)]
pub(crate) struct Payload {
    values: Arc<Values>,
    keys: Option<u64>,
    random: Random,
    key: String,
    /// The next line of a file.
    line: usize,
    /// Lines are dealt out to so many senders.
    senders: usize,
}

impl Payload {
    /// Of the sender at this place.
    pub(crate) fn new(values: Arc<Values>, keys: Option<u64>, place: usize, senders: usize) -> Self {
        // Any number will do that differs from those of the letters and of the other senders.
        let random = Random::new(1 + place as u64);
        Self { values, keys, random, key: String::new(), line: place, senders }
    }

    /// The next key and value.
    pub(crate) fn next(&mut self) -> (Option<&str>, &[u8]) {
        let key = self.keys.map(|keys| {
            self.key.clear();
            // Writing to a String cannot fail.
            let _ = write!(self.key, "key-{:0width$}", self.random.below(keys), width = digits(keys - 1));
            self.key.as_str()
        });
        let value = match &*self.values {
            Values::MadeUp { sizes, letters } => {
                let size = sizes.draw(&mut self.random);
                let from = self.random.below((letters.len() - size + 1) as u64) as usize;
                &letters[from..from + size]
            }
            Values::Lines { bytes, ends, .. } => {
                let line = self.line % ends.len();
                self.line = (line + self.senders) % ends.len();
                let from = if line == 0 { 0 } else { ends[line - 1] + 1 };
                &bytes[from..ends[line]]
            }
        };
        (key, value)
    }
}

/// Bytes of each key if there are so many of them.
pub(crate) fn key_length(keys: u64) -> u64 {
    ("key-".len() + digits(keys - 1)) as u64
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Sizes {
        text.parse().unwrap()
    }

    #[test]
    fn one_size_is_that_size_and_a_range_reaches_both_ends() {
        let mut random = Random::new(7);
        assert!((0..100).all(|_| sizes("100").draw(&mut random) == 100));
        let drawn: Vec<usize> = (0..1000).map(|_| sizes("3..6").draw(&mut random)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&6)));
        assert_eq!(sizes("100..1000").largest(), 1000);
        assert_eq!(sizes("3..=6"), sizes("3..6"));
    }

    #[test]
    fn weights_are_kept() {
        let mut random = Random::new(7);
        let sizes = sizes("100:70, 1000:30, 5000:0");
        let drawn: Vec<usize> = (0..100_000).map(|_| sizes.draw(&mut random)).collect();
        let small = drawn.iter().filter(|size| **size == 100).count();
        // Six standard deviations of a binomial distribution are 870.
        assert!((69_130..70_870).contains(&small), "{small}");
        assert!(drawn.iter().all(|size| *size != 5000));
        assert_eq!(sizes.to_string(), "100 bytes (70.0 %), 1000 bytes (30.0 %), 5000 bytes (0.0 %)");
    }

    #[test]
    fn a_wrong_size_says_what_is_wrong() {
        for (text, what) in [
            ("", "not a number"),
            ("ten", "not a number"),
            ("-1", "not a number"),
            ("10..", "not a number"),
            ("9..3", "above the second"),
            ("16777216", "at most 16777215"),
            ("1:1,2", "no weight"),
            ("1:1,2:x", "not a weight"),
            ("1:0,2:0", "no weight is above 0"),
        ] {
            let error = text.parse::<Sizes>().unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn made_up_values_have_the_sizes_asked_for_and_are_the_same_in_every_run() {
        let run = || {
            let mut payload = Payload::new(Arc::new(Values::made_up(sizes("10..20"))), Some(100), 0, 1);
            let mut owned = || {
                let (key, value) = payload.next();
                (key.unwrap().to_owned(), value.to_vec())
            };
            (0..1000).map(|_| owned()).collect::<Vec<_>>()
        };
        let records = run();
        assert_eq!(records, run());
        assert!(records.iter().all(|(key, value)| key.len() == 6 && (10..=20).contains(&value.len())));
        let mut keys: Vec<&String> = records.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(
            keys.len(),
            100,
            "1000 records miss none of 100 keys but with a chance of 0.4 %; the seed is fixed"
        );
        assert_eq!((key_length(100), key_length(101), key_length(1)), (6, 7, 5));
    }

    #[test]
    fn lines_are_dealt_out_in_turn() {
        let values = Arc::new(Values::lines("f".to_owned(), b"a\n\nccc\nd".to_vec()).unwrap());
        assert_eq!(values.largest(), 3);
        let mut alone = Payload::new(Arc::clone(&values), None, 0, 1);
        let lines: Vec<Vec<u8>> = (0..6).map(|_| alone.next().1.to_vec()).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"ccc", b"d", b"a", b""]);
        let mut second = Payload::new(values, None, 1, 2);
        let lines: Vec<Vec<u8>> = (0..3).map(|_| second.next().1.to_vec()).collect();
        assert_eq!(lines, [&b""[..], b"d", b""]);
        assert!(Values::lines("f".to_owned(), Vec::new()).unwrap_err().contains("no line"));
        assert!(Values::from_file(Path::new("no/such/file")).unwrap_err().starts_with("no/such/file: "));
    }
}
