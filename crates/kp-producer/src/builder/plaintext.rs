//! In the place of `encryption`, in a build without it: who asks for TLS is told which feature to turn on.

use super::login::HandedCryptography;
use super::sockets::Sockets;
use crate::config::{ConfigError, ConfigWarning, ProducerConfig, Settings};
use crate::error::BuildError;
use kp_network::{KafkaClient, NetworkClient};

/// None is in this build.
#[derive(Default)]
pub(super) struct Cryptography(());

impl Cryptography {
    /// None.
    pub(super) fn handed(&self) -> HandedCryptography {
        HandedCryptography::default()
    }

    /// The network, if its connections are not to be encrypted.
    pub(super) fn network(
        &self,
        _: &ProducerConfig,
        settings: &Settings,
        sockets: Sockets,
        _: &mut Vec<ConfigWarning>,
    ) -> Result<Box<dyn KafkaClient>, BuildError> {
        let Sockets { selector, network, clock, .. } = sockets;
        let security = &settings.security;
        if security.protocol.has_tls() {
            let (key, value) = ("security.protocol", security.protocol.name());
            return Err(ConfigError::FeatureOff { key, value, feature: "tls" }.into());
        }
        Ok(Box::new(NetworkClient::over(selector, network, clock)))
    }
}
