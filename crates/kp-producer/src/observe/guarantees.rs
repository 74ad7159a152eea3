//! What a producer promises under its configuration and with its cluster, in words a program can ask for.

use kp_protocol::Acks;

/// What a producer promises under its configuration and with its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Records of one partition reach the log in the order in which `send` returned.
    pub ordered: bool,
    /// No record is written twice by a retry.
    ///
    /// A cluster that gives no producer ids (before 0.11) cannot promise that. With idempotence by default this turns
    /// `false` when such a cluster is met, before the first record is accepted, and
    /// [`Producer::notices`](crate::Producer::notices) says why; with `enable.idempotence=true` no record is accepted
    /// then ([`UnsupportedVersion`](crate::SendErrorKind::UnsupportedVersion)).
    pub no_duplicates: bool,
    /// Records become visible by transactions: all of one, or none, to readers with `isolation.level=read_committed`.
    pub atomic: bool,
    /// How many acknowledgements make a record "written".
    pub acks: Acks,
    /// An acknowledged record survives the loss of its leader (given `min.insync.replicas` > 1 at the broker).
    pub survives_leader_loss: bool,
    /// Connections are encrypted.
    pub encrypted: bool,
    /// A host that plays a broker is found out: by its certificate, whose signature and name are checked. With a configuration
    /// of `rustls` that the program made it is that configuration's promise.
    pub brokers_authenticated: bool,
    /// Brokers are shown who this client is: by credentials, or by a certificate if they ask.
    pub client_authenticated: bool,
}
