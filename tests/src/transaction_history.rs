//! What is left of a run with transactions, as plain values: what the application asked and was told, what is in the
//! logs and in the groups, what was seen on the wire. It judges nothing: the laws do (`transaction_laws`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::laws::{Place, Sent, Told};

/// A producer id and its epoch.
pub type Pair = (i64, i16);

/// How the application ended a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// Not at all: its process was killed, or it still had it open when everything ended.
    #[default]
    Nothing,
    /// `commit()`, awaited or not.
    Commit,
    /// `abort()`, or the guard was dropped.
    Abort,
}

/// What the application was told about the end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Readers see all of it.
    Committed,
    /// It is not committed, and never will be.
    Aborted,
    /// It is not known yet.
    Unresolved,
    /// It will never be known.
    Unknown,
    /// It is not committed, and the producer is finished.
    Fatal,
}

impl Answer {
    /// Whether another answer may follow.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Unresolved
    }
}

/// An offset that was sent to a group inside a transaction. No two transactions of a run send the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentOffset {
    /// The group.
    pub group: String,
    /// The partition that the offset is of.
    pub place: Place,
    /// The offset.
    pub offset: i64,
    /// Whether `send_offsets` answered that the group has taken it. Otherwise nobody knows.
    pub taken: bool,
    /// Whether the group had shut out the member that it was sent for, or begun another generation, before it was sent.
    pub outdated: bool,
}

/// One transaction as the application knows it.
#[derive(Clone, Debug, Default)]
pub struct Transacted {
    /// The producer that began it, by its place in [`TransactionHistory::instances`].
    pub instance: usize,
    /// Its records, in the order in which they were accepted.
    pub records: Vec<u64>,
    /// Offsets that were sent in it.
    pub offsets: Vec<SentOffset>,
    /// How it was ended.
    pub asked: Asked,
    /// Every answer, in order.
    pub told: Vec<Answer>,
    /// EndTxn requests that were written for it, in order.
    pub ends: Vec<EndFrame>,
}

impl Transacted {
    /// The last thing that was told, if it is final.
    #[must_use]
    pub fn outcome(&self) -> Option<Answer> {
        self.told.last().copied().filter(|answer| answer.is_final())
    }
}

/// One EndTxn request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndFrame {
    /// When it was written, from the start of the run.
    pub written: Duration,
    /// Of which producer.
    pub pair: Pair,
    /// The decision.
    pub commit: bool,
    /// The error code of its answer; none if none came.
    pub answer: Option<i16>,
}

/// Answers to EndTxn that leave open whether it was carried out: UNKNOWN_SERVER_ERROR, COORDINATOR_NOT_AVAILABLE,
/// NOT_COORDINATOR (TC4).
const PROVES_NOTHING: [i16; 3] = [-1, 15, 16];

impl EndFrame {
    /// Whether it may have been carried out without the client being told.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.answer.is_none_or(|code| PROVES_NOTHING.contains(&code))
    }
}

/// One producer of the application.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// Its `transactional.id`.
    pub transactional_id: String,
    /// When an InitProducerId of another instance with the same id was answered with success, from the start of the run.
    pub fenced: Option<Duration>,
    /// Everything of it was dropped at once, as if its process had been killed.
    pub killed: bool,
    /// It was closed, or dropped, by the application, with time to end what was open.
    pub closed: bool,
}

/// What one offset of a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A record of a transaction.
    Record {
        /// Who wrote it.
        pair: Pair,
        /// Its number.
        id: u64,
    },
    /// The end of a transaction.
    Marker {
        /// Whose transaction it ends, and the epoch that it sets.
        pair: Pair,
        /// Whether it commits.
        commit: bool,
    },
}

/// How far readers may read in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Last stable offset: how far `read_committed` reads.
    pub stable: i64,
    /// High watermark.
    pub high: i64,
}

/// A request that was delivered behind its connection's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateFrame {
    /// Its API.
    pub api: String,
    /// The transaction that it was written for, by its place in [`TransactionHistory::transactions`].
    pub of: usize,
    /// The newest transaction of the same producer whose first frame was written before it was delivered.
    pub into: usize,
    /// What it changed in the cluster, if anything.
    pub changed: Option<String>,
}

