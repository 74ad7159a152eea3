//! A deterministic, in-memory Kafka cluster for tests: **an embedded development broker, not Apache Kafka**.
//!
//! [`SimCluster`] is a pure state machine: a host tells it what time it is and which frame arrived at which broker, and
//! it answers. Two hosts are in this crate: `EmbeddedBroker` (feature `tcp`) puts it on sockets of the loopback interface,
//! [`SimNetwork`] behind a network in virtual time in which one seed decides everything.
//! It answers as real brokers were seen to answer, wrong checksums, sequence gaps and silence after `acks=0` included,
//! and [`Fault`]s make it fail on demand.
//!
//! [`conformance`] asks the same questions of the double and of a real broker, so that the double cannot drift away from Kafka
//! unnoticed.
//!
//! It speaks Produce (3 and newer), Fetch (4 and newer), ListOffsets, Metadata, ApiVersions, CreateTopics,
//! InitProducerId and, as 3.9 and as 4.3 do, what transactions need; of groups it has what a transaction
//! commits, with members that a test puts there. With
//! [`SaslSettings`] its connections authenticate (PLAIN, SCRAM, OAUTHBEARER with unsecured tokens) and expire. All copies of a partition are one
//! log; with a [`ReplicationLag`] it remembers how much of it the followers have, and loses the rest with its leader.

#![forbid(unsafe_code)]

mod api_versions;
mod clock;
mod cluster;
pub mod conformance;
mod create_topics;
mod describe_producers;
mod describe_transactions;
mod error;
mod faults;
mod fetch;
mod follower_lag;
mod group;
mod group_members;
mod group_offsets;
mod group_request;
mod incoming_batch;
mod init_producer_id;
mod kafka_version;
mod list_offsets;
mod log;
mod metadata;
mod mock_producer;
mod mock_script;
mod network;
mod offset_fetch;
mod produce;
mod producer_state;
mod replication;
mod reply;
mod request;
mod sasl;
mod settings;
#[cfg(feature = "tcp")]
pub mod tcp;
mod topic;
mod transaction;
mod txn_offset_commit;
mod waiting;

pub use clock::SimClock;
pub use cluster::{CLUSTER_ID, ClientSoftware, SimCluster};
pub use error::SimError;
pub use faults::{Fault, SaslFault};
pub use follower_lag::ReplicationLag;
pub use kafka_version::KafkaVersion;
pub use kp_protocol::records::TimestampType;
pub use log::{PartitionLog, StoredBatch};
pub use mock_producer::{MockBroker, MockClient, MockRecord};
pub use mock_script::MockCommit;
pub use network::{SimNetwork, SimSelectable, Weather};
pub use replication::Lost;
pub use reply::Reply;
pub use request::{IncomingRequest, RequestReader};
pub use sasl::{SaslSettings, SimMechanism};
pub use settings::{ClusterSettings, TopicSettings};
pub use topic::{Partition, Topic};
pub use transaction::{
    AbortedTransaction, LateFrame, PartitionTransactions, TransactionEntry, TransactionSettings,
    TransactionState,
};
pub use waiting::Waiting;
