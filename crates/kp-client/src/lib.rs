//! The seam between a Kafka producer and its network: [`KafkaClient`], and the values that pass through it.
//!
//! The sender core, every network and every test speak of readiness, requests and events in these types; there are no
//! others. No socket, no runtime and no clock is in here.

#![forbid(unsafe_code)]

mod broker_security;
mod kafka_client;
mod network_counters;
mod nodes;
mod other_protocol;
mod security;
mod security_notice;
mod tls_failure;

pub use broker_security::{
    BrokerSecurity, CertificateSummary, CipherUse, ConnectionEncryption, ConnectionState, NetworkSecurity,
    PastFailure, TokenFacts,
};
pub use kafka_client::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, KafkaClient, Reached, Readiness, Reconnect,
    Refused, WaitReason, Written,
};
pub use kp_protocol::OldKafka;
pub use network_counters::{NetworkCounters, NetworkSnapshot, NodeCounters};
pub use nodes::{ClientNodes, Nodes};
pub use other_protocol::OtherProtocol;
pub use security::{SecurityFailure, SecurityStage, SetupStage};
pub use security_notice::SecurityNotice;
pub use tls_failure::{TlsFailure, TlsFailureKind};
