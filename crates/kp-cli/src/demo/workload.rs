//! The lines of a demo: from a file, or made up; each with a key, and remembered by a hash.
//! Owns: what a line is and which key it gets. Pure but for reading the file.

use std::{
    fmt::Write as _,
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

use crate::produce::lines::{Line, LineReader};

/// Lines are dealt out to this many keys in turn; so each key has every thousandth line, in order.
pub(crate) const KEYS: usize = 1000;

/// A line of a file may have so many bytes; the default `max.request.size` takes no more.
const LONGEST_LINE: usize = 1 << 20;

/// Where the lines come from.
#[derive(Debug, Clone)]
pub(crate) enum Workload {
    File(PathBuf),
    MadeUp(u64),
}

impl Workload {
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("the lines of {}, dealt out to {KEYS} keys in turn", path.display()),
            Self::MadeUp(lines) => format!(
                "{} made-up lines: JSON orders of about 130 bytes, from {KEYS} customers in turn",
                crate::produce::summary::thousands(*lines)
            ),
        }
    }

    /// Whether it can be read, before anything is started for it.
    ///
    /// # Errors
    /// What the system says about the file.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::File(path) => {
                File::open(path).map(drop).map_err(|error| format!("{}: {error}", path.display()))
            }
            Self::MadeUp(_) => Ok(()),
        }
    }

    /// Hands each line with its number (from 0) to `each`, until that fails.
    ///
    /// # Errors
    /// The file, or what `each` says.
    pub(crate) fn for_each(
        &self,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        match self {
            Self::File(path) => for_each_line(path, &mut each).map_err(|error| match error {
                LineError::File(error) => format!("{}: {error}", path.display()),
                LineError::TooLong { line, bytes } => {
                    format!(
                        "{}: line {line}: {bytes} bytes; the demo takes up to {LONGEST_LINE}",
                        path.display()
                    )
                }
                LineError::Each(text) => text,
            }),
            Self::MadeUp(lines) => {
                let mut line = String::new();
                for number in 0..*lines {
                    line.clear();
                    make_up(number, &mut line);
                    each(number, line.as_bytes())?;
                }
                Ok(())
            }
        }
    }
}

enum LineError {
    File(io::Error),
    TooLong { line: u64, bytes: u64 },
    Each(String),
}

fn for_each_line(
    path: &Path,
    each: &mut impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<(), LineError> {
    let file = File::open(path).map_err(LineError::File)?;
    let mut lines = LineReader::new(file, LONGEST_LINE);
    let mut number = 0;
    loop {
        match lines.next_line().map_err(LineError::File)? {
            Some(Line::Bytes(line)) => each(number, line).map_err(LineError::Each)?,
            Some(Line::TooLong(bytes)) => return Err(LineError::TooLong { line: number + 1, bytes }),
            None => return Ok(()),
        }
        number += 1;
    }
}

/// An order that is the same in every run: the number decides everything.
fn make_up(number: u64, line: &mut String) {
    const ITEMS: [&str; 8] = ["tea", "coffee", "bread", "butter", "apples", "rice", "olive oil", "chocolate"];
    // Spreads neighbouring numbers (Knuth's multiplicative hashing).
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let item = ITEMS[(mixed % 8) as usize];
    let (quantity, cents) = (mixed >> 8 & 15, mixed >> 16 & 0xffff);
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        "{{\"order\":{number},\"customer\":\"customer-{:04}\",\"item\":\"{item}\",\"quantity\":{},\"cents\":{cents},\
         \"session\":\"{mixed:016x}\"}}",
        number % KEYS as u64,
        quantity + 1,
    );
}

/// The key of a line: `customer-0017`.
pub(crate) fn key(number: u64, buffer: &mut String) {
    buffer.clear();
    let _ = write!(buffer, "customer-{:04}", number % KEYS as u64);
}

/// The place of a key among the keys, if it is one.
pub(crate) fn key_index(key: &[u8]) -> Option<usize> {
    let digits = key.strip_prefix(b"customer-")?;
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|index| *index < KEYS)
}

/// What is remembered of a line's content.
pub(crate) fn fingerprint(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_lines_are_json_and_the_same_every_time() {
        let lines = || {
            let mut lines = Vec::new();
            Workload::MadeUp(2000)
                .for_each(|_, line| {
                    lines.push(line.to_vec());
                    Ok(())
                })
                .unwrap();
            lines
        };
        assert_eq!(lines(), lines());
        for (number, line) in lines().iter().enumerate() {
            let json: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(json["order"], number);
            assert!((100..160).contains(&line.len()), "{}", line.len());
        }
    }

    #[test]
    fn a_key_knows_its_place() {
        let mut text = String::new();
        key(12_345, &mut text);
        assert_eq!(key_index(text.as_bytes()), Some(345));
        assert_eq!(key_index(b"customer-1000"), None);
        assert_eq!(key_index(b"somebody"), None);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Workload::File("no/such/file".into()).for_each(|_, _| Ok(())).unwrap_err();
        assert!(error.starts_with("no/such/file: "), "{error}");
    }
}
