//! Makes a producer of transactions out of what the builder was told.

use crate::builder::ProducerBuilder;
use crate::drive::stepper::Stepper;
use crate::error::BuildError;
use crate::transaction::transactional_producer::TransactionalProducer;

impl ProducerBuilder {
    /// As [`build`](Self::build), for a configuration with a `transactional.id`: a producer that sends in transactions. No I/O
    /// happens here; the coordinator is asked by [`TransactionalProducer::init`], or the first `begin`.
    ///
    /// # Errors
    /// As [`build`](Self::build); [`BuildError::NotTransactional`] without a `transactional.id`.
    pub fn build_transactional(self) -> Result<TransactionalProducer, BuildError> {
        self.build_for_transactions().map(TransactionalProducer::new)
    }

    /// As [`build_transactional`](Self::build_transactional), turned as by [`build_stepped`](Self::build_stepped).
    ///
    /// # Errors
    /// As [`build_transactional`](Self::build_transactional).
    pub fn build_transactional_stepped(self) -> Result<(TransactionalProducer, Stepper), BuildError> {
        let (producer, stepper) = self.build_stepped_for_transactions()?;
        Ok((TransactionalProducer::new(producer), stepper))
    }
}
