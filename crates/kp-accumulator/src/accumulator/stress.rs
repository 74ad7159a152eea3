//! Many threads, one driver, a pretended network: nothing lost, doubled or reordered (AC31), and no lost wake. The
//! driver sleeps on a real parker, without a timeout of its own: a wake that is missing stops the test.

use super::*;
use crate::testing::{MS, OpenGate, Rung, cluster, name, value, values};
use crate::{Append, Batch, Drained, InFlight, RecordResult, Seal, Target};
use kp_metadata::Cluster;
use kp_protocol::compression::Compression;
use kp_protocol::records::RecordRef;
use kp_protocol::{BrokerId, Offset};
use kp_time::{Clock, Deadline, Jitter, ManualClock};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Wake;
use std::thread::Thread;
use std::time::Duration;

const THREADS: u32 = 4;
const PARTITIONS: usize = 6;
/// Longer than any of these tests takes: a thread that sleeps so long was not woken.
const TOO_LONG: Duration = Duration::from_secs(5);

struct Parker(Thread);

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs also when the driver fails, so that the failure is seen instead of threads that wait for it.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The driver's side: sends at most one batch of each partition at a time, loses some answers, and keeps the log.
struct Network<'a> {
    accumulator: &'a Accumulator,
    cluster: Cluster,
    clock: &'a ManualClock,
    dice: Jitter,
    in_flight: Vec<Drained>,
    /// By partition: the values in the order in which they were written.
    log: Vec<Vec<Vec<u8>>>,
}

impl Network<'_> {
    fn run(&mut self) {
        while !self.is_over() {
            let check = self.accumulator.ready(self.clock.now(), &self.cluster);
            for broker in check.brokers {
                self.send(broker);
            }
            self.answer();
            if !self.in_flight.is_empty() || self.is_over() {
                continue;
            }
            if self.accumulator.prepare_to_sleep(check.next_check) {
                self.sleep(check.next_check);
                self.accumulator.awake();
            }
        }
    }

    /// Asked again after each look: the look takes note of the close, which then wakes no driver any more.
    fn is_over(&self) -> bool {
        self.accumulator.is_closed() && !self.accumulator.has_incomplete()
    }

    fn sleep(&self, until: Option<Instant>) {
        match until {
            // Time passes only here.
            Some(until) => {
                std::thread::park_timeout(MS(1));
                self.clock.advance_to(until);
            }
            None => self.park(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "only a real clock can tell that nobody woke this thread")]
    fn park(&self) {
        let asleep = Instant::now();
        std::thread::park_timeout(TOO_LONG);
        assert!(asleep.elapsed() < TOO_LONG, "nobody woke the driver");
    }

    fn send(&mut self, broker: BrokerId) {
        let before = self.in_flight.len();
        let (now, out) = (self.clock.now(), &mut self.in_flight);
        self.accumulator.drain(now, &self.cluster, broker, 20_000, &mut OpenGate, out);
        for drained in &self.in_flight[before..] {
            self.accumulator.mute(drained.queue);
        }
    }

    /// Answers some requests, in any order.
    fn answer(&mut self) {
        for _ in 0..self.in_flight.len() {
            if self.dice.below(4) == 0 {
                continue;
            }
            let at = self.dice.below(self.in_flight.len() as u64) as usize;
            let Drained { queue, batch, wire, .. } = self.in_flight.swap_remove(at);
            if self.dice.below(10) == 0 {
                self.lose(batch);
            } else {
                let log = &mut self.log[batch.topic_partition().partition.0 as usize];
                let base = log.len() as i64;
                log.extend(values(&wire));
                batch.settle(Outcome::Written { base_offset: Some(Offset(base)), log_append_time: None });
            }
            self.accumulator.unmute(queue);
        }
    }

    /// The request never arrived: again, perhaps after a while.
    fn lose(&mut self, batch: Batch<InFlight>) {
        let now = self.clock.now();
        let not_before = (self.dice.below(2) == 0).then(|| now + MS(1));
        self.accumulator.requeue(batch.requeue(now), now, not_before);
    }
}

