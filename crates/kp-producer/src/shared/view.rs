//! What a record is sent by: the cluster as it is known, and the queues of its topics. Never changed; a newer one takes its place.

use crate::error::SendErrorKind;
use crate::metadata_wait::Wanted;
use kp_accumulator::{Accumulator, TopicQueues};
use kp_metadata::{Cluster, Topic};
use kp_protocol::TopicName;
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::sync::Arc;

/// A snapshot of the cluster, and the queues of every topic in it: one load gives both.
pub(crate) struct View {
    pub(crate) cluster: Arc<Cluster>,
    /// Looked up with every record. The application alone chooses the names: no hash against floods.
    pub(super) topics: HashMap<TopicName, TopicView, FxBuildHasher>,
    /// Why nothing is accepted although there is a cluster; no topics are shown then.
    refusal: Option<SendErrorKind>,
}

#[derive(Clone)]
pub(crate) struct TopicView {
    pub(super) topic: Arc<Topic>,
    pub(super) queues: Arc<TopicQueues>,
}

/// A topic as one view has it, kept by a caller that sends to it again and again.
#[derive(Clone)]
pub(crate) struct CachedTopic {
    /// Of the view, or of an older one.
    pub(super) generation: u64,
    pub(super) view: Arc<View>,
    pub(super) found: TopicView,
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
    pub(super) fn verdict(&self, wanted: &Wanted) -> Option<Result<(), SendErrorKind>> {
        match &self.refusal {
            Some(refusal) => Some(Err(refusal.clone())),
            None => wanted.verdict(&self.cluster),
        }
    }
}
