//! The immutable picture of a cluster: brokers, topics, partitions, leaders and their epochs.
//! Owns: values only. Made by [`Metadata`](crate::Metadata), shared as `Arc<Cluster>` with every thread (MD18);
//! none ever changes.

use kp_protocol::{BrokerAddress, BrokerId, ErrorCode, LeaderEpoch, PartitionId, TopicId, TopicName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A snapshot of what is known about a cluster. Cloning is cheap enough for a change, not for a look: share it as
/// `Arc<Cluster>`.
///
/// ```
/// use kp_metadata::{Cluster, Partition, Topic};
/// use kp_protocol::{BrokerAddress, BrokerId, PartitionId, TopicId};
///
/// let broker = BrokerAddress { id: BrokerId(1), host: "localhost".into(), port: 9092, rack: None };
/// let lost = Partition::led_by(BrokerId(7)); // broker 7 is not in the list
/// let orders = Topic::new("orders".into(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1)), lost]);
/// let cluster = Cluster::new(1, [broker], [orders]);
/// assert_eq!(cluster.leader("orders", PartitionId(0)), Some(BrokerId(1)));
/// assert_eq!(cluster.leader("orders", PartitionId(1)), None); // MD12
/// ```
#[derive(Clone, Debug)]
pub struct Cluster {
    version: u64,
    is_bootstrap: bool,
    cluster_id: Option<Arc<str>>,
    controller: Option<BrokerId>,
    /// In the order of their ids.
    brokers: Arc<[BrokerAddress]>,
    /// In the order of their names: a slice, because a tree's nodes take more memory than a hundred thousand topics need,
    /// and only a change of the cluster writes to it.
    topics: Box<[Arc<Topic>]>,
    /// In the order of the ids.
    names: Arc<[(TopicId, TopicName)]>,
}

impl Cluster {
    /// The picture before the first answer: the bootstrap addresses as brokers −1, −2, …, whatever ids they bring;
    /// no topics; version 0 (MD1).
    #[must_use]
    pub fn bootstrap(addresses: Vec<BrokerAddress>) -> Self {
        let brokers = bootstrap_brokers(addresses);
        Self { is_bootstrap: true, ..Self::new(0, brokers, []) }
    }

    /// A picture made of its parts. A partition whose leader is not among `brokers` has none (MD12).
    #[must_use]
    pub fn new(
        version: u64,
        brokers: impl IntoIterator<Item = BrokerAddress>,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Self {
        let topics = topics.into_iter().map(|topic| (topic.name.clone(), Arc::new(topic)));
        let mut cluster = Self {
            version,
            is_bootstrap: false,
            cluster_id: None,
            controller: None,
            brokers: sorted_brokers(brokers),
            topics: topics.collect::<BTreeMap<_, _>>().into_values().collect(),
            names: Arc::default(),
        };
        cluster.unlead_missing_brokers();
        cluster.index_ids();
        cluster
    }

    /// Grows with each change of anything in it; 0 = bootstrap.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether the brokers are still (or again) the bootstrap list, with negative ids.
    #[must_use]
    pub fn is_bootstrap(&self) -> bool {
        self.is_bootstrap
    }

    /// The brokers, lowest id first.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerAddress> {
        self.brokers.iter()
    }

    /// The address of a broker.
    #[must_use]
    pub fn broker(&self, id: BrokerId) -> Option<&BrokerAddress> {
        find_broker(&self.brokers, id)
    }

    /// A topic, once a broker has answered for it: with partitions, or with an error, or both (see
    /// [`Topic::error`]).
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        let place = self.place_of(name).ok()?;
        self.topics.get(place)
    }

    /// All topics, in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter()
    }

    /// The name of the topic with this id (KIP-516).
    #[must_use]
    pub fn topic_name(&self, id: TopicId) -> Option<&TopicName> {
        let place = self.names.binary_search_by(|(known, _)| known.cmp(&id)).ok()?;
        self.names.get(place).map(|(_, name)| name)
    }

    /// A partition of a topic.
    #[must_use]
    pub fn partition(&self, topic: &str, partition: PartitionId) -> Option<&Partition> {
        self.topic(topic)?.partition(partition)
    }

    /// The broker that leads a partition; `None` if that is not known, or the broker is not.
    #[must_use]
    pub fn leader(&self, topic: &str, partition: PartitionId) -> Option<BrokerId> {
        self.partition(topic, partition)?.leader
    }

    /// The cluster's id, if a broker gave it (Metadata v2 and newer, KIP-78).
    #[must_use]
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The controller, if a broker gave it (Metadata v1 and newer), as of the last answer that changed anything else.
    /// KRaft brokers name any live broker here.
    #[must_use]
    pub fn controller(&self) -> Option<BrokerId> {
        self.controller
    }

    /// The next picture: these brokers, these topics in place of all, everything else as given.
    pub(crate) fn succeed(
        &self,
        brokers: BTreeMap<BrokerId, BrokerAddress>,
        topics: BTreeMap<TopicName, Arc<Topic>>,
        cluster_id: Option<Arc<str>>,
        controller: Option<BrokerId>,
    ) -> Self {
        let mut next = Self {
            version: self.version + 1,
            is_bootstrap: false,
            cluster_id,
            controller,
            brokers: brokers.into_values().collect(),
            topics: topics.into_values().collect(),
            names: Arc::default(),
        };
        next.unlead_missing_brokers();
        next.index_ids();
        next
    }

    /// The next picture after all brokers were lost: the bootstrap list in their place, the topics as they are but
    /// without leaders (MD23).
    pub(crate) fn rebootstrapped(&self, addresses: Vec<BrokerAddress>) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.is_bootstrap = true;
        next.brokers = sorted_brokers(bootstrap_brokers(addresses));
        next.controller = None;
        next.unlead_missing_brokers();
        next
    }

    /// The next picture, in which one partition has another leader, reached at `endpoint` if that is given (KIP-951).
    pub(crate) fn with_leader(
        &self,
        topic: &Topic,
        partition: PartitionId,
        led: Partition,
        endpoint: Option<&BrokerAddress>,
    ) -> Self {
        let mut next = self.clone();
        next.version += 1;
        if let Some(endpoint) = endpoint {
            next.brokers = sorted_brokers(self.brokers().chain([endpoint]).cloned());
        }
        let mut changed = topic.clone();
        if let Some(place) =
            usize::try_from(partition.0).ok().and_then(|index| changed.partitions.get_mut(index))
        {
            *place = led;
        }
        next.put(changed);
        next
    }

    /// The next picture, with this topic in place of what was known of it.
    pub(crate) fn with_topic(&self, topic: Topic) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.put(topic);
        next
    }

    /// Whether both say the same, whatever their versions.
    ///
    /// The controller does not count: a KRaft broker names any live broker as it (KIP-590), another in each answer, and
    /// that must not end the backoff of answers that bring nothing new (MD3).
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.is_bootstrap == other.is_bootstrap
            && self.cluster_id == other.cluster_id
            && self.brokers == other.brokers
            && self.topics == other.topics
    }

    /// Where a topic stands, or where it would.
    fn place_of(&self, name: &str) -> Result<usize, usize> {
        self.topics.binary_search_by(|topic| topic.name.as_str().cmp(name))
    }

    /// Puts a topic in its place, instead of what was known of it.
    fn put(&mut self, topic: Topic) {
        let topic = Arc::new(topic);
        match self.place_of(&topic.name) {
            Ok(place) => self.topics[place] = topic,
            Err(place) => {
                let mut topics = std::mem::take(&mut self.topics).into_vec();
                topics.insert(place, topic);
                self.topics = topics.into_boxed_slice();
            }
        }
    }

    fn unlead_missing_brokers(&mut self) {
        let brokers = Arc::clone(&self.brokers);
        let missing = |p: &Partition| p.leader.is_some_and(|leader| find_broker(&brokers, leader).is_none());
        for topic in &mut self.topics {
            if topic.partitions.iter().any(missing) {
                let topic = Arc::make_mut(topic);
                topic.partitions.iter_mut().filter(|p| missing(p)).for_each(|p| p.leader = None);
            }
        }
    }

    fn index_ids(&mut self) {
        let with_id = self.topics.iter().filter(|topic| !topic.id.is_zero());
        let names: BTreeMap<_, _> = with_id.map(|topic| (topic.id, topic.name.clone())).collect();
        self.names = names.into_iter().collect();
    }
}

