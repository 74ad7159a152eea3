//! A transaction that is open while readers and tools look: so that a judge which finds nothing open is known to look.

use kp_producer::blocking::{Transaction, TransactionalProducer};

use super::ground::Ground;
use super::written::Written;

pub(super) const ID: &str = "left-open";

/// The producer that leaves one open.
#[derive(Debug)]
pub(super) struct Holder(TransactionalProducer);

impl Holder {
    pub(super) fn new(ground: &Ground) -> Self {
        Self(ground.producer(ID, &[]))
    }

    /// Leaves one open between two committed ones of another producer, of which readers of committed records see the first only
    /// (L9).
    pub(super) fn hold(&mut self, ground: &Ground) -> (Transaction<'_>, Written) {
        let mut written = Written::to(ground.topic(ID));
        let mut other = ground.producer("beside-left-open", &[]);
        let transaction = other.begin().expect("it begins");
        written.send(&transaction, "before");
        transaction.commit().expect("it is committed");
        written.committed("before");
        let open = self.0.begin().expect("it begins");
        written.send(&open, "open");
        open.flush().expect("it may wait here");
        let transaction = other.begin().expect("it begins");
        written.send(&transaction, "behind");
        transaction.commit().expect("it is committed, and not visible yet");
        (open, written)
    }
}
