//! Holds the output against the input: each record once, transformed, and those of each partition of the input in its order.
//! Never: I/O.

use std::fmt;

use crate::record;

/// What is wrong is shown by so many examples.
const EXAMPLES: usize = 5;

/// What was found so far.
#[derive(Debug)]
pub struct Judge {
    /// Whether record number n was seen.
    seen: Vec<bool>,
    /// The offset that is read next, for each partition of the input.
    next: Vec<i64>,
    partitions_of_output: i32,
    faults: Faults,
    examples: Vec<String>,
}

/// How often each law was broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Records of the input of which the output has nothing.
    pub missing: u64,
    pub twice: u64,
    /// In front of one that was read earlier, or in another partition than its key belongs to.
    pub disordered: u64,
    /// No output of any record of the input.
    pub foreign: u64,
}

impl Judge {
    /// `records` of them, in so many partitions of the input. The output's number of partitions divides that: all of one partition
    /// of the input is in one of the output, so that order means something.
    pub fn new(records: u64, partitions_of_input: i32, partitions_of_output: i32) -> Self {
        let length = usize::try_from(records).expect("they fit into memory");
        Self {
            seen: vec![false; length],
            next: vec![0; partitions_of_input as usize],
            partitions_of_output,
            faults: Faults::default(),
            examples: Vec::new(),
        }
    }

    /// The next committed record of a partition of the output.
    pub fn see(&mut self, partition: i32, key: &[u8], value: &[u8]) {
        let Some(written) = record::parse(key, value) else {
            self.faults.foreign += 1;
            return self.note(|| format!("foreign: {}", String::from_utf8_lossy(value)));
        };
        let (number, from, offset) = (written.number, written.partition, written.offset);
        let seen = usize::try_from(number).ok().and_then(|index| self.seen.get_mut(index));
        let next = usize::try_from(from).ok().and_then(|index| self.next.get_mut(index));
        let (Some(seen), Some(next)) = (seen, next) else {
            self.faults.foreign += 1;
            return self.note(|| format!("foreign: record {number} of partition {from}"));
        };
        if std::mem::replace(seen, true) {
            self.faults.twice += 1;
            return self.note(|| format!("twice: record {number}, offset {offset} of partition {from}"));
        }
        let expected = std::mem::replace(next, (*next).max(offset + 1));
        if offset != expected || from % self.partitions_of_output != partition {
            self.faults.disordered += 1;
            self.note(|| format!("order: offset {offset} of partition {from} instead of {expected}"));
        }
    }

    /// The verdict, when all has been seen.
    pub fn end(mut self) -> Verdict {
        let missing: Vec<usize> = (0..self.seen.len()).filter(|&number| !self.seen[number]).collect();
        self.faults.missing = missing.len() as u64;
        for number in missing {
            self.note(|| format!("missing: record {number}"));
        }
        let records = self.seen.len() as u64 - self.faults.missing;
        Verdict { records, faults: self.faults, examples: self.examples }
    }

    fn note(&mut self, words: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(words());
        }
    }
}

/// What the output is worth.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Different records of the input that are in the output.
    pub records: u64,
    pub faults: Faults,
    /// The first few.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Whether every record of the input is in the output exactly once and in order.
    pub fn is_good(&self) -> bool {
        self.faults == Faults::default()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults { missing, twice, disordered, foreign } = self.faults;
        write!(
            f,
            "{} records in the output; {missing} missing, {twice} twice, {disordered} out of order, {foreign} foreign",
            self.records
        )?;
        self.examples.iter().try_for_each(|example| write!(f, "\n    {example}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{input, key, transformed};

    /// Four records of partition 1 of 2, into the one partition of the output.
    fn judged(order: &[u64]) -> Faults {
        let mut judge = Judge::new(4, 2, 1);
        for &number in order {
            see(&mut judge, number, number as i64);
        }
        judge.end().faults
    }

    fn see(judge: &mut Judge, number: u64, offset: i64) {
        judge.see(0, key(number).as_bytes(), transformed(1, offset, &input(number)).as_bytes());
    }

    // L1, L5
    #[test]
    fn each_record_once_and_in_order_is_good() {
        assert_eq!(judged(&[0, 1, 2, 3]), Faults::default());
    }

    #[test]
    fn a_record_that_is_not_there_or_twice_is_told() {
        assert_eq!(judged(&[0, 1, 2]), Faults { missing: 1, ..Faults::default() });
        assert_eq!(judged(&[0, 1, 1, 2, 3]), Faults { twice: 1, ..Faults::default() });
        assert_eq!(judged(&[]), Faults { missing: 4, ..Faults::default() });
    }

    #[test]
    fn records_that_changed_places_are_told() {
        assert!(judged(&[0, 2, 1, 3]).disordered > 0);
        let mut judge = Judge::new(1, 2, 2);
        see(&mut judge, 0, 0);
        assert_eq!(judge.end().faults, Faults { disordered: 1, ..Faults::default() }, "another partition");
    }

    #[test]
    fn what_no_worker_can_have_written_is_foreign() {
        let mut judge = Judge::new(1, 2, 1);
        judge.see(0, b"", b"anything");
        see(&mut judge, 17, 0);
        see(&mut judge, 0, 0);
        let verdict = judge.end();
        assert_eq!(verdict.faults, Faults { foreign: 2, ..Faults::default() });
        assert!(!verdict.is_good() && verdict.to_string().contains("foreign: anything"), "{verdict}");
    }
}
