//! What one transactional producer may put on the wire, and when (L11, L12, TC2, TC3): told of each frame and each answer, in
//! order. Knows no log.

use std::collections::{BTreeMap, BTreeSet};

use kp_tests::transaction_history::Pair;

use crate::frames::{Answered, Batch, Frame, Where};
use crate::tongue::Tongue;

/// A request that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) frame: Frame,
    pub(crate) version: i16,
    /// Where its EndTxn is noted: the transaction, and the place among its ends.
    pub(crate) noted: Option<(usize, usize)>,
}

/// Codes by which a producer learns that its epoch is not the newest: INVALID_PRODUCER_EPOCH and PRODUCER_FENCED.
const OLD_EPOCH: [i16; 2] = [47, 90];

/// Answers to EndTxn after which it is asked again.
const ASKS_AGAIN: [i16; 5] = [-1, 14, 15, 16, 51];

/// What was seen of one producer.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Whether it speaks the protocol of KIP-890.
    second: bool,
    tongue: Tongue,
    pair: Option<Pair>,
    transaction: Option<usize>,
    in_flight: BTreeMap<u64, Flight>,
    added: BTreeSet<Where>,
    /// Something of the transaction may be open at its coordinator.
    opened: bool,
    /// It was asked to be opened.
    asked_to_open: bool,
    /// An answer said that the epoch is old, and none has proved a time-out since.
    told_fenced: bool,
    /// A frame of this transaction, under this pair, may still arrive and do harm.
    unclean: Option<(usize, Pair)>,
    /// Batches that were written and never acknowledged.
    doubtful: BTreeSet<Batch>,
    begun_batches: BTreeSet<(Where, Pair)>,
    broken: Vec<(&'static str, String)>,
}

impl Rules {
    pub(crate) fn new(second: bool) -> Self {
        Self { second, ..Self::default() }
    }

