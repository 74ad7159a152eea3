//! What a producer promises under its configuration, in words a program can ask for.

use kp_protocol::Acks;

/// What a producer promises under its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Records of one partition reach the log in the order in which `send` returned.
    pub ordered: bool,
    /// No record is written twice by a retry.
    pub no_duplicates: bool,
    /// How many acknowledgements make a record "written".
    pub acks: Acks,
    /// An acknowledged record survives the loss of its leader (given `min.insync.replicas` > 1 at the broker).
    pub survives_leader_loss: bool,
}
