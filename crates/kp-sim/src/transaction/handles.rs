//! A test's handles on transactions: to look at them, and to do what else takes time or another instance.

use kp_protocol::{BrokerId, ProducerIdentity};

use super::entry::{TransactionEntry, TransactionState};
use crate::{SimCluster, SimError};

impl SimCluster {
    /// What the coordinator knows of a transactional id; `None` if it was never initialised.
    #[must_use]
    pub fn transaction(&self, transactional_id: &str) -> Option<&TransactionEntry> {
        self.transactions.entries.get(transactional_id)
    }

    /// Every transactional id that was initialised.
    pub fn transactions(&self) -> impl Iterator<Item = (&str, &TransactionEntry)> {
        self.transactions.entries.iter().map(|(id, entry)| (id.as_str(), entry))
    }

    /// The coordinator aborts the open transaction of an id now, as if its timeout had passed. Answers whether one was open.
    pub fn time_out_now(&mut self, transactional_id: &str) -> bool {
        let is_open = self.transaction(transactional_id).map(TransactionEntry::state)
            == Some(TransactionState::Ongoing);
        let Some(at) = self.transactions.latest.filter(|_| is_open) else { return false };
        self.abort_by_coordinator(at, transactional_id);
        true
    }

    /// Another instance initialises an id, with InitProducerId as long as it is told to wait: the open transaction is aborted, the
    /// producer is shut out. Answers the identity of that instance; `None` if the id is unknown or cannot be ended now.
    pub fn fence(&mut self, transactional_id: &str) -> Option<ProducerIdentity> {
        let at = self.transactions.latest?;
        if self.time_out_now(transactional_id) || self.transaction(transactional_id)?.state().is_preparing() {
            self.go_on_with_round(at, transactional_id);
        }
        let timeout = self.transaction(transactional_id)?.timeout();
        self.initialise(at, transactional_id, None, timeout).ok()
    }

    /// The broker that coordinates a transactional id; `None` before the first look-up, or while no broker does.
    #[must_use]
    pub fn transaction_coordinator(&self, transactional_id: &str) -> Option<BrokerId> {
        self.coordinator(&self.transaction_log(transactional_id))
    }

    /// Moves the coordinator of a transactional id, and of all that belong to the same log.
    ///
    /// # Errors
    /// As [`move_leader`](Self::move_leader); the topic is unknown before the first look-up of a coordinator.
    pub fn move_coordinator(&mut self, transactional_id: &str, to: BrokerId) -> Result<(), SimError> {
        self.move_leader(&self.transaction_log(transactional_id), to)
    }
}
