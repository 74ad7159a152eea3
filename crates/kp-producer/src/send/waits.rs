//! The queues in which calls wait: for memory, for metadata, for a place for an outcome. Each has a lock of its own; a wait is
//! ended by what it waits for, by the driver, or by a caller whose own time is up. Never: waits itself.

use crate::error::SendErrorKind;
use crate::outcome::acks::Places;
use crate::send::metadata_wait::MetadataWaiters;
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
}

impl Waits {
    pub(crate) fn new(pool: Arc<BufferPool>, places: Option<Arc<Places>>) -> Self {
        Self { pool, metadata: Arc::default(), places }
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

    /// When the next wait's time is up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let places = self.places.as_ref().and_then(|places| places.next_deadline());
        [self.pool.next_deadline(), self.metadata.next_deadline(), places].into_iter().flatten().min()
    }

    /// Ends the waits whose time is up; the cluster tells why those for metadata were in vain.
    pub(super) fn expire(&self, now: Instant, cluster: &Cluster) {
        self.pool.expire(now);
        self.metadata.expire(now, cluster);
        if let Some(places) = &self.places {
            places.expire(now);
        }
    }

    /// Ends all, and those of later calls (CL7).
    pub(crate) fn close(&self, kind: &SendErrorKind) {
        self.metadata.close(kind);
        self.pool.close();
        if let Some(places) = &self.places {
            places.close();
        }
    }
}
