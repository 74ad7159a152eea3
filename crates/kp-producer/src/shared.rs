//! What all handles of one producer and its driver share: one part for each question, each with its own lock if it has any.
//! Touched by every sending thread and by the driver. No lock on the way of a record.

use crate::drive::ended::{Ended, Standing};
use crate::drive::link::{Command, Link};
use crate::error::{SendError, SendErrorKind};
use crate::extend::extensions::Extensions;
use crate::observe::notes::Notes;
use crate::send::old_cluster::OldCluster;
use crate::send::view::Views;
use crate::send::waits::Waits;
use crate::transaction::scope::Scope;
use kp_accumulator::{Accumulator, Spent};
use kp_metrics::Measured;
use kp_time::{Clock, Deadline};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// The numbers that `send` checks against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_block: Duration,
    pub(crate) max_request_size: usize,
    pub(crate) buffer_memory: usize,
    pub(crate) delivery_timeout: Duration,
}

pub(crate) struct Shared {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) views: Views,
    pub(crate) waits: Waits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) extensions: Extensions,
    pub(crate) measured: Arc<Measured>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) old_cluster: OldCluster,
    pub(crate) ended: Ended,
    pub(crate) link: Link,
}

impl Shared {
    /// Whether this process is another than the one that made the producer: a fork has no network thread. For calls that may
    /// wait; a record asks [`Origin::is_forked`](crate::drive::forked::Origin::is_forked).
    pub(crate) fn is_forked(&self) -> bool {
        self.link.origin().is_another_process()
    }

    /// The error of a record that is not accepted, counted, and what it means for its transaction. One that would only have had to
    /// wait is none.
    pub(crate) fn refuse(
        &self,
        scope: Option<&Scope>,
        kind: SendErrorKind,
        topic: &str,
        spent: Spent,
    ) -> SendError {
        if !matches!(kind, SendErrorKind::WouldBlock) {
            self.measured.counters().refuse_one();
        }
        let needs_abort = scope.is_some_and(|scope| match kind.leaves_out_a_record() {
            true => scope.refused(&kind, topic, &self.link),
            false => scope.doomed().is_some(),
        });
        SendError::new(kind, topic, spent).needing_abort(needs_abort)
    }

    /// The cluster gives no producer ids, and the configuration does not insist: what is promised shrinks, and that is said.
    pub(crate) fn goes_without_idempotence(&self, reason: &str) {
        self.old_cluster.set_without_idempotence();
        self.notes.notice(format!(
            "the cluster gives no producer ids ({reason}; Kafka 0.11 and newer do): sending without idempotence, one \
             batch of a partition at a time; the order is kept, a retry may write records twice. \
             enable.idempotence=false says that this is wanted, enable.idempotence=true makes it an error"
        ));
    }

    pub(crate) fn closed_kind(&self) -> SendErrorKind {
        match (self.ended.standing(), self.ended.fatal()) {
            (Standing::Panicked, _) => SendErrorKind::NetworkThreadGone,
            (Standing::Running, Some(reason)) => SendErrorKind::Fatal { reason: Arc::clone(reason) },
            (Standing::Running | Standing::Closing | Standing::Closed, _) => SendErrorKind::Closed,
        }
    }

    /// Why no call is any use: the process is a forked child, or the producer is closed or refused as a whole.
    pub(crate) fn refusal(&self) -> Option<SendErrorKind> {
        if self.is_forked() {
            return Some(SendErrorKind::Forked);
        }
        self.accumulator.is_closed().then(|| self.closed_kind())
    }

    /// Has the driver finish what was accepted until `deadline`, and accepts nothing more.
    pub(crate) fn begin_close(&self, deadline: Deadline) {
        self.ended.begin_close();
        // The command first: the core refuses new records with it, so that nothing leaves between the two.
        self.link.tell(Command::Close(deadline));
        self.refuse_new();
    }

    /// The moment by which a producer whose last handle was dropped must be done.
    pub(crate) fn delivery_deadline(&self) -> Deadline {
        Deadline::after(self.clock.now(), self.limits.delivery_timeout, "delivery.timeout.ms")
    }

    /// Refuses new records and ends the waits of calls (CL7, CL10). What was accepted goes on.
    pub(crate) fn refuse_new(&self) {
        self.accumulator.close();
        self.waits.close(&self.closed_kind());
    }

    /// CL11: the sender has ended; interceptors, serializers and partitioner follow. Nothing of the network is kept, also where
    /// a handle lives on.
    pub(crate) fn close_extensions(&self) {
        if let Some(ledger) = self.waits.transactions() {
            ledger.close();
        }
        self.extensions.close(&|words| self.notes.notice(words));
        self.link.forget_waker();
        self.waits.pool().set_driver_waker(Waker::noop().clone());
        self.accumulator.set_driver_waker(Waker::noop().clone());
    }
}
