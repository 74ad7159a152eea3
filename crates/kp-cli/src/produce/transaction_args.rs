//! The flags of `kp produce` about transactions, and what they come to.
//! Owns: names and help texts, and which of them go together. Never: a transaction.

use std::time::Duration;

use clap::{Args, ValueEnum};
use kp_producer::{ConfigError, ProducerConfig};

use crate::{Failure, duration::duration};

/// Lines of a transaction if nothing is said.
const LINES: u64 = 1_000;

/// Which lines are one transaction.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Transactions")]
pub(crate) struct TransactionArgs {
    /// Send in transactions under this name; another producer with it is fenced (transactional.id)
    #[arg(long, value_name = "ID")]
    pub(crate) transactional_id: Option<String>,
    /// So many lines are one transaction; they are kept until its end is known [default: 1000]
    #[arg(long, value_name = "N", conflicts_with = "txn_every", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) txn_size: Option<u64>,
    /// What comes within this time is one transaction, or 64 MiB of it: 500ms, 30s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) txn_every: Option<Duration>,
    /// Send the lines of an aborted transaction again, so many times [default: 3]; of an unknown one they never are
    #[arg(long, value_name = "R")]
    pub(crate) txn_retries: Option<u32>,
    /// What Ctrl-C does to lines that were read, and to the transaction that they are in [default: abort]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_interrupt: Option<OnInterrupt>,
}

/// What Ctrl-C does to the open transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInterrupt {
    /// Commit what was read
    Commit,
    /// Abort it
    #[default]
    Abort,
}

/// Where a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Behind so many lines.
    Lines(u64),
    /// So long after its first line.
    Time(Duration),
}

/// How a run makes transactions of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) extent: Extent,
    pub(crate) retries: u32,
    pub(crate) on_interrupt: OnInterrupt,
}

impl TransactionArgs {
    /// Says the flag's name to the configuration.
    ///
    /// # Errors
    /// It is not one.
    pub(crate) fn apply(&self, config: &mut ProducerConfig) -> Result<(), ConfigError> {
        match &self.transactional_id {
            Some(id) => config.set("transactional.id", id),
            None => Ok(()),
        }
    }

    /// `None` without transactions: `config` is whole, and may have their key from a file.
    ///
    /// # Errors
    /// A flag says how transactions are to be, and there are none.
    pub(crate) fn plan(&self, config: &ProducerConfig) -> Result<Option<Plan>, Failure> {
        let plan = Plan {
            extent: match self.txn_every {
                Some(time) => Extent::Time(time),
                None => Extent::Lines(self.txn_size.unwrap_or(LINES)),
            },
            retries: self.txn_retries.unwrap_or(3),
            on_interrupt: self.on_interrupt.unwrap_or_default(),
        };
        if config.get("transactional.id").is_some() {
            return Ok(Some(plan));
        }
        let flags = [
            ("--txn-size", self.txn_size.is_some()),
            ("--txn-every", self.txn_every.is_some()),
            ("--txn-retries", self.txn_retries.is_some()),
            ("--on-interrupt", self.on_interrupt.is_some()),
        ];
        match flags.iter().find(|(_, is_there)| *is_there) {
            Some((flag, _)) => Err(Failure::usage(format!(
                "{flag} is about transactions, and these need a name: --transactional-id, or the key transactional.id"
            ))),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_need_a_name_from_a_flag_or_from_the_configuration() {
        let mut config = ProducerConfig::default();
        let size = TransactionArgs { txn_size: Some(7), ..TransactionArgs::default() };
        let refused = size.plan(&config).unwrap_err();
        assert!(refused.message.contains("--txn-size is about transactions"), "{}", refused.message);
        assert!(TransactionArgs::default().plan(&config).unwrap().is_none());
        config.set("transactional.id", "x").unwrap();
        let plan = size.plan(&config).unwrap().unwrap();
        assert_eq!((plan.extent, plan.retries), (Extent::Lines(7), 3));
        assert_eq!(plan.on_interrupt, OnInterrupt::Abort);
    }
}
