//! The load: four producers of different settings, two tasks each. A record is a checksum, its task, its number, a filler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kp_producer::blocking::Producer;
use kp_producer::{Certainty, Delivered, Deliveries, ProducerConfig, ProducerRecord, SendErrorKind};

use crate::ledger::{Ledger, Told};
use crate::{Failure, TOPIC};

const TASKS_EACH: u8 = 2;
const RECORD: usize = 32;
/// Outcomes are looked at so often.
const LOOK_EVERY: u64 = 64;
/// How long a task waits that was not let in.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Where the brokers are, and how to get in; producers take turns.
    pub(crate) bases: Vec<ProducerConfig>,
    pub(crate) per_second: u64,
    pub(crate) is_idempotent: bool,
}

/// How far all of them are.
#[derive(Debug, Default)]
struct Board {
    sent: AtomicU64,
    acked: AtomicU64,
    /// Not taken, since brokers refused to let the producer in.
    refused: AtomicU64,
    is_over: AtomicBool,
}

/// How often the producers logged in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Logins {
    pub(crate) done: u64,
    pub(crate) refused: u64,
    pub(crate) renewed: u64,
    pub(crate) not_renewed: u64,
}

pub(crate) struct Producers {
    producers: Vec<Producer>,
    tasks: Vec<JoinHandle<Result<Vec<u64>, Failure>>>,
    board: Arc<Board>,
}

impl Producers {
    pub(crate) fn start(load: &Load) -> Result<Self, Failure> {
        let different: [&[(&str, &str)]; 4] = [
            &[("linger.ms", "5")],
            &[("linger.ms", "0"), ("compression.type", "lz4")],
            &[("linger.ms", "20"), ("batch.size", "65536"), ("compression.type", "snappy")],
            // Gives up while a leader is away: some of its records fail, and what it says of them is held against the logs.
            &[
                ("linger.ms", "5"),
                ("max.in.flight.requests.per.connection", "2"),
                ("batch.size", "4096"),
                ("request.timeout.ms", "1500"),
                ("delivery.timeout.ms", "2500"),
            ],
        ];
        let board = Arc::new(Board::default());
        let (mut producers, mut tasks) = (Vec::new(), Vec::new());
        for (number, more) in (0u8..).zip(different) {
            let mut config = load.bases[usize::from(number) % load.bases.len()].clone();
            config.set("request.timeout.ms", "5000")?;
            if !load.is_idempotent {
                config.set("enable.idempotence", "false")?;
            }
            for (key, value) in more {
                config.set(key, *value)?;
            }
            let producer = Producer::new(config)?;
            for task in 0..TASKS_EACH {
                let (producer, board, load) = (producer.clone(), Arc::clone(&board), load.clone());
                let id = number * TASKS_EACH + task;
                tasks.push(std::thread::spawn(move || send(&producer, id, &load, &board)));
            }
            producers.push(producer);
        }
        Ok(Self { producers, tasks, board })
    }

    /// Records sent, and acknowledged.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.board.sent.load(Ordering::Relaxed), self.board.acked.load(Ordering::Relaxed))
    }

    /// Sends that were not taken, since brokers refused to let the producer in.
    pub(crate) fn refused(&self) -> u64 {
        self.board.refused.load(Ordering::Relaxed)
    }

    /// Logins, and how many of them renewed a session: done, and refused.
    pub(crate) fn logins(&self) -> Logins {
        let mut logins = Logins::default();
        for producer in &self.producers {
            let metrics = producer.metrics();
            let total = |name: &str| metrics.counter(name).unwrap_or_default();
            logins.done += total("successful-authentication-total");
            logins.renewed += total("successful-reauthentication-total");
            logins.refused += total("failed-authentication-total");
            logins.not_renewed += total("failed-reauthentication-total");
        }
        logins
    }

    /// Lets every record end, and closes.
    pub(crate) fn finish(self) -> Result<Ledger, Failure> {
        self.board.is_over.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        for task in self.tasks {
            ledger.tasks.push(task.join().map_err(|_| "a sending task has panicked")??);
        }
        for producer in self.producers {
            let closed = producer.close(Duration::from_secs(120))?;
            if closed.undelivered > 0 {
                return Err(
                    format!("{} records were undelivered after all had ended", closed.undelivered).into()
                );
            }
        }
        Ok(ledger)
    }
}

fn send(producer: &Producer, task: u8, load: &Load, board: &Board) -> Result<Vec<u64>, Failure> {
    let (mut told, mut deliveries) = (Vec::new(), Deliveries::new());
    let begun = Instant::now();
    let per_second = load.per_second / 8;
    let mut number = 0u64;
    while !board.is_over.load(Ordering::Relaxed) {
        if let Some(apart) = 1_000_000_000u64.checked_div(per_second) {
            let due = Duration::from_nanos(number.saturating_mul(apart));
            let ahead = due.saturating_sub(begun.elapsed());
            if ahead > Duration::from_millis(1) {
                std::thread::sleep(ahead);
            }
        }
        match producer.send(ProducerRecord::to(TOPIC).value(&record(task, number))) {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) if matches!(error.kind(), SendErrorKind::Security(_)) => {
                // The record was not taken, so it is sent again.
                board.refused.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(AFTER_REFUSAL);
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        number += 1;
        if number.is_multiple_of(LOOK_EVERY) {
            board.sent.fetch_add(LOOK_EVERY, Ordering::Relaxed);
            while let Some(done) = deliveries.try_next() {
                note(done, &mut told, board);
            }
        }
    }
    while let Ok(Some(done)) = deliveries.wait_next() {
        note(done, &mut told, board);
    }
    Ok(told)
}

fn note(done: Delivered, told: &mut Vec<u64>, board: &Board) {
    let records = done.records();
    match done.into_result() {
        Ok(written) => {
            let partition = written.partition().0 as u16;
            let first = written.offsets().map(|offsets| offsets.start as u64);
            let packed = (0..records as u64)
                .map(|nth| Told::Written { partition, offset: first.map(|first| first + nth) }.pack());
            told.extend(packed);
            board.acked.fetch_add(records as u64, Ordering::Relaxed);
        }
        Err(error) => {
            let fate = match error.certainty() {
                Certainty::NotWritten => Told::NotWritten,
                _ => Told::Unknown,
            };
            told.extend(std::iter::repeat_n(fate.pack(), records));
        }
    }
}

fn record(task: u8, number: u64) -> [u8; RECORD] {
    let mut record = [b'.'; RECORD];
    record[4] = task;
    record[5..13].copy_from_slice(&number.to_be_bytes());
    let checksum = crc32fast::hash(&record[4..]);
    record[..4].copy_from_slice(&checksum.to_be_bytes());
    record
}
