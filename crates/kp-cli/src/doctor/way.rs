//! The way to a broker: encrypted and authenticated as the configuration says, or so far only.
//! Owns: the configuration. Never: a word about what is found.

use std::sync::Arc;

use kp_network::{OldKafka, SaslProvider};
use kp_producer::{BuildError, ProducerConfig, config::Settings};

use super::report::Ailment;
use crate::reader::BlockingCaller;

/// See the module.
pub(super) struct Way<'a> {
    pub(super) config: &'a ProducerConfig,
    pub(super) settings: &'a Settings,
}

impl<'a> Way<'a> {
    /// # Errors
    /// A file that the configuration names, or what this build lacks.
    pub(super) fn new(config: &'a ProducerConfig, settings: &'a Settings) -> Result<Self, BuildError> {
        BlockingCaller::secured(config, None, true)?;
        Ok(Self { config, settings })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.settings.security.protocol.has_tls()
    }

    pub(super) fn has_login(&self) -> bool {
        self.settings.security.protocol.has_sasl()
    }

    /// A caller as a producer is one. Brokers are taken to be of the version that is `known`.
    ///
    /// # Errors
    /// A file has changed meanwhile.
    pub(super) fn caller(&self, known: Option<OldKafka>) -> Result<BlockingCaller, Ailment> {
        BlockingCaller::secured(self.config, known, true).map(|(caller, _)| caller).map_err(unusable)
    }

    /// A caller that does not log in, and what would.
    ///
    /// # Errors
    /// A file has changed meanwhile.
    pub(super) fn stranger(&self) -> Result<(BlockingCaller, Option<Arc<dyn SaslProvider>>), Ailment> {
        BlockingCaller::secured(self.config, None, false).map_err(unusable)
    }
}

fn unusable(error: BuildError) -> Ailment {
    Ailment::new(error.to_string(), "`kp config check FILE` says what is wrong with each key")
}
