//! What a record is sent by: the cluster as it is known, and the queues of its topics. Never changed; a newer one takes its place.

use crate::error::SendErrorKind;
use crate::send::metadata_wait::Wanted;
use arc_swap::ArcSwap;
use kp_accumulator::{Accumulator, TopicQueues};
use kp_metadata::{Cluster, Topic};
use kp_protocol::TopicName;
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The newest view, and how many there were.
pub(crate) struct Views {
    newest: ArcSwap<View>,
    /// Grows with each view.
    generation: AtomicU64,
}

impl Views {
    pub(crate) fn new(first: View) -> Self {
        Self { newest: ArcSwap::from_pointee(first), generation: AtomicU64::new(0) }
    }

    /// The cluster and its topics as they are known now.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<View>> {
        self.newest.load()
    }

    pub(in crate::send) fn load_full(&self) -> Arc<View> {
        self.newest.load_full()
    }

    pub(in crate::send) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, view: View) {
        self.newest.store(Arc::new(view));
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// A snapshot of the cluster, and the queues of every topic in it: one load gives both.
pub(crate) struct View {
    pub(crate) cluster: Arc<Cluster>,
    /// Looked up with every record. The application alone chooses the names: no hash against floods.
    pub(in crate::send) topics: HashMap<TopicName, TopicView, FxBuildHasher>,
    /// Why nothing is accepted although there is a cluster; no topics are shown then.
    refusal: Option<SendErrorKind>,
}

#[derive(Clone)]
pub(crate) struct TopicView {
    pub(in crate::send) topic: Arc<Topic>,
    pub(in crate::send) queues: Arc<TopicQueues>,
}

/// A topic as one view has it, kept by a caller that sends to it again and again.
#[derive(Clone)]
pub(crate) struct CachedTopic {
    /// Of the view, or of an older one.
    pub(in crate::send) generation: u64,
    pub(in crate::send) view: Arc<View>,
    pub(in crate::send) found: TopicView,
}

impl View {
    pub(crate) fn new(cluster: Arc<Cluster>, accumulator: &Accumulator) -> Self {
        let with_partitions = cluster.topics().filter(|topic| !topic.partitions().is_empty());
        let topics = with_partitions
            .map(|topic| {
                let queues = accumulator.topic(topic.name(), topic.partitions().len());
                (topic.name().clone(), TopicView { topic: Arc::clone(topic), queues })
            })
            .collect();
        Self { cluster, topics, refusal: None }
    }

    /// One in which no topic is found, but `refusal` instead.
    pub(crate) fn refusing(cluster: Arc<Cluster>, refusal: SendErrorKind) -> Self {
        Self { cluster, topics: HashMap::default(), refusal: Some(refusal) }
    }

    /// Whether it was made of this snapshot, and shows its topics.
    pub(crate) fn shows(&self, cluster: &Arc<Cluster>) -> bool {
        self.refusal.is_none() && Arc::ptr_eq(&self.cluster, cluster)
    }

    /// What this says to a wish; see [`Wanted::verdict`].
    pub(in crate::send) fn verdict(&self, wanted: &Wanted) -> Option<Result<(), SendErrorKind>> {
        match &self.refusal {
            Some(refusal) => Some(Err(refusal.clone())),
            None => wanted.verdict(&self.cluster),
        }
    }
}
