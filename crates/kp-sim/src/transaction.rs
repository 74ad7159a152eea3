//! Transactions of the cluster: the coordinator of each transactional id, and what partitions know of open ones (KIP-98, KIP-890).

pub(crate) mod partition_transactions;

pub use partition_transactions::{AbortedTransaction, PartitionTransactions};