/// In the order of their ids; of two with the same id, the last.
fn sorted_brokers(brokers: impl IntoIterator<Item = BrokerAddress>) -> Arc<[BrokerAddress]> {
    let brokers: BTreeMap<_, _> = brokers.into_iter().map(|broker| (broker.id, broker)).collect();
    brokers.into_values().collect()
}

fn find_broker(brokers: &[BrokerAddress], id: BrokerId) -> Option<&BrokerAddress> {
    let place = brokers.binary_search_by_key(&id, |broker| broker.id).ok()?;
    brokers.get(place)
}

fn bootstrap_brokers(addresses: Vec<BrokerAddress>) -> Vec<BrokerAddress> {
    (1..).zip(addresses).map(|(n, address)| BrokerAddress { id: BrokerId(-n), ..address }).collect()
}

/// What is known about one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    pub(crate) partitions: Box<[Partition]>,
    pub(crate) error: Option<ErrorCode>,
}

impl Topic {
    /// A topic that a broker described. A partition's number is its place in `partitions`.
    #[must_use]
    pub fn new(name: TopicName, id: TopicId, partitions: Vec<Partition>) -> Self {
        Self { name, id, partitions: partitions.into_boxed_slice(), error: None }
    }

    /// A topic for which a broker had only an error.
    #[must_use]
    pub fn failed(name: TopicName, error: ErrorCode) -> Self {
        Self { name, id: TopicId::ZERO, partitions: Box::default(), error: Some(error) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// Its id; zero if the brokers gave none (KIP-516).
    #[must_use]
    pub fn id(&self) -> TopicId {
        self.id
    }

    /// Its partitions; a partition's number is its place. Empty if none was ever described.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// One of its partitions.
    #[must_use]
    pub fn partition(&self, partition: PartitionId) -> Option<&Partition> {
        self.partitions.get(usize::try_from(partition.0).ok()?)
    }

    /// The last answer's error. `None` = the last answer was good.
    ///
    /// A retriable one (UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE) goes on being asked about, and what was
    /// known before stays usable (MD19); with another one (INVALID_TOPIC_EXCEPTION, TOPIC_AUTHORIZATION_FAILED) a
    /// `send` to this topic fails (MD9), while batches already queued keep their leaders and get the broker's answer.
    #[must_use]
    pub fn error(&self) -> Option<ErrorCode> {
        self.error
    }
}

/// What is known about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Partition {
    /// Its leader; `None` if there is none, or the broker list does not have it (MD12).
    pub leader: Option<BrokerId>,
    /// How new that is; `None` if the broker is too old to give it (Metadata below v9, MD11).
    pub leader_epoch: Option<LeaderEpoch>,
    /// The last answer's error for this partition (LEADER_NOT_AVAILABLE, …).
    pub error: Option<ErrorCode>,
}

impl Partition {
    /// A partition with this leader, of unknown epoch.
    #[must_use]
    pub fn led_by(leader: BrokerId) -> Self {
        Self { leader: Some(leader), leader_epoch: None, error: None }
    }

