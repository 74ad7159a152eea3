//! Transactions of the cluster: the coordinator of each transactional id, its markers and timeouts, and what partitions know
//! of open ones (KIP-98, KIP-890). What is allowed is decided by pure functions; the rest carries it out.

mod add_to_transaction;
mod adding;
mod coordinator_log;
mod coordinators;
mod due;
mod end_transaction;
mod ending;
mod entry;
mod find_coordinator;
mod handles;
mod held;
mod initialisation;
mod initialise;
mod known;
mod late;
mod marker;
mod markers;
mod partition_transactions;
mod round;
mod settings;
mod verification;

pub(crate) use add_to_transaction::refused_partitions;
pub(crate) use coordinator_log::is_internal;
pub use entry::{TransactionEntry, TransactionState};
pub use held::LateFrame;
pub(crate) use known::Transactions;
pub use partition_transactions::{AbortedTransaction, PartitionTransactions};
pub use settings::TransactionSettings;
pub(crate) use verification::{PRODUCE_ADDS_FROM, Verified};
