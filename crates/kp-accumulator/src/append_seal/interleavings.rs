//! The seal of a transaction in every order that threads can run in. `RUSTFLAGS="--cfg loom" cargo test -p kp-accumulator --lib
//! --target-dir target/loom interleavings` runs them (seconds).

use super::*;
use loom::sync::Arc;
use loom::thread;

/// A transaction whose records are counted, and what its end found.
struct Counted {
    seal: AppendSeal,
    records: AtomicUsize,
    ends: AtomicUsize,
    records_at_the_end: AtomicUsize,
}

impl Counted {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            seal: AppendSeal::new(),
            records: AtomicUsize::new(0),
            ends: AtomicUsize::new(0),
            records_at_the_end: AtomicUsize::new(0),
        })
    }

    /// Whether it was accepted. The count stands for the partition's queue: no order of its own comes from it.
    fn append(&self) -> bool {
        if !self.seal.enter() {
            return false;
        }
        self.records.fetch_add(1, Ordering::Relaxed);
        if self.seal.leave() {
            self.end();
        }
        true
    }

    fn end(&self) {
        self.ends.fetch_add(1, Ordering::Relaxed);
        self.records_at_the_end.store(self.records.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

// L4, L15
#[test]
fn the_end_comes_once_behind_every_record_that_was_accepted() {
    loom::model(|| {
        let transaction = Counted::new();
        let appends: Vec<_> = (0..2)
            .map(|_| {
                let transaction = Arc::clone(&transaction);
                thread::spawn(move || transaction.append())
            })
            .collect();
        if transaction.seal.seal() == Sealing::Empty {
            transaction.end();
        }
        let accepted = appends.into_iter().map(|append| append.join().expect("no panic"));
        let accepted = accepted.filter(|accepted| *accepted).count();
        assert_eq!(transaction.ends.load(Ordering::Relaxed), 1);
        assert_eq!(transaction.records_at_the_end.load(Ordering::Relaxed), accepted);
        assert_eq!(transaction.records.load(Ordering::Relaxed), accepted);
        assert!(!transaction.append(), "it is over");
    });
}

// L4
#[test]
fn of_two_who_end_it_one_tells_the_end() {
    loom::model(|| {
        let transaction = Counted::new();
        let other = {
            let transaction = Arc::clone(&transaction);
            thread::spawn(move || {
                if transaction.seal.seal() == Sealing::Empty {
                    transaction.end();
                }
            })
        };
        transaction.append();
        if transaction.seal.seal() == Sealing::Empty {
            transaction.end();
        }
        other.join().expect("no panic");
        assert_eq!(transaction.ends.load(Ordering::Relaxed), 1);
    });
}
