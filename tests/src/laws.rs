//! What must hold after any run, whatever went wrong on the way: the laws. Each is a function of what the application
//! saw and what is in the log. Used by the simulation and by the tests that kill real brokers; knows neither.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Topic and partition.
pub type Place = (String, i32);

/// What the application was told about one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is written; the offset may not be known.
    Written {
        /// Where.
        place: Place,
        /// At which offset.
        offset: Option<i64>,
    },
    /// It failed, and certainly is not written.
    NotWritten(String),
    /// It failed, and may be written.
    Unknown(String),
}

/// One record as the application knows it.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// The place in the order in which records were accepted; `None` if it was not.
    pub accepted: Option<u64>,
    /// Each completion; there must be one.
    pub told: Vec<Told>,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Every record the application tried to send, by its number.
    pub sent: BTreeMap<u64, Sent>,
    /// What is in the logs: the numbers of the records by offset.
    pub log: BTreeMap<Place, Vec<(i64, u64)>>,
    /// Records that were in a log and went with a leader or a topic: the cluster lost them, not the producer.
    pub lost_by_cluster: BTreeSet<u64>,
    /// Topics that were deleted and created again where requests say a topic by its name (before Produce 13): a batch
    /// that was for the old one and comes late is appended to the new one, in front of those that wait for its retry.
    pub remade_by_name: BTreeSet<String>,
    /// What the configuration promises.
    pub promises: Promises,
    /// Bytes of `buffer.memory`, and of those the free ones at the end.
    pub memory: (usize, usize),
    /// How long it took after the last fault, and the longest it may.
    pub end: (Duration, Duration),
    /// What was seen on the wire that must not be.
    pub seen_on_wire: Vec<(&'static str, String)>,
}

/// What a configuration promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// A record is written once at most.
    pub no_duplicates: bool,
    /// Records are written in the order in which they were accepted.
    pub ordered: bool,
    /// What was acknowledged survives its leader (`acks=all`).
    pub survives_leader: bool,
}

/// A law, and what it is called.
pub struct Law {
    /// As in `plants`' tables.
    pub name: &'static str,
    /// Answers the first thing that breaks it.
    pub check: fn(&History) -> Result<(), String>,
}

/// All of them.
pub const LAWS: &[Law] = &[
    Law { name: "nothing acked is lost", check: nothing_acked_is_lost },
    Law { name: "nothing twice", check: nothing_twice },
    Law { name: "order per partition", check: order_per_partition },
    Law { name: "each completes exactly once", check: each_completes_once },
    Law { name: "certainty is never claimed falsely", check: certainty_is_true },
    Law { name: "nothing is written that was not accepted", check: nothing_unaccepted },
    Law { name: "memory returns", check: memory_returns },
    Law { name: "everything ends in bounded time", check: ends_in_bounded_time },
    Law { name: "what goes over the wire is lawful", check: wire_is_lawful },
];

/// A broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub law: &'static str,
    /// What broke it.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.how)
    }
}

/// Checks all laws.
#[must_use]
pub fn broken_laws(history: &History) -> Vec<Broken> {
    let check = |law: &Law| (law.check)(history).err().map(|how| Broken { law: law.name, how });
    LAWS.iter().filter_map(check).collect()
}

fn nothing_acked_is_lost(history: &History) -> Result<(), String> {
    let everywhere: BTreeSet<u64> = history.log.values().flatten().map(|(_, id)| *id).collect();
    for (id, sent) in &history.sent {
        let Some(Told::Written { place, offset }) = sent.told.first() else { continue };
        if history.lost_by_cluster.contains(id) {
            continue;
        }
        let there = match offset {
            Some(offset) => history.log.get(place).is_some_and(|log| log.contains(&(*offset, *id))),
            None => everywhere.contains(id),
        };
        if !there {
            let found = found_at(history, *id);
            return Err(format!("record {id} was acknowledged at {place:?} {offset:?}, and is at {found:?}"));
        }
    }
    Ok(())
}

