//! The cluster behind one lock, and the waiting of long polls. Touched by every connection thread and by tests.
//! The lock is held for one request's checks and append; never while bytes are read, parsed or written.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::{Reply, RequestReader, SimCluster, Waiting};

#[derive(Debug)]
struct State {
    cluster: SimCluster,
    /// Connection threads in a long poll.
    waiting: usize,
}

/// What the threads of one broker share.
pub(super) type Cluster = Arc<Shared>;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    next_connection: AtomicU64,
    pub(super) reader: RequestReader,
}

impl Shared {
    pub(super) fn lock(&self) -> ClusterGuard<'_> {
        // A panic while the lock was held left the cluster as it was between two fields at worst; tests that inject
        // faults want the failing thread's own message, not a second one about the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Before a caller looks, what was due by itself has happened.
        if state.cluster.next_moment().is_some() {
            let (now, timestamp_ms) = now();
            state.cluster.tick(now, timestamp_ms);
        }
        ClusterGuard { state, changed: &self.changed }
    }

    pub(super) fn new_connection(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until something changes or the request is due, and asks again; `None` once `is_stopped`.
    pub(super) fn wait(&self, mut waiting: Box<Waiting>, is_stopped: impl Fn() -> bool) -> Option<Reply> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        let reply = loop {
            if is_stopped() {
                break None;
            }
            let (now, timestamp_ms) = now();
            match state.cluster.resume(now, timestamp_ms, *waiting) {
                Reply::Later(still) => waiting = still,
                reply => break Some(reply),
            }
            // No request announces what the cluster does by itself: a thread that waits looks when its time has come.
            let next =
                state.cluster.next_moment().map_or(waiting.deadline(), |at| at.min(waiting.deadline()));
            let left = next.saturating_duration_since(now);
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        };
        state.waiting -= 1;
        reply
    }

    /// Keeps the calling thread until `is_stopped`.
    pub(super) fn wait_until(&self, is_stopped: impl Fn() -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        while !is_stopped() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }

    /// Wakes every waiting thread, to look whether it is stopped.
    pub(super) fn wake_all(&self) {
        // Under the lock, so that no thread is between looking and waiting.
        drop(self.lock());
    }
}

/// The monotonic and the wall clock.
pub(super) fn now() -> (Instant, i64) {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), i64::try_from(wall.as_millis()).unwrap_or(i64::MAX))
}

/// The state machine of a running [`EmbeddedBroker`](super::EmbeddedBroker). Clones are the same cluster.
#[derive(Clone, Debug)]
pub struct ClusterHandle(pub(super) Arc<Shared>);

impl ClusterHandle {
    pub(super) fn new(cluster: SimCluster) -> Self {
        let reader = cluster.reader();
        let state = Mutex::new(State { cluster, waiting: 0 });
        Self(Arc::new(Shared { state, changed: Condvar::new(), next_connection: AtomicU64::new(1), reader }))
    }

    /// How many hold the cluster: this handle and its clones, the broker, and each of its running threads. Meant for
    /// tests that look for leaks.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// The cluster, for as long as the guard lives. Requests wait meanwhile, so keep it short.
    #[must_use]
    pub fn lock(&self) -> ClusterGuard<'_> {
        self.0.lock()
    }
}

/// The locked cluster. Dropping it lets waiting fetches look again.
#[derive(Debug)]
pub struct ClusterGuard<'a> {
    state: MutexGuard<'a, State>,
    changed: &'a Condvar,
}

impl Deref for ClusterGuard<'_> {
    type Target = SimCluster;
    fn deref(&self) -> &SimCluster {
        &self.state.cluster
    }
}

impl DerefMut for ClusterGuard<'_> {
    fn deref_mut(&mut self) -> &mut SimCluster {
        &mut self.state.cluster
    }
}

impl Drop for ClusterGuard<'_> {
    fn drop(&mut self) {
        if self.state.waiting > 0 {
            self.changed.notify_all();
        }
    }
}
