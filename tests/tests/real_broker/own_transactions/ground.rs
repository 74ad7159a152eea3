//! The cluster of all parts, the network in front of it, and what its coordinators say over a plain connection.

use std::time::Duration;

use kp_producer::ProducerConfig;
use kp_producer::blocking::TransactionalProducer;
use kp_protocol::ErrorCode;
use kp_protocol::api::{
    DescribeTransactionsRequest, DescribeTransactionsTransactionState, FindCoordinatorRequest,
    OffsetFetchRequest, OffsetFetchRequestTopic,
};
use kp_tests::late_frames::LateFrames;
use kp_tests::socket::Socket;
use xtask::kafka::{ClientListener, KafkaCluster, Options, free_ports};

use crate::until::wait_until;

pub(super) const PARTITIONS: i32 = 3;
const REPLICAS: i16 = 3;
/// How often a coordinator looks for transactions whose time is up.
const FAST_TIMEOUTS: (&str, &str) = ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "200");
/// Key types of FindCoordinator.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Three brokers. Clients reach them at once, or by a network that can hold requests back.
#[derive(Debug)]
pub(super) struct Ground {
    cluster: KafkaCluster,
    network: LateFrames,
    version: String,
}

impl Ground {
    pub(super) fn start(version: &str) -> Self {
        let ports = free_ports(2 * REPLICAS as usize).expect("free ports");
        let listeners: Vec<ClientListener> =
            ports.chunks_exact(2).map(|pair| ClientListener { port: pair[0], advertised: pair[1] }).collect();
        let options = Options { version: version.to_owned(), ..Options::brokers(REPLICAS as u16) };
        let options = options.setting(FAST_TIMEOUTS.0, FAST_TIMEOUTS.1).clients_at(listeners.clone());
        let cluster = KafkaCluster::start(&options).expect("Kafka starts");
        let network = LateFrames::start(&listeners).expect("free ports");
        Self { cluster, network, version: version.to_owned() }
    }

    pub(super) fn stop(self) {
        self.cluster.stop().expect("Kafka stops");
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn cluster(&self) -> &KafkaCluster {
        &self.cluster
    }

    pub(super) fn network(&self) -> &LateFrames {
        &self.network
    }

    /// Whether each end brings the next epoch, and Produce adds partitions (KIP-890).
    pub(super) fn has_second_protocol(&self) -> bool {
        !self.version.starts_with("3.")
    }

    /// A topic on every broker.
    pub(super) fn topic(&self, name: &str) -> String {
        self.cluster.create_topic(name, PARTITIONS, REPLICAS).expect("a topic");
        name.to_owned()
    }

    /// A producer that reaches the brokers at once.
    pub(super) fn producer(&self, id: &str, more: &[(&str, &str)]) -> TransactionalProducer {
        producer(&self.cluster.bootstrap(), id, more)
    }

    /// One whose requests the network can hold back. It asks again after a second and a half.
    pub(super) fn remote_producer(&self, id: &str, more: &[(&str, &str)]) -> TransactionalProducer {
        let impatient = [("request.timeout.ms", "1500")];
        producer(&self.network.bootstrap(), id, &[&impatient, more].concat())
    }

    /// The id of the broker that keeps a transactional id.
    pub(super) fn coordinator(&self, id: &str) -> i32 {
        self.keeper_of(id, TRANSACTION)
    }

    /// The id of the broker that keeps a group.
    pub(super) fn group_coordinator(&self, group: &str) -> i32 {
        self.keeper_of(group, GROUP)
    }

    fn keeper_of(&self, key: &str, key_type: i8) -> i32 {
        let request = FindCoordinatorRequest { key: key.into(), key_type, ..Default::default() };
        let mut keeper = None;
        let is_found = || {
            let answer = Socket::to(&self.cluster).ask(3, &request).expect("an answer");
            keeper = answer.error_code.is_ok().then_some(answer.node_id);
            keeper.is_some()
        };
        wait_until(is_found, &format!("the coordinator of {key}"));
        keeper.expect("it was waited for")
    }

    /// What its coordinator knows of a transactional id.
    pub(super) fn state_of(&self, id: &str) -> DescribeTransactionsTransactionState {
        let request =
            DescribeTransactionsRequest { transactional_ids: vec![id.into()], ..Default::default() };
        let mut state = None;
        let is_told = || {
            let mut socket = Socket::to_broker(&self.cluster, self.coordinator(id));
            let answer = socket.ask(0, &request).expect("an answer");
            state = answer.transaction_states.into_iter().find(|state| state.error_code.is_ok());
            state.is_some()
        };
        wait_until(is_told, &format!("the state of {id}"));
        state.expect("it was waited for")
    }

    /// Waits until the markers of its last transaction are written.
    pub(super) fn wait_until_ended(&self, id: &str) {
        let has_ended = || self.state_of(id).transaction_state.starts_with("Complete");
        wait_until(has_ended, &format!("the end of {id}'s transaction"));
    }

    /// Where a group goes on reading partition 0 of a topic, once no transaction can move it any more; −1 for nowhere.
    pub(super) fn committed_offset(&self, group: &str, topic: &str) -> i64 {
        let topic =
            OffsetFetchRequestTopic { name: topic.into(), partition_indexes: vec![0], ..Default::default() };
        let request = OffsetFetchRequest {
            group_id: group.into(),
            topics: Some(vec![topic]),
            require_stable: true,
            ..Default::default()
        };
        let mut socket = Socket::to_broker(&self.cluster, self.group_coordinator(group));
        let mut offset = 0;
        let is_stable = || {
            let answer = socket.ask(7, &request).expect("an answer");
            let partition = &answer.topics[0].partitions[0];
            offset = partition.committed_offset;
            assert!(
                partition.error_code.is_ok() || partition.error_code == ErrorCode::UNSTABLE_OFFSET_COMMIT,
                "{group}: {}",
                partition.error_code
            );
            partition.error_code.is_ok()
        };
        wait_until(is_stable, &format!("the offset of {group}"));
        offset
    }
}

fn producer(bootstrap: &str, id: &str, more: &[(&str, &str)]) -> TransactionalProducer {
    let mut config = ProducerConfig::default().bootstrap_servers(bootstrap).transactional_id(id);
    config = config.linger(Duration::from_millis(1));
    for (key, value) in more {
        config.set(key, *value).expect("the test's configuration is good");
    }
    TransactionalProducer::new(config).expect("the producer is built")
}