/// A transactional run.
#[derive(Clone, Debug, Default)]
pub struct TransactionHistory {
    /// The producers.
    pub instances: Vec<Instance>,
    /// Every transaction, in the order of `begin`.
    pub transactions: Vec<Transacted>,
    /// Every record the application tried to send, by its number.
    pub sent: BTreeMap<u64, Sent>,
    /// The logs, with markers, at the end of time: every timeout has passed and every late frame has come.
    pub logs: BTreeMap<Place, Vec<(i64, Entry)>>,
    /// Every offset that a group had committed, in the order in which it became visible.
    pub group_offsets: Vec<(String, Place, i64)>,
    /// How far readers may read, when the last transaction had been ended for longer than markers take; only where a
    /// producer that lives had time for it.
    pub reach_after_close: Option<BTreeMap<Place, Reach>>,
    /// The same at the end of time.
    pub reach: BTreeMap<Place, Reach>,
    /// Frames that came late.
    pub late: Vec<LateFrame>,
    /// Bytes of `buffer.memory`, and of those the free ones at the end; of each instance that was closed.
    pub memory: Vec<(usize, usize)>,
    /// How long it took after the last fault, and the longest it may.
    pub end: (Duration, Duration),
    /// What was seen on the wire that must not be.
    pub seen_on_wire: Vec<(&'static str, String)>,
}

/// What a `read_committed` reader sees of one log, by offset: records of transactions whose marker commits, as far as
/// no transaction is open.
#[must_use]
pub fn visible_in(log: &[(i64, Entry)]) -> Vec<(i64, u64)> {
    let mut open: BTreeMap<i64, Vec<(i64, u64)>> = BTreeMap::new();
    let mut seen = Vec::new();
    for (offset, entry) in log {
        match entry {
            Entry::Record { pair, id } => open.entry(pair.0).or_default().push((*offset, *id)),
            Entry::Marker { pair, commit } => {
                let records = open.remove(&pair.0).unwrap_or_default();
                if *commit {
                    seen.extend(records);
                }
            }
        }
    }
    let stable = open.values().filter_map(|records| records.first()).map(|(offset, _)| *offset).min();
    seen.retain(|(offset, _)| stable.is_none_or(|stable| *offset < stable));
    seen.sort_unstable();
    seen
}

impl TransactionHistory {
    /// What `read_committed` readers see of each partition, by offset.
    #[must_use]
    pub fn visible(&self) -> BTreeMap<&Place, Vec<(i64, u64)>> {
        self.logs.iter().map(|(place, log)| (place, visible_in(log))).collect()
    }

    /// How often each record is visible; those that are not have no entry.
    #[must_use]
    pub fn times_visible(&self) -> BTreeMap<u64, usize> {
        let mut times = BTreeMap::new();
        for (_, id) in self.visible().into_values().flatten() {
            *times.entry(id).or_default() += 1;
        }
        times
    }

    /// The numbers of the records in any log, whatever became of their transactions.
    #[must_use]
    pub fn in_any_log(&self) -> BTreeSet<u64> {
        let entries = self.logs.values().flatten();
        let id = |(_, entry): &(i64, Entry)| match entry {
            Entry::Record { id, .. } => Some(*id),
            Entry::Marker { .. } => None,
        };
        entries.filter_map(id).collect()
    }

    /// The history without these partitions, and without the records that they hold, held (`lost`) or were told to hold: nothing is
    /// promised of what an unclean election takes, a marker among it. All that was not there is left, and has to hold.
    #[must_use]
    pub fn without(mut self, places: &BTreeSet<Place>, lost: &BTreeSet<u64>) -> Self {
        let mut gone = lost.clone();
        for (_, entry) in
            self.logs.iter().filter(|(place, _)| places.contains(*place)).flat_map(|(_, log)| log)
        {
            if let Entry::Record { id, .. } = entry {
                gone.insert(*id);
            }
        }
        let is_there = |told: &Told| matches!(told, Told::Written { place, .. } if places.contains(place));
        let told_there = self.sent.iter().filter(|(_, sent)| sent.told.iter().any(is_there));
        gone.extend(told_there.map(|(id, _)| *id));
        self.logs.retain(|place, _| !places.contains(place));
        self.reach.retain(|place, _| !places.contains(place));
        if let Some(reach) = &mut self.reach_after_close {
            reach.retain(|place, _| !places.contains(place));
        }
        self.transactions.iter_mut().for_each(|one| one.records.retain(|id| !gone.contains(id)));
        self.sent.retain(|id, _| !gone.contains(id));
        self
    }

    /// Whether a group ever had this offset committed.
    #[must_use]
    pub fn is_in_group(&self, sent: &SentOffset) -> bool {
        let is_it = |(group, place, offset): &(String, Place, i64)| {
            *group == sent.group && *place == sent.place && *offset == sent.offset
        };
        self.group_offsets.iter().any(is_it)
    }

    /// Which transaction each record was accepted in.
    #[must_use]
    pub fn transaction_of(&self) -> BTreeMap<u64, usize> {
        let all = self.transactions.iter().enumerate();
        all.flat_map(|(number, one)| one.records.iter().map(move |id| (*id, number))).collect()
    }
}