    pub(crate) fn broken(&self) -> &[(&'static str, String)] {
        &self.broken
    }

    /// From the next transaction on it may speak the second protocol (TX26).
    pub(crate) fn upgraded(&mut self) {
        self.tongue.upgraded();
    }

    pub(crate) fn pair(&self) -> Option<Pair> {
        self.pair
    }

    pub(crate) fn transaction(&self) -> Option<usize> {
        self.transaction
    }

    /// The next transaction has begun.
    pub(crate) fn begun(&mut self, transaction: usize) {
        if self.opened {
            let how = format!("transaction {transaction} begins and the one before may be open (TM-P24)");
            self.broken.push(("L12 each transaction is ended", how));
        }
        let doubted = self.doubtful.iter().find(|(_, pair, _)| Some(*pair) == self.pair);
        if let (false, Some((_, pair, _)), Some(before)) = (self.second, doubted, self.transaction) {
            self.unclean = Some((before, *pair));
        }
        self.tongue.begin();
        self.transaction = Some(transaction);
        self.asked_to_open = false;
        self.added.clear();
    }

    pub(crate) fn sent(&mut self, token: u64, flight: Flight) {
        let Flight { frame, version, .. } = &flight;
        self.broken.extend(self.tongue.hear(&mut self.second, frame, *version));
        self.check_version(frame, *version);
        self.check_in_flight(frame);
        self.check_pair(frame);
        match frame {
            Frame::Init { pair } => self.check_init(*pair),
            Frame::Produce { batches } => self.check_batches(batches),
            Frame::End { commit, .. } if !self.opened && !self.asked_to_open => {
                // TC7: refused where nothing was ever added, and a false success behind a commit (TM-E1, TM-E6).
                self.broken.push(("TC7 no end of what holds nothing", format!("commit: {commit}")));
            }
            _ => {}
        }
        match frame {
            Frame::Produce { .. } | Frame::Offsets { .. } if self.second => self.opened = true,
            Frame::AddPartitions { .. } | Frame::AddOffsets { .. } => self.asked_to_open = true,
            _ => {}
        }
        self.in_flight.insert(token, flight);
    }

    /// L12a, TC17
    fn check_version(&mut self, frame: &Frame, version: i16) {
        let (newest_first, oldest_second) = match frame {
            Frame::Produce { .. } => (11, 12),
            Frame::End { .. } => (4, 5),
            Frame::Offsets { .. } => (4, 5),
            Frame::AddPartitions { .. } => (3, i16::MAX),
            Frame::AddOffsets { .. } => (4, i16::MAX),
            Frame::Init { .. } | Frame::Describe => return,
        };
        let is_lawful = if self.second { version >= oldest_second } else { version <= newest_first };
        if !is_lawful {
            let protocol = if self.second { 2 } else { 1 };
            let how = format!("{frame:?} in version {version}, with transaction version {protocol}");
            self.broken.push(("L12a versions of the protocol", how));
        }
    }

    /// L12b, L12d
    fn check_in_flight(&mut self, frame: &Frame) {
        let other = self.in_flight.values().find(|other| match frame {
            Frame::End { .. } => !matches!(other.frame, Frame::Describe),
            frame => frame.is_alone() && other.frame.is_alone(),
        });
        if let Some(other) = other {
            let how = format!("{frame:?} while {:?} is unanswered", other.frame);
            self.broken.push(("L12b, L12d one at a time, and the end behind all", how));
        }
    }

    /// L12c, TC2
    fn check_pair(&mut self, frame: &Frame) {
        for pair in frame.pairs() {
            if Some(pair) != self.pair {
                let how = format!("{frame:?}, and the pair is {:?}", self.pair);
                self.broken.push(("L12c the pair of the latest answer", how));
            }
            let unclean =
                self.unclean.filter(|(of, unclean)| *unclean == pair && Some(*of) != self.transaction);
            if let Some((of, _)) = unclean {
                let how = format!("{frame:?}: frames of transaction {of} may still come under that pair");
                self.broken.push(("TC2 a bump behind what is unclean", how));
            }
        }
    }

    /// L11, TC3
    fn check_init(&mut self, pair: Pair) {
        if self.told_fenced {
            self.broken.push(("L11 no InitProducerId by who was fenced", format!("with {pair:?}")));
        }
        if self.opened && pair.0 >= 0 {
            self.broken.push(("TC3 no bump while a transaction may be open", format!("with {pair:?}")));
        }
    }

    fn check_batches(&mut self, batches: &[Batch]) {
        for (at, pair, sequence) in batches {
            if !self.second && !self.added.contains(at) {
                self.broken.push(("L12a no batch before its partition was added", format!("{at:?}")));
            }
            if self.begun_batches.insert((at.clone(), *pair)) && self.second && *sequence != 0 {
                let how = format!("{at:?} begins at {sequence} under {pair:?}");
                self.broken.push(("L12c the first sequence of an epoch is 0", how));
            }
        }
    }

    /// It ended without an answer. Answers what it was.
    pub(crate) fn unanswered(&mut self, token: u64, written: bool) -> Option<Flight> {
        let flight = self.in_flight.remove(&token)?;
        if !written {
            return Some(flight);
        }
        match &flight.frame {
            Frame::Produce { batches } => self.doubtful.extend(batches.iter().cloned()),
            frame @ (Frame::End { .. }
            | Frame::Offsets { .. }
            | Frame::AddPartitions { .. }
            | Frame::AddOffsets { .. }) => {
                let pair = frame.pairs().first().copied();
                if let (false, Some(pair), Some(transaction)) = (self.second, pair, self.transaction) {
                    self.unclean = Some((transaction, pair));
                }
            }
            Frame::Init { .. } | Frame::Describe => {}
        }
        Some(flight)
    }

    /// It was answered. Answers what it was, and what it was told.
    pub(crate) fn answered(&mut self, token: u64, body: &bytes::Bytes) -> Option<(Flight, Answered)> {
        let flight = self.in_flight.remove(&token)?;
        let answered = flight.frame.answered(body, flight.version);
        self.note_old_epoch(&flight.frame, &answered);
        match (&flight.frame, &answered) {
            (Frame::Init { .. }, Answered::Code(0, pair)) => self.pair = *pair,
            (Frame::End { commit, .. }, Answered::Code(code, pair)) => self.ended(*commit, *code, *pair),
            (Frame::AddOffsets { .. }, Answered::Code(0, _)) => self.opened = true,
            (Frame::AddPartitions { .. }, Answered::Partitions(partitions)) => {
                for (at, _) in partitions.iter().filter(|(_, code)| *code == 0) {
                    self.added.insert(at.clone());
                    self.opened = true;
                }
            }
            (Frame::Produce { batches }, Answered::Partitions(partitions)) => {
                self.produced(batches, partitions);
            }
            (Frame::Describe, Answered::State(state, pair)) => self.described(state, *pair),
            _ => {}
        }
        Some((flight, answered))
    }

    fn note_old_epoch(&mut self, frame: &Frame, answered: &Answered) {
        let first = matches!(frame, Frame::Init { pair } if pair.0 < 0);
        let says_so = match answered {
            Answered::Code(code, _) => OLD_EPOCH.contains(code),
            Answered::Partitions(partitions) => partitions.iter().any(|(_, code)| OLD_EPOCH.contains(code)),
            Answered::State(..) => false,
        };
        self.told_fenced |= says_so && !first;
    }

    fn ended(&mut self, commit: bool, code: i16, pair: Option<Pair>) {
        if ASKS_AGAIN.contains(&code) {
            return;
        }
        // TC21: neither would be answered to a producer that another one has fenced.
        if code == 0 || (commit && code == 48) {
            self.told_fenced = false;
        }
        // A commit that is refused is not done, but the next pair is still to be asked for by an abort (TC21).
        self.opened = self.second && commit && code != 0;
        if let (0, Some(pair)) = (code, pair) {
            self.pair = Some(pair);
        }
    }

    fn produced(&mut self, batches: &[Batch], partitions: &[(Where, i16)]) {
        for batch in batches {
            let code = partitions.iter().find(|(at, _)| *at == batch.0).map(|(_, code)| *code);
            match code {
                Some(0 | 46) => drop(self.doubtful.remove(batch)),
                // Written, and refused all the same: REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND.
                Some(7 | 20) => drop(self.doubtful.insert(batch.clone())),
                _ => {}
            }
        }
    }

    /// TC21: the coordinator has aborted what was open under the pair, which is no other producer's doing.
    fn described(&mut self, state: &str, pair: Pair) {
        let raised = self.pair.map(|(id, epoch)| (id, epoch.saturating_add(1)));
        if state == "CompleteAbort" && Some(pair) == raised {
            self.told_fenced = false;
            self.opened = false;
        }
    }
}
