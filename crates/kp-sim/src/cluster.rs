//! The cluster as one state machine: brokers, topics, producer ids, planned faults. It is told what time it is and what
//! arrived, and answers. Hosts: `tcp` (sockets), a simulation (virtual time). Never: a clock, a socket, a thread.
//! This file holds the state and the handles of a test; what each API answers lies in the file of that API.

use std::collections::BTreeMap;
use std::sync::Arc;

use kp_protocol::{BrokerAddress, BrokerId, KafkaString, TopicId, TopicName, TopicPartition};
use kp_time::Jitter;

use crate::error::SimError;
use crate::faults::{Fault, Faults};
use crate::follower_lag::ReplicationLag;
use crate::group::Groups;
use crate::log::StoredBatch;
use crate::sasl::Doors;
use crate::settings::{ClusterSettings, TopicSettings};
use crate::topic::{Partition, Topic};
use crate::transaction::Transactions;

/// What the double calls its cluster, so that no reader of its metadata takes it for Apache Kafka.
pub const CLUSTER_ID: &str = "kp-embedded-development-broker";

/// One broker: where it says it is, and whether it runs.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) address: BrokerAddress,
    pub(crate) up: bool,
}

/// What is known of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSoftware {
    /// Name of the client library (KIP-511); empty until it says.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A deterministic, in-memory Kafka cluster: an embedded development broker, **not Apache Kafka**.
///
/// ```
/// use kp_protocol::{ApiKey, BrokerId, RequestHeader, api::MetadataRequest, encode_request};
/// use kp_sim::{ClusterSettings, Reply, SimCluster};
/// use kp_time::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let mut cluster = SimCluster::new(ClusterSettings { brokers: 3, ..Default::default() });
/// cluster.advertise(BrokerId(1), "localhost", 9092)?;
///
/// let header = RequestHeader { correlation_id: 1, client_id: Some("docs") };
/// let request = encode_request(&header, 12, &MetadataRequest::default())?.concat();
/// let frame = request[4..].to_vec().into(); // without its size
/// let reply = cluster.handle_request(clock.now(), clock.timestamp_ms(), BrokerId(1), 7, frame);
/// assert!(matches!(reply, Reply::Answer(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimCluster {
    pub(crate) settings: ClusterSettings,
    pub(crate) brokers: BTreeMap<BrokerId, Broker>,
    pub(crate) topics: BTreeMap<TopicName, Topic>,
    pub(crate) topic_names: BTreeMap<TopicId, TopicName>,
    pub(crate) groups: Groups,
    pub(crate) faults: Faults,
    pub(crate) clients: BTreeMap<u64, ClientSoftware>,
    requests: BTreeMap<i16, u64>,
    topic_ids: Jitter,
    pub(crate) lags: Jitter,
    pub(crate) doors: Doors,
    pub(crate) transactions: Transactions,
}

impl SimCluster {
    /// A cluster whose brokers all run, without topics. Until [`advertise`](Self::advertise) says otherwise, broker
    /// `n` claims to be at host `broker-n`, port 9092.
    #[must_use]
    pub fn new(settings: ClusterSettings) -> Self {
        let brokers = (1..=settings.brokers.max(1) as i32).map(|number| {
            let id = BrokerId(number);
            let address =
                BrokerAddress { id, host: Arc::from(format!("broker-{number}")), port: 9092, rack: None };
            (id, Broker { address, up: true })
        });
        Self {
            brokers: brokers.collect(),
            topics: BTreeMap::new(),
            topic_names: BTreeMap::new(),
            groups: Groups::default(),
            faults: Faults::default(),
            clients: BTreeMap::new(),
            requests: BTreeMap::new(),
            topic_ids: Jitter::seeded(settings.seed),
            lags: Jitter::seeded(settings.seed ^ 0x6c61_6773),
            doors: Doors::seeded(settings.seed),
            transactions: Transactions::default(),
            settings,
        }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    // ---- brokers -----------------------------------------------------------------------------------------------

    /// The brokers' numbers, lowest first, whether they run or not.
    pub fn broker_ids(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.brokers.keys().copied()
    }

    /// Says where clients reach a broker (`advertised.listeners`).
    ///
    /// # Errors
    /// [`SimError::UnknownBroker`].
    pub fn advertise(&mut self, broker: BrokerId, host: &str, port: u16) -> Result<(), SimError> {
        let known = self.brokers.get_mut(&broker).ok_or(SimError::UnknownBroker { broker })?;
        known.address = BrokerAddress { host: Arc::from(host), port, ..known.address.clone() };
        Ok(())
    }

    /// Whether a broker runs.
    #[must_use]
    pub fn is_up(&self, broker: BrokerId) -> bool {
        self.brokers.get(&broker).is_some_and(|known| known.up)
    }

    /// Stops a broker. What it led goes to the next replica that runs, or is left without a leader; either way under a
    /// new epoch. Its host closes the connections.
    ///
    /// # Errors
    /// [`SimError::UnknownBroker`].
    pub fn take_down(&mut self, broker: BrokerId) -> Result<(), SimError> {
        self.brokers.get_mut(&broker).ok_or(SimError::UnknownBroker { broker })?.up = false;
        let brokers = &self.brokers;
        let runs = |id: &&BrokerId| brokers.get(id).is_some_and(|known| known.up);
        for partition in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
            if partition.leader == Some(broker) {
                let next = partition.replicas.iter().find(runs).copied();
                partition.elect(next);
            }
        }
        Ok(())
    }

