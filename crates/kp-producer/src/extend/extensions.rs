//! The user's own parts of a producer, and the order in which they are closed.

use crate::extend::extension::Configured;
use crate::extend::interceptor::Chain;
use crate::outcome::listener::Listener;
use kp_accumulator::Partitioner;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Something of the user's that is closed with the producer.
pub(crate) trait Closer: Send + Sync {
    /// Called once; what goes wrong is told in words.
    fn close(&self, tell: &dyn Fn(String));
}

/// The user's own parts.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) interceptors: Option<Arc<Chain>>,
    pub(crate) partitioner: Option<Configured<Box<dyn Partitioner>>>,
    pub(crate) listener: Arc<Listener>,
    /// What they are configured with.
    pub(crate) config: BTreeMap<String, String>,
    closers: Closers,
}

/// What is made while the producer runs and closed with it.
struct Closers(Mutex<Option<Vec<Weak<dyn Closer>>>>);

impl Default for Closers {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Extensions {
    /// Has something closed with the producer; at once if it has ended. What is gone by then has closed itself.
    pub(crate) fn close_with_me(&self, closer: &Arc<dyn Closer>, tell: impl Fn(String)) {
        if let Some(closers) = &mut *self.closers.0.lock() {
            if closers.len() == closers.capacity() {
                closers.retain(|closer| closer.strong_count() > 0);
            }
            return closers.push(Arc::downgrade(closer));
        }
        closer.close(&tell);
    }

    /// For tests: what is kept to be closed.
    #[cfg(test)]
    pub(crate) fn closers(&self) -> usize {
        self.closers.0.lock().as_ref().map_or(0, Vec::len)
    }

    /// CL11: one after the other, whatever happens to any of them.
    pub(crate) fn close(&self, tell: &dyn Fn(String)) {
        if let Some(interceptors) = &self.interceptors {
            interceptors.close(tell);
        }
        let closers = self.closers.0.lock().take().into_iter().flatten();
        closers.filter_map(|closer| closer.upgrade()).for_each(|closer| closer.close(tell));
        if let Some(partitioner) = &self.partitioner {
            partitioner.close(|partitioner| partitioner.close(), "partitioner", tell);
        }
        self.listener.end();
    }
}
