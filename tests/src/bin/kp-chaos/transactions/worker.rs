//! A worker: a process with one transactional producer, which begins, sends, and ends in one of the ways that there are, until its
//! standard input ends, its producer is finished, or it is killed. What it is told stands in its journal.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use kp_producer::blocking::{Transaction, TransactionalProducer};
use kp_producer::{
    BeginError, Certainty, CommittedOffset, EndError, GroupMetadata, ProducerConfig, ProducerRecord,
    TopicPartition, TransactionFailure, TransactionFailureKind, TransactionOutcome,
};
use kp_time::Jitter;

use super::journal::Journal;
use super::{INPUT, INPUT_PARTITIONS, PARTITIONS, TOPIC};
use crate::Failure;

/// The first argument of a worker's process.
pub(crate) const WORD: &str = "transactions-worker";
/// How a worker ends whose producer is finished.
pub(super) const FINISHED: u8 = 3;
/// The word for a transaction that was open for too long.
pub(super) const TIMED_OUT: &str = "timed-out";
/// The word for a timeout that is told of a transaction which was not open for so long.
pub(super) const TOO_YOUNG: &str = "told-a-timeout-too-early";
/// How much longer than its timeout a transaction is left open.
const BEYOND: Duration = Duration::from_millis(2_500);
/// How often the end of a transaction is asked for, `max.block.ms` each, before the worker gives up.
const RESOLVES: usize = 8;

/// What a worker is told by the one that starts it.
#[derive(Parser, Debug)]
#[command(name = WORD)]
pub(super) struct WorkerArgs {
    #[arg(long)]
    pub(super) bootstrap: String,
    #[arg(long)]
    pub(super) transactional_id: String,
    #[arg(long)]
    pub(super) client_id: String,
    #[arg(long)]
    pub(super) group: String,
    #[arg(long)]
    pub(super) journal: PathBuf,
    #[arg(long)]
    pub(super) seed: u64,
    /// Ids of records and offsets count from here.
    #[arg(long)]
    pub(super) first: u64,
    #[arg(long)]
    pub(super) timeout_ms: u64,
    /// Whether it leaves transactions open beyond their timeout.
    #[arg(long)]
    pub(super) leaves_open: bool,
}

/// How a transaction is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Commit,
    Abort,
    Drop,
    /// A commit behind the timeout.
    TooLate,
}

/// What is left of a transaction that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    /// Its end is not known.
    End,
    /// Nothing, and the producer is finished.
    Finished,
}