fn nothing_twice(history: &History) -> Result<(), String> {
    if !history.promises.no_duplicates {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    for (_, id) in history.log.values().flatten() {
        if !seen.insert(*id) {
            return Err(format!("record {id} is at {:?}", found_at(history, *id)));
        }
    }
    Ok(())
}

fn order_per_partition(history: &History) -> Result<(), String> {
    if !history.promises.ordered {
        return Ok(());
    }
    let still_the_same = |place: &Place| !history.remade_by_name.contains(&place.0);
    for (place, log) in history.log.iter().filter(|(place, _)| still_the_same(place)) {
        let mut newest: Option<(u64, u64)> = None;
        let mut seen = BTreeSet::new();
        for (offset, id) in log {
            // A duplicate is another law's.
            if !seen.insert(*id) {
                continue;
            }
            let Some(accepted) = history.sent.get(id).and_then(|sent| sent.accepted) else { continue };
            if let Some((before, earlier)) = newest.filter(|(newest, _)| *newest > accepted) {
                return Err(format!(
                    "{place:?}: record {id} (accepted as number {accepted}) stands at {offset} behind record {earlier} \
                     (number {before})"
                ));
            }
            newest = Some((accepted, *id));
        }
    }
    Ok(())
}

fn each_completes_once(history: &History) -> Result<(), String> {
    for (id, sent) in &history.sent {
        let wanted = usize::from(sent.accepted.is_some());
        if sent.told.len() != wanted {
            return Err(format!("record {id}: accepted {:?}, told {:?}", sent.accepted, sent.told));
        }
    }
    Ok(())
}

fn certainty_is_true(history: &History) -> Result<(), String> {
    let denied =
        history.sent.iter().filter(|(_, sent)| matches!(sent.told.first(), Some(Told::NotWritten(_))));
    let denied: BTreeMap<u64, &Sent> = denied.map(|(id, sent)| (*id, sent)).collect();
    for (_, id) in history.log.values().flatten() {
        if let Some(sent) = denied.get(id) {
            return Err(format!(
                "record {id} is at {:?}, and was told {:?}",
                found_at(history, *id),
                sent.told
            ));
        }
    }
    Ok(())
}

fn nothing_unaccepted(history: &History) -> Result<(), String> {
    for (_, id) in history.log.values().flatten() {
        if history.sent.get(id).is_none_or(|sent| sent.accepted.is_none()) {
            return Err(format!("record {id} is at {:?}, and was never accepted", found_at(history, *id)));
        }
    }
    Ok(())
}

fn memory_returns(history: &History) -> Result<(), String> {
    let (total, free) = history.memory;
    if total == free { Ok(()) } else { Err(format!("{free} of {total} bytes are free at the end")) }
}

fn ends_in_bounded_time(history: &History) -> Result<(), String> {
    let (took, bound) = history.end;
    if took <= bound {
        Ok(())
    } else {
        Err(format!("took {took:?} after the last fault, may take {bound:?}"))
    }
}

fn wire_is_lawful(history: &History) -> Result<(), String> {
    match history.seen_on_wire.first() {
        None => Ok(()),
        Some((rule, how)) => Err(format!("{rule}: {how}")),
    }
}

fn found_at(history: &History, id: u64) -> Vec<(&Place, i64)> {
    let in_log = history.log.iter().flat_map(|(place, log)| log.iter().map(move |entry| (place, entry)));
    in_log.filter(|(_, (_, found))| *found == id).map(|(place, (offset, _))| (place, *offset)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        ("t".to_owned(), 0)
    }

    /// Two records, accepted and written in order.
    fn good() -> History {
        let written = |number: u64| Sent {
            accepted: Some(number),
            told: vec![Told::Written { place: place(), offset: Some(number as i64) }],
        };
        History {
            sent: BTreeMap::from([(10, written(0)), (11, written(1))]),
            log: BTreeMap::from([(place(), vec![(0, 10), (1, 11)])]),
            promises: Promises { no_duplicates: true, ordered: true, survives_leader: true },
            ..History::default()
        }
    }

    fn broken(history: &History) -> Vec<&'static str> {
        broken_laws(history).into_iter().map(|broken| broken.law).collect()
    }

    fn told(history: &mut History, id: u64, told: Vec<Told>) {
        history.sent.get_mut(&id).unwrap().told = told;
    }

    #[test]
    fn a_good_history_breaks_no_law() {
        assert_eq!(broken_laws(&good()), []);
    }

    #[test]
    fn each_law_notices_what_it_is_for() {
        let mut lost = good();
        lost.log.get_mut(&place()).unwrap().pop();
        assert_eq!(broken(&lost), ["nothing acked is lost"]);
        lost.lost_by_cluster.insert(11);
        assert_eq!(broken(&lost), [""; 0], "the cluster lost it");

        let mut elsewhere = good();
        told(&mut elsewhere, 11, vec![Told::Written { place: place(), offset: Some(7) }]);
        assert_eq!(broken(&elsewhere), ["nothing acked is lost"]);

        let mut twice = good();
        twice.log.get_mut(&place()).unwrap().push((2, 10));
        assert_eq!(broken(&twice), ["nothing twice"]);

        let mut reordered = good();
        reordered.sent.get_mut(&10).unwrap().accepted = Some(5);
        assert_eq!(broken(&reordered), ["order per partition"]);
        reordered.remade_by_name.insert(place().0);
        assert_eq!(broken(&reordered), [""; 0], "the topics cannot be told apart");

        let mut silent = good();
        told(&mut silent, 10, vec![]);
        assert_eq!(broken(&silent), ["each completes exactly once"]);

        let mut false_claim = good();
        told(&mut false_claim, 10, vec![Told::NotWritten("expired".into())]);
        assert_eq!(broken(&false_claim), ["certainty is never claimed falsely"]);
        told(&mut false_claim, 10, vec![Told::Unknown("expired".into())]);
        assert_eq!(broken(&false_claim), [""; 0]);

        let mut ghost = good();
        ghost.log.get_mut(&place()).unwrap().push((2, 99));
        assert_eq!(broken(&ghost), ["nothing is written that was not accepted"]);

        let mut leak = good();
        leak.memory = (100, 99);
        assert_eq!(broken(&leak), ["memory returns"]);

        let mut slow = good();
        slow.end = (Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(broken(&slow), ["everything ends in bounded time"]);

        let mut wild = good();
        wild.seen_on_wire.push(("at most 5 in flight", "6".into()));
        assert_eq!(broken(&wild), ["what goes over the wire is lawful"]);
    }
}
