//! Is everything there, in order per key, byte for byte?
//! Pure: told which lines were sent, then record by record what was read.

use super::workload::{KEYS, fingerprint, key_index};

/// What was sent, and how much of it has been seen.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Fingerprints of the lines, by line number.
    sent: Vec<u64>,
    /// How many lines of each key have been seen.
    seen: Vec<usize>,
    verdict: Verdict,
}

/// What the reading came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Records read.
    pub(crate) read: u64,
    /// Lines found in their place.
    pub(crate) found: u64,
    /// Records that repeat the one of their key just before: a retry whose first attempt was written after all.
    pub(crate) duplicates: u64,
    /// Records that are not the next line of their key: other bytes, or out of order.
    pub(crate) wrong: u64,
    /// Lines not found.
    pub(crate) missing: u64,
    /// The first record that was wrong.
    pub(crate) first_wrong: Option<String>,
}

impl Verdict {
    /// Everything is there, in order, as it was sent. A duplicate takes nothing away.
    pub(crate) fn is_good(&self) -> bool {
        self.wrong == 0 && self.missing == 0
    }
}

impl Verifier {
    pub(crate) fn new() -> Self {
        Self { sent: Vec::new(), seen: vec![0; KEYS], verdict: Verdict::default() }
    }

    /// The next line, in order of sending.
    pub(crate) fn sent(&mut self, line: &[u8]) {
        self.sent.push(fingerprint(line));
    }

    pub(crate) fn sent_count(&self) -> u64 {
        self.sent.len() as u64
    }

    /// A record, in order within its partition.
    pub(crate) fn read(&mut self, partition: i32, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.verdict.read += 1;
        let index = key.and_then(key_index);
        let is = |line: Option<usize>| {
            let sent = line.and_then(|line| self.sent.get(line));
            value.is_some_and(|value| sent == Some(&fingerprint(value)))
        };
        if let Some(index) = index {
            let next = index + self.seen[index] * KEYS;
            if is(Some(next)) {
                self.seen[index] += 1;
                self.verdict.found += 1;
                return;
            }
            if is(next.checked_sub(KEYS)) {
                self.verdict.duplicates += 1;
                return;
            }
        }
        self.verdict.wrong += 1;
        self.verdict.first_wrong.get_or_insert_with(|| {
            let key = String::from_utf8_lossy(key.unwrap_or_default()).into_owned();
            format!("partition {partition}, offset {offset}, key {key:?}")
        });
    }

    pub(crate) fn verdict(self) -> Verdict {
        let missing = self.sent.len() as u64 - self.verdict.found;
        Verdict { missing, ..self.verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::workload::key, *};

    fn verdict(sent: u64, read: impl IntoIterator<Item = (u64, &'static str)>) -> Verdict {
        let mut verifier = Verifier::new();
        (0..sent).for_each(|line| verifier.sent(format!("line {line}").as_bytes()));
        let mut name = String::new();
        for (offset, (line, text)) in (0..).zip(read) {
            key(line, &mut name);
            let value = if text.is_empty() { format!("line {line}") } else { text.to_owned() };
            verifier.read(0, offset, Some(name.as_bytes()), Some(value.as_bytes()));
        }
        verifier.verdict()
    }

    #[test]
    fn all_lines_in_order_per_key_are_good() {
        // Keys may overtake each other: partitions are read one after the other.
        let lines = (0..2500).filter(|line| line % 2 == 1).chain((0..2500).filter(|line| line % 2 == 0));
        let verdict = verdict(2500, lines.map(|line| (line, "")));
        assert!(verdict.is_good());
        assert_eq!((verdict.found, verdict.missing, verdict.duplicates), (2500, 0, 0));
    }

    #[test]
    fn a_missing_line_a_swap_and_other_bytes_are_found() {
        let missing = verdict(3, [(0, ""), (2, "")]);
        assert!(!missing.is_good());
        assert_eq!((missing.missing, missing.wrong), (1, 0));
        let swapped = verdict(2000, [(1000, ""), (0, "")]);
        assert!(!swapped.is_good());
        assert!(swapped.first_wrong.unwrap().contains("customer-0000"));
        let changed = verdict(1, [(0, "other")]);
        assert_eq!((changed.wrong, changed.missing), (1, 1));
    }

    #[test]
    fn a_repeated_record_is_a_duplicate_and_no_loss() {
        let verdict = verdict(2000, [(0, ""), (0, ""), (1000, ""), (1000, "")]);
        assert_eq!((verdict.duplicates, verdict.found, verdict.wrong), (2, 2, 0));
    }
}
