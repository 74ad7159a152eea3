//! Carries out what InitProducerId does to a transactional id.

use std::time::Duration;

use kp_protocol::{ErrorCode, ProducerIdentity};

use super::entry::{NO_EPOCH, TransactionEntry};
use super::initialisation::{Initialisation, judge};
use crate::SimCluster;
use crate::reply::Moment;

impl SimCluster {
    /// Gives a transactional id its next identity; an open transaction is aborted first, for which the caller waits.
    pub(crate) fn initialise(
        &mut self,
        at: Moment,
        id: &str,
        pair: Option<ProducerIdentity>,
        timeout: Duration,
    ) -> Result<ProducerIdentity, ErrorCode> {
        if !self.transactions.entries.contains_key(id) {
            let log = self.transaction_log(id);
            let entry = TransactionEntry::new(log, self.transactions.new_producer_id());
            self.transactions.entries.insert(id.to_owned(), entry);
        }
        let entry = self.transactions.entries.get(id).expect("it was inserted just now");
        let ProducerIdentity { producer_id, epoch } = entry.producer();
        let (producer, last_epoch) = match judge(entry, pair)? {
            Initialisation::AbortFirst => {
                self.abort_by_coordinator(at, id);
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            Initialisation::Again => return Ok(entry.producer()),
            Initialisation::Raise { last_epoch } => {
                let is_new = epoch == NO_EPOCH;
                let first = self.settings.transactions.first_epoch.max(NO_EPOCH + 1);
                let epoch = if is_new { first } else { epoch.saturating_add(1) };
                (ProducerIdentity { producer_id, epoch }, last_epoch)
            }
            Initialisation::Rotate { last_epoch } => {
                let producer_id = self.transactions.new_producer_id();
                (ProducerIdentity { producer_id, epoch: 0 }, last_epoch)
            }
        };
        if let Some(entry) = self.transactions.entries.get_mut(id) {
            entry.initialise(producer, last_epoch, timeout);
        }
        Ok(producer)
    }
}
