//! The queues in which calls wait: for memory, for metadata, for a place for an outcome. Each has a lock of its own; a wait is
//! ended by what it waits for, by the driver, or by a caller whose own time is up. Never: waits itself.

use crate::error::SendErrorKind;
use crate::outcome::acks::Places;
use crate::send::metadata_wait::MetadataWaiters;
use crate::transaction::ledger::Ledger;
use kp_memory::BufferPool;
use kp_metadata::Cluster;
use std::sync::Arc;
use std::time::Instant;

/// Everything that calls of one producer wait for.
pub(crate) struct Waits {
    pool: Arc<BufferPool>,
    metadata: Arc<MetadataWaiters>,
    /// For outcomes, where these have a bound.
    places: Option<Arc<Places>>,
    /// For producer ids, offsets and the ends of transactions, where there are some.
    transactions: Option<Arc<Ledger>>,
}

impl Waits {
    pub(crate) fn new(
        pool: Arc<BufferPool>,
        places: Option<Arc<Places>>,
        transactions: Option<Arc<Ledger>>,
    ) -> Self {
        Self { pool, metadata: Arc::default(), places, transactions }
    }

    #[inline]
    pub(crate) fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }

    pub(crate) fn metadata(&self) -> &Arc<MetadataWaiters> {
        &self.metadata
    }

    #[inline]
    pub(crate) fn places(&self) -> Option<&Arc<Places>> {
        self.places.as_ref()
    }

    pub(crate) fn transactions(&self) -> Option<&Arc<Ledger>> {
        self.transactions.as_ref()
    }

    /// The same for a handle that is there only where transactions are.
    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        self.transactions.as_ref().expect("a transactional handle is made for a producer that has them")
    }

    /// When the next wait's time is up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let places = self.places.as_ref().and_then(|places| places.next_deadline());
        let transactions = self.transactions.as_ref().and_then(|ledger| ledger.next_deadline());
        let all = [self.pool.next_deadline(), self.metadata.next_deadline(), places, transactions];
        all.into_iter().flatten().min()
    }

    /// Ends the waits whose time is up; the cluster tells why those for metadata were in vain.
    pub(super) fn expire(&self, now: Instant, cluster: &Cluster) {
        self.pool.expire(now);
        self.metadata.expire(now, cluster);
        if let Some(places) = &self.places {
            places.expire(now);
        }
        if let Some(ledger) = &self.transactions {
            ledger.expire(now);
        }
    }

    /// Ends all, and those of later calls (CL7); but transactions are ended by the driver, as what was accepted is.
    pub(crate) fn close(&self, kind: &SendErrorKind) {
        self.metadata.close(kind);
        self.pool.close();
        if let Some(places) = &self.places {
            places.close();
        }
    }
}
