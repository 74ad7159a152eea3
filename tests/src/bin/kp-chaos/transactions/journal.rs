//! What a worker writes down of its transactions, a line at a time and each before or behind the call that it is about: a process
//! that is killed leaves everything that it knew. And back again.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kp_tests::laws::{Place, Sent, Told};
use kp_tests::transaction_history::{Answer, Asked, SentOffset, Transacted};

use super::{INPUT, TOPIC};
use crate::Failure;

/// Microseconds since 1970: what the clocks of all processes of one machine agree on.
pub(super) fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// The writing side.
#[derive(Debug)]
pub(super) struct Journal(File);

impl Journal {
    pub(super) fn at(path: &Path) -> std::io::Result<Self> {
        File::create(path).map(Self)
    }

    /// One write for one line: a line is there whole, or not at all.
    pub(super) fn note(&mut self, words: impl Display) -> std::io::Result<()> {
        self.0.write_all(format!("{} {words}\n", now_us()).as_bytes())
    }
}

/// A transaction, and its times.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    /// When `begin` had answered.
    pub(super) begun_us: u64,
    pub(super) what: Transacted,
}

/// One worker's life.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// When the coordinator had let it in.
    pub(super) ready_us: Option<u64>,
    pub(super) transactions: Vec<Noted>,
    pub(super) sent: BTreeMap<u64, Sent>,
    /// When the producer had said that it is finished, and why.
    pub(super) finished: Option<(u64, String)>,
    /// It was closed in order.
    pub(super) closed: bool,
    /// Why transactions were not committed, by the first words.
    pub(super) reasons: Vec<String>,
}

impl Life {
    /// Reads a journal; a last line that a kill has torn is left out.
    pub(super) fn read(path: &Path, group: &str) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut life = Self::default();
        for line in whole.lines() {
            life.take(line, group).ok_or_else(|| format!("{}: not a line: {line:?}", path.display()))?;
        }
        Ok(life)
    }

    fn take(&mut self, line: &str, group: &str) -> Option<()> {
        let mut words = line.split(' ');
        let at = words.next()?.parse().ok()?;
        let word = words.next()?;
        let mut number = || words.next()?.parse::<i64>().ok();
        match word {
            "ready" => self.ready_us = Some(at),
            "begin" => self.transactions.push(Noted { begun_us: at, ..Noted::default() }),
            "send" => self.sends(number()? as u64)?,
            "refused" => self.takes_back(number()? as u64)?,
            "record" => {
                let id = number()? as u64;
                self.sent.get_mut(&id)?.told.push(told(words.next()?)?);
            }
            "offset" => {
                let place: Place = (INPUT.to_owned(), number()? as i32);
                let offset = number()?;
                let sent =
                    SentOffset { group: group.to_owned(), place, offset, taken: false, outdated: false };
                self.last()?.offsets.push(sent);
            }
            "taken" => {
                let offset = number()?;
                self.last()?
                    .offsets
                    .iter_mut()
                    .filter(|sent| sent.offset == offset)
                    .for_each(|s| s.taken = true);
            }
            "asked" => {
                self.last()?.asked = if words.next()? == "commit" { Asked::Commit } else { Asked::Abort }
            }
            "told" => {
                let answer = answer(words.next()?)?;
                self.last()?.told.push(answer);
                self.reasons.extend(words.next().map(|first| first.to_owned()));
            }
            "finished" => self.finished = Some((at, words.collect::<Vec<_>>().join(" "))),
            "closed" => self.closed = true,
            _ => return None,
        }
        Some(())
    }

    fn last(&mut self) -> Option<&mut Transacted> {
        self.transactions.last_mut().map(|noted| &mut noted.what)
    }

    /// Taken for accepted until it is said to be refused: a kill may come between the call and the next line.
    fn sends(&mut self, id: u64) -> Option<()> {
        let accepted = Some(self.sent.len() as u64);
        self.sent.insert(id, Sent { accepted, told: Vec::new() });
        self.last()?.records.push(id);
        Some(())
    }

    fn takes_back(&mut self, id: u64) -> Option<()> {
        self.sent.get_mut(&id)?.accepted = None;
        self.last()?.records.retain(|record| *record != id);
        Some(())
    }
}

fn answer(word: &str) -> Option<Answer> {
    Some(match word {
        "committed" => Answer::Committed,
        "aborted" => Answer::Aborted,
        "unresolved" => Answer::Unresolved,
        "unknown" => Answer::Unknown,
        "fatal" => Answer::Fatal,
        _ => return None,
    })
}

fn told(word: &str) -> Option<Told> {
    Some(match word {
        "written" => Told::Written { place: (TOPIC.to_owned(), -1), offset: None },
        "not-written" => Told::NotWritten(String::new()),
        "unknown" => Told::Unknown(String::new()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_a_kill_has_torn_is_read_up_to_its_last_whole_line() {
        let path = std::env::temp_dir().join(format!("kp-chaos-journal-{}", std::process::id()));
        let text = "1 ready\n2 begin 1\n3 send 7 0\n4 send 8 0\n5 refused 8\n6 offset 2 40\n7 taken 40\n\
                    8 record 7 written\n9 asked commit\n10 told unres";
        std::fs::write(&path, text).unwrap();
        let life = Life::read(&path, "g").unwrap();
        std::fs::remove_file(&path).unwrap();
        let [noted] = &life.transactions[..] else { panic!("{life:?}") };
        assert_eq!((noted.begun_us, life.ready_us), (2, Some(1)));
        assert_eq!((noted.what.records.as_slice(), noted.what.asked), (&[7][..], Asked::Commit));
        assert!(noted.what.told.is_empty(), "the torn line says nothing");
        let place = (INPUT.to_owned(), 2);
        let offset = SentOffset { group: "g".to_owned(), place, offset: 40, taken: true, outdated: false };
        assert_eq!(noted.what.offsets, [offset]);
        assert_eq!(life.sent[&8].accepted, None);
        assert_eq!(life.sent[&7].told.len(), 1);
    }
}
