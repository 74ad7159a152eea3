//! Memory under pressure: many threads, large records, and brokers that do not answer.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use kp_producer::blocking::Producer as BlockingProducer;
use kp_producer::{Producer, ProducerConfig, ProducerRecord, SendErrorKind};
use kp_sim::MockBroker;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

const BUFFER_MEMORY: usize = 4 << 20;
/// The default of `max.request.size`.
const MAX_REQUEST_SIZE: usize = 1 << 20;
const THREADS: usize = 64;
const RECORDS_EACH: usize = 8;
const LONG: Duration = Duration::from_secs(60);

/// One producer, seen with and without async.
fn producer(broker: &MockBroker, max_block_ms: &str) -> (Producer, BlockingProducer) {
    let mut config = ProducerConfig::default().bootstrap_servers("mock:9092");
    let memory = BUFFER_MEMORY.to_string();
    for (key, value) in
        [("linger.ms", "0"), ("buffer.memory", memory.as_str()), ("max.block.ms", max_block_ms)]
    {
        config.set(key, value).expect("the test's configuration is good");
    }
    let built = Producer::builder(config).client(broker.client()).build().expect("it is built");
    (built.clone(), BlockingProducer::from(built))
}

/// Bytes of accepted records whose callback has not run yet.
#[derive(Default)]
struct Outstanding {
    now: AtomicI64,
    most: AtomicI64,
}

impl Outstanding {
    fn change(&self, bytes: i64) {
        let now = self.now.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.most.fetch_max(now, Ordering::SeqCst);
    }
}

fn size_of(thread: usize, round: usize) -> usize {
    1_000 + (thread * 7_919 + round * 104_729) % 199_000
}

// BP7, BP16, FA11
#[test]
fn threads_that_send_into_a_stalled_broker_stay_within_the_pool_and_every_byte_comes_back() {
    let broker = MockBroker::manual();
    broker.create_topic("t", 4).expect("new");
    let (handle, producer) = producer(&broker, "60000");
    let whole = handle.buffer_available_bytes();
    let (outstanding, sent) = (Arc::new(Outstanding::default()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (producer, outstanding, sent) = (&producer, &outstanding, &sent);
            scope.spawn(move || {
                let value = vec![b'v'; 200_000];
                for round in 0..RECORDS_EACH {
                    let bytes = size_of(thread, round);
                    let record =
                        ProducerRecord::to("t").partition((thread % 4) as i32).value(&value[..bytes]);
                    let told = Arc::clone(outstanding);
                    let accepted = producer.send_with(record, move |outcome| {
                        outcome.expect("acknowledged");
                        told.change(-(bytes as i64));
                    });
                    accepted.expect("memory comes free in its turn");
                    outstanding.change(bytes as i64);
                    sent.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // Nothing is answered before the pool is as good as empty: then threads wait.
        while handle.buffer_available_bytes() > 0 || broker.held() == 0 {
            std::thread::yield_now();
        }
        assert!(sent.load(Ordering::SeqCst) < THREADS * RECORDS_EACH, "it does not all fit");
        while sent.load(Ordering::SeqCst) < THREADS * RECORDS_EACH || handle.buffer_available_bytes() < whole
        {
            broker.complete_next(Duration::from_millis(10));
        }
    });
    let most = outstanding.most.load(Ordering::SeqCst);
    // The pages of one request come free just before its callbacks run.
    assert!(most <= (BUFFER_MEMORY + MAX_REQUEST_SIZE) as i64, "{most} bytes at once");
    producer.flush().expect("not in a callback");
    assert_eq!(broker.history("t").len(), THREADS * RECORDS_EACH);
    assert_eq!(handle.acknowledged_records(), (THREADS * RECORDS_EACH) as u64);
    assert_eq!((handle.buffer_available_bytes(), outstanding.now.load(Ordering::SeqCst)), (whole, 0));
}

// BP9
#[test]
fn a_send_that_waits_in_vain_for_memory_says_why_and_takes_none() {
    let broker = MockBroker::manual();
    broker.create_topic("t", 1).expect("new");
    let (handle, producer) = producer(&broker, "100");
    let whole = handle.buffer_available_bytes();
    let value = vec![b'v'; 200_000];
    let mut deliveries = Vec::new();
    let error = loop {
        match producer.send(ProducerRecord::to("t").value(&value)) {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind(), SendErrorKind::BufferExhausted { .. }), "{error}");
    assert!(error.is_retriable());
    let words = error.to_string();
    assert!(words.contains("buffer.memory") && words.contains("max.block.ms"), "{words}");
    assert!(deliveries.len() * value.len() <= BUFFER_MEMORY, "{} records accepted", deliveries.len());
    while deliveries.iter().any(|delivery| delivery.try_result().is_none()) {
        broker.complete_next(Duration::from_millis(10));
    }
    assert_eq!(broker.history("t").len(), deliveries.len());
    assert_eq!(producer.close(LONG).expect("not in a callback").undelivered, 0);
    assert_eq!(handle.buffer_available_bytes(), whole);
}
