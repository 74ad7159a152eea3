//! The network that a producer has if it is handed no other: sockets of tokio. Owns: nothing; no socket is made here.

use super::choices::Choices;
use super::login::ProducerLogin;
use super::settings::network_settings;
use super::sockets::Sockets;
use crate::config::{ConfigWarning, Settings};
use crate::error::BuildError;
use crate::observe::notes::Notes;
use kp_network::{KafkaClient, NetworkSettings, TokioSelector};
use std::sync::Arc;

/// The client; what is noticed about the configuration goes to `warnings`.
pub(super) fn client(
    choices: &Choices,
    settings: &Settings,
    seed: u64,
    notes: &Arc<Notes>,
    warnings: &mut Vec<ConfigWarning>,
) -> Result<Box<dyn KafkaClient>, BuildError> {
    adjusted(choices, settings, seed, notes, warnings, |_| {})
}

/// The client, of settings that the caller has changed.
pub(super) fn adjusted(
    choices: &Choices,
    settings: &Settings,
    seed: u64,
    notes: &Arc<Notes>,
    warnings: &mut Vec<ConfigWarning>,
    adjust: impl FnOnce(&mut NetworkSettings),
) -> Result<Box<dyn KafkaClient>, BuildError> {
    let clock = Arc::clone(&choices.clock);
    let mut network = network_settings(settings, seed);
    if let Some(sasl) = settings.security.sasl.clone() {
        let login = ProducerLogin::of(
            sasl,
            settings,
            choices.cryptography.handed(),
            seed,
            notes,
            Arc::clone(&clock),
        )?;
        network.sasl = Some(Arc::new(login.with_files()?));
    }
    adjust(&mut network);
    let sockets = Sockets { selector: TokioSelector::of(&network), network, clock, notes: Arc::clone(notes) };
    choices.cryptography.network(&choices.config, settings, sockets, warnings)
}