    /// Starts a broker again. It leads what has no leader and a copy on it; what it lost meanwhile stays where it is.
    ///
    /// # Errors
    /// [`SimError::UnknownBroker`].
    pub fn bring_up(&mut self, broker: BrokerId) -> Result<(), SimError> {
        self.brokers.get_mut(&broker).ok_or(SimError::UnknownBroker { broker })?.up = true;
        for partition in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
            // Where followers lie behind, only the last leader has everything that was acknowledged.
            let has_everything = self.settings.replication_lag == ReplicationLag::NONE
                || partition.last_leader == Some(broker);
            if partition.leader.is_none() && partition.replicas.contains(&broker) && has_everything {
                partition.elect(Some(broker));
            }
        }
        Ok(())
    }

    /// Moves a partition's leadership, under a new epoch. Other brokers answer NOT_LEADER_OR_FOLLOWER from now on.
    ///
    /// # Errors
    /// [`SimError::CannotLead`] if the broker is down or holds no copy; unknown topic, partition or broker.
    pub fn move_leader(&mut self, at: &TopicPartition, to: BrokerId) -> Result<(), SimError> {
        let up = self.brokers.get(&to).ok_or(SimError::UnknownBroker { broker: to })?.up;
        let partition = self.partition_mut(at)?;
        if !up || !partition.replicas.contains(&to) {
            return Err(SimError::CannotLead {
                broker: to,
                topic: at.topic.clone(),
                partition: at.partition,
            });
        }
        partition.elect(Some(to));
        Ok(())
    }

    // ---- topics ------------------------------------------------------------------------------------------------

    /// Creates a topic, as a CreateTopics request would.
    ///
    /// # Errors
    /// [`SimError::CannotCreate`] with the code a client would be answered.
    pub fn create_topic(&mut self, name: &str, settings: TopicSettings) -> Result<TopicId, SimError> {
        self.try_create_topic(name, settings, None).map_err(|(code, message)| SimError::CannotCreate {
            topic: TopicName::new(name),
            code,
            message,
        })
    }

    /// Deletes a topic and all that is in it. A topic of the same name that is created later has another id.
    ///
    /// # Errors
    /// [`SimError::UnknownTopic`].
    pub fn delete_topic(&mut self, name: &str) -> Result<(), SimError> {
        let topic =
            self.topics.remove(name).ok_or_else(|| SimError::UnknownTopic { topic: TopicName::new(name) })?;
        self.topic_names.remove(&topic.id);
        self.groups.forget_topic(name);
        Ok(())
    }

    /// Makes a partition forget its idempotent producers, as after `producer.id.expiration.ms` or a lost snapshot.
    ///
    /// # Errors
    /// [`SimError::UnknownTopic`], [`SimError::UnknownPartition`].
    pub fn forget_producers(&mut self, at: &TopicPartition) -> Result<(), SimError> {
        self.partition_mut(at)?.producers.forget_all();
        Ok(())
    }

    /// Drops the batches before `offset`, as retention does. `offset` is rounded down to where a batch begins.
    ///
    /// # Errors
    /// [`SimError::UnknownTopic`], [`SimError::UnknownPartition`].
    pub fn delete_records_before(&mut self, at: &TopicPartition, offset: i64) -> Result<(), SimError> {
        let partition = self.partition_mut(at)?;
        partition.log.delete_before(offset);
        partition.transactions.forget_before(partition.log.start_offset());
        Ok(())
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values()
    }

    /// A topic by name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// A partition.
    ///
    /// # Errors
    /// [`SimError::UnknownTopic`], [`SimError::UnknownPartition`].
    pub fn partition(&self, at: &TopicPartition) -> Result<&Partition, SimError> {
        let topic =
            self.topics.get(&at.topic).ok_or_else(|| SimError::UnknownTopic { topic: at.topic.clone() })?;
        topic.partition(at.partition.0).ok_or_else(|| no_partition(at, topic.partitions.len()))
    }

    /// The batches of a partition, oldest first; empty if there is no such partition, or if nothing is retained.
    #[must_use]
    pub fn log(&self, topic: &str, partition: i32) -> &[StoredBatch] {
        let found = self.topics.get(topic).and_then(|topic| topic.partition(partition));
        found.map_or(&[], |partition| partition.log.batches())
    }

    /// How many records were ever appended to a topic, also if they are not retained. 0 if there is no such topic.
    #[must_use]
    pub fn record_count(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(0, |topic| {
            topic.partitions.iter().map(|partition| partition.log.records_appended()).sum()
        })
    }

    // ---- faults and facts --------------------------------------------------------------------------------------

    /// Plans a fault for the next `times` requests or batches that fit it; `u32::MAX` means until cleared.
    pub fn inject(&mut self, fault: Fault, times: u32) {
        self.faults.plan(fault, times);
    }

    /// Forgets every planned fault.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// How many planned strikes have not come yet.
    #[must_use]
    pub fn faults_left(&self) -> u64 {
        self.faults.left()
    }

    /// How many requests of an API have arrived at all brokers together.
    #[must_use]
    pub fn requests(&self, api: kp_protocol::ApiKey) -> u64 {
        self.requests.get(&api.key()).copied().unwrap_or(0)
    }

    /// What the client on a connection says it is (KIP-511), once it has said so.
    #[must_use]
    pub fn client(&self, connection: u64) -> Option<&ClientSoftware> {
        self.clients.get(&connection)
    }

    /// A host says that a connection is gone; what was known of it is forgotten.
    pub fn connection_closed(&mut self, connection: u64) {
        self.clients.remove(&connection);
        self.doors.forget(connection);
    }

    // ---- for the APIs ------------------------------------------------------------------------------------------

    pub(crate) fn count_request(&mut self, api: kp_protocol::ApiKey) {
        *self.requests.entry(api.key()).or_default() += 1;
    }

    pub(crate) fn partition_mut(&mut self, at: &TopicPartition) -> Result<&mut Partition, SimError> {
        let topic = self
            .topics
            .get_mut(&at.topic)
            .ok_or_else(|| SimError::UnknownTopic { topic: at.topic.clone() })?;
        let partitions = topic.partitions.len();
        topic.partition_mut(at.partition.0).ok_or_else(|| no_partition(at, partitions))
    }

    /// A topic of a request, by id where the version has ids and by name where it has names.
    pub(crate) fn requested_topic(&self, by_id: bool, name: &KafkaString, id: TopicId) -> Option<&Topic> {
        if by_id { self.topics.get(self.topic_names.get(&id)?) } else { self.topics.get(name.as_str()) }
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &BrokerAddress> {
        self.brokers.values().filter(|broker| broker.up).map(|broker| &broker.address)
    }

    /// The controller: the lowest broker that runs.
    pub(crate) fn controller(&self) -> i32 {
        self.running().next().map_or(-1, |address| address.id.0)
    }

    pub(crate) fn new_topic_id(&mut self) -> TopicId {
        loop {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&self.topic_ids.next_u64().to_be_bytes());
            id[8..].copy_from_slice(&self.topic_ids.next_u64().to_be_bytes());
            let id = TopicId(id);
            // Kafka reserves the ids 0 and 1; this ends because the generator does not repeat for 2^64 numbers.
            if id.0[..15] != [0; 15] && !self.topic_names.contains_key(&id) {
                return id;
            }
        }
    }
}

fn no_partition(at: &TopicPartition, partitions: usize) -> SimError {
    SimError::UnknownPartition { topic: at.topic.clone(), partition: at.partition, partitions }
}