/// Sends its numbers and returns what it was promised: the completion, index and partition of each.
fn produce(
    accumulator: &Accumulator,
    cluster: &Cluster,
    clock: &ManualClock,
    thread: u32,
    records: u32,
    has_key: impl Fn(u32) -> bool,
) -> Vec<crate::Appended> {
    let topic = accumulator.topic(&name(), PARTITIONS);
    let metadata = cluster.topic("t").expect("the topic");
    let mut promised = Vec::new();
    for n in 0..records {
        let text = format!("{thread} {n} {}", "x".repeat((n % 90) as usize));
        let key = n.to_be_bytes();
        let record = RecordRef { key: has_key(n).then_some(&key[..]), ..value(text.as_bytes()) };
        let mut spare = None;
        promised.push(loop {
            let target = accumulator.target(&topic, metadata, record.key);
            match accumulator.append(&topic, metadata, target, &record, &mut None, &mut spare, clock).unwrap()
            {
                Append::Accepted(appended) => break appended,
                Append::NeedsBuffer(bytes) => {
                    let deadline = Deadline::after(clock.now(), TOO_LONG, "max.block.ms");
                    spare = Some(
                        accumulator.pool().allocate(bytes, deadline).unwrap().wait_blocking(clock).unwrap(),
                    );
                }
            }
        });
    }
    promised
}

fn run(settings: AccumulatorSettings, memory: usize, records: u32, has_key: impl Fn(u32) -> bool + Sync) {
    let (clock, workers) = (ManualClock::new(), settings.seal == Seal::Workers);
    let pool = BufferPool::new(memory, settings.batch_size);
    let accumulator = Accumulator::new(settings, Arc::clone(&pool));
    let parker = Waker::from(Arc::new(Parker(std::thread::current())));
    accumulator.set_driver_waker(parker.clone());
    pool.set_driver_waker(parker);
    let cluster = cluster(1, &[Some(0), Some(1), Some(0), Some(2), Some(1), Some(0)]);
    let mut network = Network {
        accumulator: &accumulator,
        cluster: cluster.clone(),
        clock: &clock,
        dice: Jitter::seeded(7),
        in_flight: Vec::new(),
        log: vec![Vec::new(); PARTITIONS],
    };
    let (over, running) = (AtomicBool::new(false), AtomicUsize::new(THREADS as usize));
    let promised: Vec<_> = std::thread::scope(|scope| {
        if workers {
            for mut sealer in accumulator.sealers(2) {
                let (accumulator, over) = (&accumulator, &over);
                let worker = scope.spawn(move || {
                    while !over.load(SeqCst) {
                        match accumulator.next_to_seal() {
                            Some(batch) => accumulator.put_sealed(batch.seal(&mut sealer)),
                            None => std::thread::park_timeout(MS(1)),
                        }
                    }
                });
                accumulator.set_seal_bell(Waker::from(Arc::new(Parker(worker.thread().clone()))));
            }
        }
        let (running, has_key, cluster, clock) = (&running, &has_key, &cluster, &clock);
        let room = &accumulator;
        let senders: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let promised = produce(room, cluster, clock, thread, records, has_key);
                    if running.fetch_sub(1, SeqCst) == 1 {
                        room.close();
                    }
                    promised
                })
            })
            .collect();
        let stop_workers = OnDrop(|| over.store(true, SeqCst));
        network.run();
        drop(stop_workers);
        senders.into_iter().map(|sender| sender.join().expect("no panic")).collect()
    });
    check(&network.log, &promised, records);
    drop(network);
    assert_eq!(pool.available(), pool.largest_allocation(), "every byte came back");
}

