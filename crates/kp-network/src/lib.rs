//! The network under a Kafka producer: the seam [`KafkaClient`], a pure client, and sockets behind a feature.
//!
//! [`KafkaClient`] is what a producer needs of a network. [`NetworkClient`] is the default one: a state machine over
//! the second seam, [`Selectable`], that moves bytes. The feature `tokio` adds `TokioClient`, which is that client
//! over sockets; without the feature no runtime and no socket is linked.

#![forbid(unsafe_code)]

mod addresses;
mod attempts;
mod broker;
mod canonical_names;
mod caution;
mod connection;
mod correlation_ids;
mod counters;
mod known_cluster;
mod network_client;
mod sasl;
mod secured;
mod selectable;
mod settings;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "tokio")]
pub use self::tokio::{SystemNames, TokioClient, TokioSelector};
pub use canonical_names::CanonicalNames;
pub use kp_client::{
    BrokerSecurity, CertificateSummary, CipherUse, ClientNodes, ClientRequest, ConnectionEncryption,
    ConnectionNumber, ConnectionState, DisconnectReason, Event, KafkaClient, NetworkCounters,
    NetworkSecurity, NetworkSnapshot, NodeCounters, Nodes, OldKafka, OtherProtocol, PastFailure, Reached,
    Readiness, Reconnect, Refused, SecurityFailure, SecurityNotice, SecurityStage, SetupStage, TlsFailure,
    TlsFailureKind, TokenFacts, WaitReason, Written,
};
/// What a set-up with SASL is made of.
pub use kp_sasl::{
    SaslExtensions, SaslFailure, SaslMechanism, ScramHash, ScramKeyCache, ScramKeys, Secret, Work, Worked,
};
pub use network_client::NetworkClient;
pub use sasl::{SaslCredentials, SaslLogin, SaslProvider};
pub use selectable::{ConnectError, Dial, Selectable, SelectorEvent, Wait};
pub use settings::NetworkSettings;