/// Records' outcomes, as callbacks bring them.
type Outcomes = Arc<Mutex<Vec<(u64, &'static str)>>>;

struct Worker {
    args: WorkerArgs,
    journal: Journal,
    dice: Jitter,
    group: GroupMetadata,
    outcomes: Outcomes,
    next: u64,
    is_over: Arc<AtomicBool>,
}

/// Why it stops.
enum Stop {
    /// Nothing is wrong.
    Asked,
    /// The producer is finished.
    Finished(String),
}

/// Answers the exit code.
pub(crate) fn run(arguments: Vec<String>) -> Result<u8, Failure> {
    let args = WorkerArgs::parse_from(arguments);
    let mut config = ProducerConfig::default().bootstrap_servers(&args.bootstrap);
    for (key, value) in [
        ("transactional.id", args.transactional_id.as_str()),
        ("client.id", &args.client_id),
        ("transaction.timeout.ms", &args.timeout_ms.to_string()),
        ("linger.ms", "2"),
        ("request.timeout.ms", "5000"),
        ("delivery.timeout.ms", "15000"),
        ("max.block.ms", "15000"),
    ] {
        config.set(key, value)?;
    }
    let mut producer = TransactionalProducer::new(config)?;
    let mut worker = Worker::new(args)?;
    let stop = worker.work(&mut producer)?;
    let closed = producer.close(Duration::from_secs(30));
    worker.note_outcomes()?;
    match stop {
        Stop::Asked => {
            worker.journal.note("closed")?;
            match closed?.undelivered {
                0 => Ok(0),
                some => Err(format!("{some} records were undelivered behind the last end").into()),
            }
        }
        Stop::Finished(why) => {
            worker.journal.note(format!("finished {why}"))?;
            Ok(FINISHED)
        }
    }
}

impl Worker {
    fn new(args: WorkerArgs) -> Result<Self, Failure> {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            ends.store(true, Ordering::Relaxed);
        });
        let group = GroupMetadata {
            group_id: args.group.as_str().into(),
            generation: -1,
            member_id: "".into(),
            instance_id: None,
        };
        let (journal, dice, next) = (Journal::at(&args.journal)?, Jitter::seeded(args.seed), args.first);
        Ok(Self { args, journal, dice, group, outcomes: Arc::default(), next, is_over })
    }

    fn work(&mut self, producer: &mut TransactionalProducer) -> Result<Stop, Failure> {
        loop {
            match producer.init() {
                Ok(()) => break,
                Err(error) if error.is_fatal() => return Ok(Stop::Finished(reason(&error))),
                Err(_) if self.is_over.load(Ordering::Relaxed) => return Ok(Stop::Asked),
                Err(_) => {}
            }
        }
        self.journal.note("ready")?;
        while !self.is_over.load(Ordering::Relaxed) {
            if let Some(why) = self.one(producer)? {
                return Ok(Stop::Finished(why));
            }
            std::thread::sleep(Duration::from_millis(self.dice.below(30)));
        }
        Ok(Stop::Asked)
    }

    /// One transaction; answers why the producer is finished, if it is.
    fn one(&mut self, producer: &mut TransactionalProducer) -> Result<Option<String>, Failure> {
        let transaction = match producer.begin() {
            Ok(transaction) => transaction,
            Err(error) if error.is_fatal() => return Ok(Some(reason(&error))),
            Err(_) => return Ok(None),
        };
        self.journal.note(format!("begin {}", transaction.number()))?;
        self.fill(&transaction)?;
        let way = self.way();
        let mut left = self.end(transaction, way)?;
        if left == Left::End {
            left = self.resolve(producer)?;
        }
        self.note_outcomes()?;
        match left {
            Left::Nothing => Ok(None),
            Left::End => Ok(Some("the end of a transaction was not told".to_owned())),
            // `begin` says why.
            Left::Finished => {
                Ok(Some(producer.begin().err().map_or_else(String::new, |error| reason(&error))))
            }
        }
    }

    fn way(&mut self) -> Way {
        match self.dice.below(100) {
            0..=2 if self.args.leaves_open => Way::TooLate,
            3..=15 => Way::Abort,
            16..=22 => Way::Drop,
            _ => Way::Commit,
        }
    }

    /// Records, now and then a pause, offsets now and then.
    fn fill(&mut self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let is_slow = self.dice.below(12) == 0;
        for _ in 0..self.dice.below(20) {
            if !self.send(transaction)? {
                return Ok(());
            }
            if is_slow {
                std::thread::sleep(Duration::from_millis(self.dice.below(250)));
            }
        }
        if self.dice.below(3) == 0 {
            self.send_offsets(transaction)?;
            self.send(transaction)?;
        }
        Ok(())
    }

    fn send(&mut self, transaction: &Transaction<'_>) -> Result<bool, Failure> {
        let id = self.number();
        let partition = self.dice.below(PARTITIONS as u64) as i32;
        self.journal.note(format!("send {id} {partition}"))?;
        let (outcomes, value) = (Arc::clone(&self.outcomes), id.to_string());
        let record = ProducerRecord::to(TOPIC).partition(partition).value(&value);
        let sent = transaction.send_with(record, move |outcome| {
            let told = match &outcome {
                Ok(_) => "written",
                Err(error) if error.certainty() == Certainty::NotWritten => "not-written",
                Err(_) => "unknown",
            };
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((id, told));
        });
        if sent.is_err() {
            self.journal.note(format!("refused {id}"))?;
        }
        Ok(sent.is_ok())
    }

    fn send_offsets(&mut self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let offset = self.number();
        let partition = self.dice.below(INPUT_PARTITIONS as u64) as i32;
        self.journal.note(format!("offset {partition} {offset}"))?;
        let of = TopicPartition::new(INPUT, partition);
        let next = CommittedOffset { offset: offset as i64, leader_epoch: None, metadata: None };
        if transaction.send_offsets([(of, next)], &self.group).is_ok() {
            self.journal.note(format!("taken {offset}"))?;
        }
        Ok(())
    }

    /// Ends it; answers what is left to ask for, or why the producer is finished.
    fn end(&mut self, transaction: Transaction<'_>, way: Way) -> Result<Left, Failure> {
        if way == Way::TooLate {
            std::thread::sleep(Duration::from_millis(self.args.timeout_ms) + BEYOND);
        }
        self.journal.note(if matches!(way, Way::Commit | Way::TooLate) {
            "asked commit"
        } else {
            "asked abort"
        })?;
        let ended = match way {
            Way::Commit | Way::TooLate => transaction.commit().map(|_| "committed"),
            Way::Abort => transaction.abort().map(|_| "aborted"),
            Way::Drop => {
                drop(transaction);
                return Ok(Left::End);
            }
        };
        let (word, left) = match &ended {
            Ok(word) => (*word, Left::Nothing),
            Err(EndError::Aborted(_)) => ("aborted", Left::Nothing),
            Err(EndError::Unresolved { .. }) => ("unresolved", Left::End),
            Err(EndError::Unknown(_)) => ("unknown", Left::Finished),
            Err(_) => ("fatal", Left::Finished),
        };
        match ended.err() {
            None => self.journal.note(format!("told {word}"))?,
            Some(error) => {
                self.journal.note(format!("told {word} {} {error}", error.failure().map_or("?", kind)))?
            }
        }
        Ok(left)
    }

    /// Asks on until the end is known.
    fn resolve(&mut self, producer: &mut TransactionalProducer) -> Result<Left, Failure> {
        for _ in 0..RESOLVES {
            let (word, left) = match producer.resolve() {
                Some(TransactionOutcome::Committed) => ("committed", Left::Nothing),
                Some(TransactionOutcome::Aborted) => ("aborted", Left::Nothing),
                Some(TransactionOutcome::Unknown) => ("unknown", Left::Finished),
                Some(TransactionOutcome::Unresolved) | None => continue,
            };
            self.journal.note(format!("told {word} resolved"))?;
            return Ok(left);
        }
        Ok(Left::End)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn note_outcomes(&mut self) -> std::io::Result<()> {
        let all = std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_iter().try_for_each(|(id, told)| self.journal.note(format!("record {id} {told}")))
    }
}

/// Why a producer is finished: one word, and the sentence.
fn reason(error: &BeginError) -> String {
    let word = match error {
        BeginError::Fatal(failure) => kind(failure),
        _ => "other",
    };
    format!("{word} {error}")
}

fn kind(failure: &TransactionFailure) -> &'static str {
    match failure.kind {
        TransactionFailureKind::Fenced => "fenced",
        TransactionFailureKind::TimedOut { age, limit } if age < limit => TOO_YOUNG,
        TransactionFailureKind::TimedOut { .. } => TIMED_OUT,
        TransactionFailureKind::RecordFailed { .. } => "record-failed",
        TransactionFailureKind::SendRefused { .. } => "send-refused",
        TransactionFailureKind::Partition { .. } => "partition-refused",
        TransactionFailureKind::Offsets(_) => "offsets-refused",
        TransactionFailureKind::Refused { .. } => "refused",
        TransactionFailureKind::Unresolvable => "unresolvable",
        _ => "other",
    }
}