/// Every record is where its delivery says, and the records of one thread are in order in each partition.
fn check(log: &[Vec<Vec<u8>>], promised: &[Vec<crate::Appended>], records: u32) {
    assert_eq!(
        log.iter().map(Vec::len).sum::<usize>(),
        (THREADS * records) as usize,
        "nothing lost or doubled"
    );
    for (thread, promised) in promised.iter().enumerate() {
        let mut last = [None; PARTITIONS];
        for (n, appended) in promised.iter().enumerate() {
            let Some(RecordResult::Written { offset: Some(Offset(offset)), .. }) =
                appended.completion.record_result(appended.index)
            else {
                panic!("record {n} of thread {thread} has no offset");
            };
            let partition = appended.partition.0 as usize;
            let text = String::from_utf8(log[partition][offset as usize].clone()).unwrap();
            assert!(text.starts_with(&format!("{thread} {n} ")), "{text} stands at {offset} of {partition}");
            assert!(
                last[partition] < Some(offset),
                "record {n} of thread {thread} is before its predecessor"
            );
            last[partition] = Some(offset);
        }
    }
}

fn settings() -> AccumulatorSettings {
    AccumulatorSettings { delivery_timeout: Duration::MAX, linger: MS(0), ..crate::testing::settings() }
}

// AC31, BP16
#[test]
fn nothing_is_lost_doubled_or_reordered_without_linger() {
    run(settings(), 30_000, 4_000, |_| false);
}

// AC31
#[test]
fn nothing_is_lost_doubled_or_reordered_with_linger_and_keys() {
    run(AccumulatorSettings { linger: MS(5), ..settings() }, 60_000, 4_000, |_| true);
}

// AC31, AC11: the pool holds fewer batches than there are partitions
#[test]
fn nothing_is_lost_doubled_or_reordered_with_hardly_any_memory() {
    run(AccumulatorSettings { linger: MS(5), ..settings() }, 4_000, 2_000, |n| n.is_multiple_of(3));
}

// AC31, AC23
#[test]
fn nothing_is_lost_doubled_or_reordered_with_workers_that_compress() {
    let compressed = AccumulatorSettings { compression: Compression::Lz4, seal: Seal::Workers, ..settings() };
    run(compressed, 200_000, 3_000, |_| false);
}

// CL10: after close returns, what is incomplete is all there will ever be
#[test]
fn a_closed_accumulator_has_no_append_under_way() {
    for _ in 0..50 {
        let clock = ManualClock::new();
        let pool = BufferPool::new(1 << 20, 1000);
        let accumulator = Accumulator::new(settings(), Arc::clone(&pool));
        let cluster = cluster(1, &[Some(0)]);
        let (accepted, rung) = (AtomicUsize::new(0), Arc::new(Rung::default()));
        accumulator.set_driver_waker(Waker::from(rung));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let topic = accumulator.topic(&name(), 1);
                    let metadata = cluster.topic("t").expect("the topic");
                    let mut spare = None;
                    loop {
                        let target = Target::Sticky;
                        let record = value(b"v");
                        match accumulator
                            .append(&topic, metadata, target, &record, &mut None, &mut spare, &clock)
                        {
                            Ok(Append::Accepted(_)) => drop(accepted.fetch_add(1, SeqCst)),
                            Ok(Append::NeedsBuffer(bytes)) => spare = pool.try_allocate(bytes).unwrap(),
                            Err(_) => return,
                        }
                    }
                });
            }
            while accepted.load(SeqCst) < 20 {
                std::hint::spin_loop();
            }
            accumulator.close();
            let at_close = accumulator.incomplete_records();
            let taken = accumulator.take_undrained();
            let found: u64 = taken.iter().map(|batch| u64::from(batch.record_count())).sum();
            assert_eq!((at_close, accumulator.has_incomplete()), (found, !taken.is_empty()));
            drop(taken);
            assert!(!accumulator.has_incomplete());
        });
        assert_eq!(pool.available(), pool.capacity());
    }
}
