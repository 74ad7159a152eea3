//! What is left of batches that are settled, to be used again: at a steady rate no batch needs memory from the heap.
//! Owner: the accumulator alone. Batches and topics know it weakly: what is settled after the accumulator is gone is dropped.
//! Touched by append when a batch opens and by the thread that settles one. Lock: one, for a push or a pop.

use crate::batch::{Core, KeepSpare, PartitionContext};
use crate::completion::Completion;
use kp_protocol::TopicPartition;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// The share of `buffer.memory` that batches kept to be used again may take, as a divisor: at the default `batch.size` a batch for
/// each page and as many again, since all of them are on their way when the broker is the slower side.
const CORE_SHARE: usize = 8;
/// Where `buffer.memory` is small they may take so many bytes.
const LEAST_SPARES: usize = 64 << 10;
/// More batches than fit here are on their way at once only with small batches.
const MOST_CORES: usize = 4 << 20;

/// The store.
#[derive(Debug)]
pub(crate) struct Spares {
    /// How many batches are kept, and how many completions.
    most_cores: usize,
    kept: Mutex<Kept>,
    /// Stands in a spare for a completion that a caller still holds.
    blank: Arc<Completion>,
}

#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "a batch takes the box as it is")]
struct Kept {
    cores: Vec<Box<Core>>,
    /// Completions that a caller still held when their batch was settled, the oldest in front: by the time they are needed, it
    /// may have let go.
    shared: VecDeque<Arc<Completion>>,
}

impl Spares {
    /// For batches in `memory` bytes, each of which takes `overhead` besides its pages.
    pub(crate) fn new(memory: usize, overhead: usize) -> Arc<Self> {
        let cores = (memory / CORE_SHARE).clamp(LEAST_SPARES, MOST_CORES);
        Arc::new(Self {
            most_cores: cores / overhead,
            kept: Mutex::default(),
            blank: Arc::new(Completion::new(TopicPartition::new("", 0))),
        })
    }

    /// The inside of a batch that was settled, as that of a new one.
    pub(crate) fn renewed(&self, context: &Arc<PartitionContext>, created: Instant) -> Option<Box<Core>> {
        let mut core = self.take()?;
        core.renew(Arc::clone(context), created, Arc::clone(&self.blank));
        Some(core)
    }

    fn take(&self) -> Option<Box<Core>> {
        let mut kept = self.kept.lock();
        let mut core = kept.cores.pop()?;
        if core.completion_is(&self.blank) && kept.shared.front_mut().is_some_and(is_free) {
            core.take_completion(kept.shared.pop_front()?);
        }
        Some(core)
    }

    /// How many insides and shared completions are kept.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let kept = self.kept.lock();
        (kept.cores.len(), kept.shared.len())
    }
}

impl KeepSpare for Spares {
    fn keep(&self, mut core: Box<Core>) {
        let shared = core.retire(&self.blank);
        let mut kept = self.kept.lock();
        let surplus = if kept.cores.len() < self.most_cores {
            kept.cores.push(core);
            kept.shared.extend(shared);
            let oldest = if kept.shared.len() > self.most_cores { kept.shared.pop_front() } else { None };
            (None, oldest)
        } else {
            (Some(core), shared)
        };
        drop(kept);
        drop(surplus); // without the lock
    }
}

/// Whether no caller holds it any more.
fn is_free(completion: &mut Arc<Completion>) -> bool {
    Arc::get_mut(completion).is_some()
}
