//! What the network client is told when it is built. Filled by the facade's configuration table, or by hand.

use crate::{CanonicalNames, OldKafka, SaslProvider};
use kp_protocol::DEFAULT_MAX_FRAME;
use kp_time::Backoff;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`NetworkClient`](crate::NetworkClient). [`Default`] has the newest Java defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetworkSettings {
    /// Goes into every request header (`client.id`).
    pub client_id: Option<String>,
    /// Unanswered requests per connection (`max.in.flight.requests.per.connection`), at least 1.
    pub max_in_flight: usize,
    /// Wait between two attempts to connect to one broker (`reconnect.backoff.ms`, `reconnect.backoff.max.ms`).
    pub reconnect_backoff: Backoff,
    /// Time an attempt has, from its start to ready (`socket.connection.setup.timeout.ms`, `….max.ms`; KIP-601).
    pub setup_timeout: Backoff,
    /// A connection idle for so long is closed (`connections.max.idle.ms`); `None` = never, and
    /// less than 10 ms is taken as 10 ms.
    pub connections_max_idle: Option<Duration>,
    /// `SO_SNDBUF` in bytes (`send.buffer.bytes`); `None` leaves it to the system.
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF` in bytes (`receive.buffer.bytes`); `None` leaves it to the system.
    pub receive_buffer: Option<usize>,
    /// The largest response in bytes; a broker that announces more is cut off.
    pub max_response_size: usize,
    /// Every broker is taken to be of this version and not asked (`broker.version.fallback`); `None` = ask.
    pub version_fallback: Option<OldKafka>,
    /// For how long a cluster that was found to be of 0.9 is taken for one without asking again
    /// (`metadata.max.age.ms`).
    pub old_cluster_max_age: Duration,
    /// What every connection authenticates with (`sasl.*`); `None`: none does.
    pub sasl: Option<Arc<dyn SaslProvider>>,
    /// Whether a listener that closes on a client without a login is asked if it wants one; a program that finds that out by
    /// itself says no.
    pub asks_about_logins: bool,
    /// How bootstrap entries get the names by which they are connected to
    /// (`client.dns.lookup=resolve_canonical_bootstrap_servers_only`, KIP-235); `None`: as they are written.
    pub canonical_names: Option<Arc<dyn CanonicalNames>>,
    /// Seeds the jitter of all waits, and where the search for the least loaded broker begins.
    pub seed: u64,
    /// `client_software_name` of ApiVersions (KIP-511): letters, digits, `-` and `.`.
    pub software_name: String,
    /// `client_software_version` of ApiVersions (KIP-511), of the same characters.
    pub software_version: String,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            client_id: None,
            max_in_flight: 5,
            reconnect_backoff: Backoff::new(Duration::from_millis(50), Duration::from_millis(1000)),
            setup_timeout: Backoff::new(Duration::from_secs(10), Duration::from_secs(30)),
            connections_max_idle: Some(Duration::from_secs(540)),
            send_buffer: Some(131_072),
            receive_buffer: Some(32_768),
            max_response_size: DEFAULT_MAX_FRAME,
            version_fallback: None,
            old_cluster_max_age: Duration::from_secs(300),
            sasl: None,
            asks_about_logins: true,
            canonical_names: None,
            seed: 0,
            software_name: "kp".to_owned(),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