    /// A partition with this leader and epoch.
    #[must_use]
    pub fn led_since(leader: BrokerId, epoch: LeaderEpoch) -> Self {
        Self { leader: Some(leader), leader_epoch: Some(epoch), error: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(id: i32) -> BrokerAddress {
        BrokerAddress { id: BrokerId(id), host: "host".into(), port: 9092, rack: None }
    }

    #[test]
    fn bootstrap_addresses_become_brokers_with_negative_ids() {
        // MD1
        let cluster = Cluster::bootstrap(vec![address(5), address(5)]);
        assert_eq!(cluster.brokers().map(|b| b.id).collect::<Vec<_>>(), [BrokerId(-2), BrokerId(-1)]);
        assert!(cluster.is_bootstrap() && cluster.topics().next().is_none() && cluster.version() == 0);
    }

    #[test]
    fn a_partition_whose_leader_is_not_in_the_broker_list_has_no_leader() {
        // MD12
        let topic = Topic::new(
            "t".into(),
            TopicId([1; 16]),
            vec![Partition::led_by(BrokerId(1)), Partition::led_by(BrokerId(2))],
        );
        let cluster = Cluster::new(3, [address(1)], [topic]);
        assert_eq!(cluster.leader("t", PartitionId(0)), Some(BrokerId(1)));
        assert_eq!(cluster.leader("t", PartitionId(1)), None);
        assert_eq!(cluster.leader("t", PartitionId(-1)), None);
        assert_eq!(cluster.topic_name(TopicId([1; 16])).map(TopicName::as_str), Some("t"));
    }

    #[test]
    fn after_a_rebootstrap_topics_stay_and_have_no_leaders() {
        // MD23
        let topic = Topic::new("t".into(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1))]);
        let before = Cluster::new(3, [address(1)], [topic]);
        let after = before.rebootstrapped(vec![address(0)]);
        assert!(after.is_bootstrap() && after.version() > before.version());
        assert_eq!(after.topic("t").map(|t| t.partitions().len()), Some(1));
        assert_eq!(after.leader("t", PartitionId(0)), None);
        assert_eq!(
            before.leader("t", PartitionId(0)),
            Some(BrokerId(1)),
            "the old snapshot does not change (MD18)"
        );
    }
}
