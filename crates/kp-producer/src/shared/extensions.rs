//! The user's own parts of a producer, and the order in which they are closed.

use crate::acks::AckSource;
use crate::delivery_report::Listener;
use crate::extension::Configured;
use crate::interceptor::Chain;
use kp_accumulator::Partitioner;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    pub(crate) listener: Option<Arc<Listener>>,
    /// Where the listener puts outcomes, if there is a consumer of them.
    pub(crate) acks: Option<AckSource>,
    /// What they are configured with.
    pub(crate) config: BTreeMap<String, String>,
}

impl Extensions {
    /// CL11: one after the other, whatever happens to any of them.
    pub(crate) fn close(&self, between: impl FnOnce(), tell: &dyn Fn(String)) {
        if let Some(interceptors) = &self.interceptors {
            interceptors.close(tell);
        }
        between();
        if let Some(partitioner) = &self.partitioner {
            partitioner.close(|partitioner| partitioner.close(), "partitioner", tell);
        }
    }
}
