//! How often the heap is asked for memory once a producer runs: everything that this process does is counted, its network thread
//! included; the broker is another process. What is left belongs to batches, not to records: about one piece for
//! each 16 KiB page (its shared handle); a request of more than seven batches takes another (its list of segments).

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "figures are printed for a reader")]

use kp_producer::blocking::{Producer, TransactionalProducer};
use kp_producer::{Deliveries, Delivery, ProducerConfig, ProducerRecord};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// A broker in a process of its own, which ends with this.
struct Broker(Child);

impl Broker {
    /// One that only acknowledges.
    fn sink() -> (Self, String) {
        Self::start(env!("CARGO_BIN_EXE_kp-sink"))
    }

    /// One that has a coordinator.
    fn double() -> (Self, String) {
        Self::start(env!("CARGO_BIN_EXE_kp-double"))
    }

    fn start(program: &str) -> (Self, String) {
        let mut child = Command::new(program)
            .args(["--partitions", "6"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut port).expect("it prints its port");
        (Self(child), format!("127.0.0.1:{}", port.trim()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Until everything is as large as it gets.
const WARM_UP: u64 = 600_000;
const RECORDS: u64 = 400_000;
const MOST: f64 = 0.01;

/// Allocations for each record, when `send` sends one and takes outcomes as it likes. The best of three: how many batches a
/// request carries depends on what else the machine does.
fn measure(mut send: impl FnMut(u64)) -> f64 {
    (0..WARM_UP).for_each(&mut send);
    let mut one = |_| {
        let before = dhat::HeapStats::get().total_blocks;
        (0..RECORDS).for_each(&mut send);
        (dhat::HeapStats::get().total_blocks - before) as f64 / RECORDS as f64
    };
    (0..3).map(&mut one).fold(f64::INFINITY, f64::min)
}

/// Records of a large transaction.
const TRANSACTION: u64 = 10_000;
/// Small transactions, one behind the other.
const SMALL: u64 = 2_000;
/// Bytes that may be held behind the last end beyond those behind the first one: lists that have grown once more.
const MOST_KEPT: usize = 64 << 10;

/// A transaction of so many records. Behind its end all of `buffer.memory` is back.
fn transaction(producer: &mut TransactionalProducer, records: u64, buffer: usize) {
    let value = [b'x'; 100];
    let open = producer.begin().expect("the one before has ended");
    for _ in 0..records {
        drop(open.send(ProducerRecord::to("bench").value(&value)).expect("there is room in the end"));
    }
    assert_eq!(open.commit().expect("it is committed").records, records);
    assert_eq!(producer.buffer_available_bytes(), buffer, "memory is back behind each end");
}

/// Allocations for each record of large transactions, their beginnings and ends included; and no end keeps anything.
fn in_transactions() -> f64 {
    const BUFFER: usize = 8 << 20;
    let (_double, bootstrap) = Broker::double();
    let config = ProducerConfig::default()
        .bootstrap_servers(&bootstrap)
        .buffer_memory(BUFFER as u64)
        .transactional_id("allocations");
    let mut producer = TransactionalProducer::new(config).expect("it starts");
    let mut many = |count: u64, records: u64| {
        let before = dhat::HeapStats::get();
        (0..count).for_each(|_| transaction(&mut producer, records, BUFFER));
        let after = dhat::HeapStats::get();
        let blocks = (after.total_blocks - before.total_blocks) as f64;
        (blocks / (count * records) as f64, after.curr_bytes.saturating_sub(before.curr_bytes))
    };
    many(WARM_UP / TRANSACTION, TRANSACTION);
    let large: Vec<_> = (0..3).map(|_| many(RECORDS / TRANSACTION, TRANSACTION)).collect();
    many(SMALL, 1);
    let (each, kept) = many(SMALL, 1);
    println!("a transaction of one record: {each:.1} allocations");
    for (_, kept) in large.iter().chain([&(each, kept)]) {
        println!("kept behind the last end: {kept} bytes");
        assert!(*kept <= MOST_KEPT, "at most {MOST_KEPT}");
    }
    large.into_iter().map(|(allocations, _)| allocations).fold(f64::INFINITY, f64::min)
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let (_sink, bootstrap) = Broker::sink();
    let value = [b'x'; 100];
    // Small enough to have been full once before it is measured.
    let config = ProducerConfig::default().bootstrap_servers(&bootstrap).buffer_memory(8 << 20);
    let start = || Producer::new(config.clone()).expect("it starts");
    let mut told = Vec::new();

    let producer = start();
    let send = || producer.send(ProducerRecord::to("bench").value(&value)).expect("there is room in the end");
    told.push(("delivery dropped", measure(|_| drop(send()))));

    let mut kept: VecDeque<Delivery> = VecDeque::with_capacity(20_000);
    let keep = |_| {
        kept.push_back(send());
        if kept.len() == 20_000 {
            kept.pop_front().map(|delivery| delivery.wait().expect("it is acknowledged"));
        }
    };
    told.push(("delivery kept and waited for", measure(keep)));

    let mut deliveries = Deliveries::default();
    let queue = |number: u64| {
        deliveries.push(send());
        if number.is_multiple_of(256) {
            while let Some(done) = deliveries.try_next() {
                assert!(done.is_written());
            }
        }
    };
    told.push(("Deliveries", measure(queue)));

    let counted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&counted);
    let listener = move |token, _: kp_producer::DeliveryReport<'_>| {
        count.fetch_max(token, Ordering::Relaxed);
    };
    let tagged = Producer::builder(config.clone()).on_delivery(listener).build().expect("it starts");
    let tag = |number| {
        tagged
            .send_tagged(ProducerRecord::to("bench").value(&value), number)
            .expect("there is room in the end");
    };
    told.push(("listener, by a token", measure(tag)));
    assert!(counted.load(Ordering::Relaxed) > 0);

    told.push(("transactions of 10,000", in_transactions()));

    let mut is_good = true;
    for (way, allocations) in told {
        println!("{way}: {allocations:.4} allocations for each record");
        is_good &= allocations <= MOST;
    }
    assert!(is_good, "at most {MOST}");
}
