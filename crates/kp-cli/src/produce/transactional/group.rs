//! The lines of one transaction, kept until its end is known.
//! Owns: the lines, and where their records are as far as the newest attempt has learnt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kp_producer::RecordMetadata;

use super::read_ahead::ReadLine;
use crate::produce::{
    outcome_line::{Fate, Place},
    outcomes::{Outcomes, Sent},
};

/// One line.
pub(crate) struct Kept {
    pub(crate) place: Place,
    pub(crate) bytes: Box<[u8]>,
    /// Once it was counted.
    sent: Option<Sent>,
    /// No record that a broker would take: it is told, and in no transaction.
    pub(crate) is_unfit: bool,
}

/// Where each record of an attempt is: partition and offset.
#[derive(Default)]
pub(crate) struct Places(Mutex<Vec<Option<At>>>);

/// Partition, and offset if it is known.
pub(crate) type At = (i32, Option<i64>);

impl Places {
    fn of(lines: usize) -> Self {
        Self(Mutex::new(vec![None; lines]))
    }

    /// The callback of a record.
    pub(crate) fn note(&self, line: usize, metadata: &RecordMetadata) {
        if let Some(place) = self.lock().get_mut(line) {
            *place = Some((metadata.partition().0, metadata.offset()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<At>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines of a transaction, in order.
#[derive(Default)]
pub(crate) struct Group {
    lines: Vec<Kept>,
    bytes: usize,
}

impl Group {
    /// Takes a line; one that is too long is counted as failed at once.
    pub(crate) fn push(&mut self, line: ReadLine, outcomes: &Outcomes, limit: usize) {
        match line.content {
            Ok(bytes) => {
                self.bytes += bytes.len() + size_of::<Kept>();
                self.lines.push(Kept { place: line.place, bytes, sent: None, is_unfit: false });
            }
            Err(bytes) => {
                let what = format!("{bytes} bytes, more than a record may have (max.request.size = {limit})");
                outcomes.unfit(outcomes.begin_now(line.place, 0), what);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn first(&self) -> Option<Place> {
        self.lines.first().map(|line| line.place)
    }

    pub(crate) fn line(&self, number: usize) -> &Kept {
        &self.lines[number]
    }

    /// For a new attempt.
    pub(crate) fn places(&self) -> Arc<Places> {
        Arc::new(Places::of(self.lines.len()))
    }

    /// Counts a line as sent, the first time.
    pub(crate) fn count(&mut self, number: usize, bytes: usize, outcomes: &Outcomes) -> Sent {
        let Kept { place, sent, .. } = &mut self.lines[number];
        *sent.get_or_insert_with(|| outcomes.begin_now(*place, bytes))
    }

    /// A line that is no record is in no transaction, and the others go on without it.
    pub(crate) fn leave_out(&mut self, number: usize, what: String, outcomes: &Outcomes) {
        let sent = self.count(number, 0, outcomes);
        self.lines[number].is_unfit = true;
        outcomes.unfit(sent, what);
    }

    /// The end of all lines. `places` are of the newest attempt, if it came to one.
    pub(crate) fn settle(
        self,
        transaction: Option<&Arc<str>>,
        fate: Fate,
        places: &Places,
        outcomes: &Outcomes,
    ) {
        let places = std::mem::take(&mut *places.lock());
        for (number, line) in self.lines.into_iter().enumerate() {
            if line.is_unfit {
                continue;
            }
            let sent = line.sent.unwrap_or_else(|| outcomes.begin_now(line.place, 0));
            outcomes.ended(sent, transaction, fate, places.get(number).copied().flatten());
        }
    }
}
