//! The network that a producer has if it is handed no other: sockets of tokio. Owns: nothing; no socket is made here.

use super::choices::Choices;
use super::login::{ProducerLogin, check_features};
use super::settings::network_settings;
use super::sockets::Sockets;
use crate::config::{ConfigWarning, Settings};
use crate::error::BuildError;
use kp_network::{KafkaClient, TokioSelector};
use std::sync::Arc;

/// The client; what is noticed about the configuration goes to `warnings`.
pub(super) fn client(
    choices: &Choices,
    settings: &Settings,
    seed: u64,
    warnings: &mut Vec<ConfigWarning>,
) -> Result<Box<dyn KafkaClient>, BuildError> {
    let clock = Arc::clone(&choices.clock);
    let mut network = network_settings(settings, seed);
    if let Some(sasl) = settings.security.sasl.clone() {
        check_features(&sasl)?;
        network.sasl = Some(Arc::new(
            ProducerLogin::new(sasl, settings.scram_max_iterations, Arc::clone(&clock)).with_files()?,
        ));
    }
    let sockets = Sockets { selector: TokioSelector::of(&network), network, clock };
    choices.cryptography.network(&choices.config, &settings.security, sockets, warnings)
}
