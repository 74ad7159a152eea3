//! What connections are encrypted with, out of the configuration and of what the builder was handed.
//! Owns: which cryptography is used. Reads the files of the configuration, once. Never: a connection.

mod settings;

use super::login::HandedCryptography;
use super::sockets::Sockets;
use crate::config::{ConfigError, ConfigWarning, KEYS, ProducerConfig, SecurityConfig, Settings, Tls};
use crate::error::BuildError;
use kp_network::{KafkaClient, NetworkClient};
use kp_tls::rustls::ClientConfig;
use kp_tls::{CryptoProvider, FileLooks, Reload, TlsClient, TlsSelector};
use std::sync::Arc;

/// What the builder was handed.
#[derive(Default)]
pub(super) struct Cryptography {
    pub(super) provider: Option<Arc<CryptoProvider>>,
    /// In the place of all keys of TLS.
    pub(super) finished: Option<Arc<ClientConfig>>,
}

impl Cryptography {
    /// The provider that is for endpoints of HTTPS, too.
    pub(super) fn handed(&self) -> HandedCryptography {
        HandedCryptography::new(self.provider.as_ref())
    }

    /// The network of encrypted connections.
    pub(super) fn network(
        &self,
        config: &ProducerConfig,
        in_force: &Settings,
        sockets: Sockets,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Result<Box<dyn KafkaClient>, BuildError> {
        let Sockets { selector, network, clock, notes } = sockets;
        let security = &in_force.security;
        let Some(tls) = &security.tls else {
            self.check_unused(security)?;
            return Ok(Box::new(NetworkClient::over(selector, network, clock)));
        };
        let client = self.client(config, security, tls)?;
        warnings.extend(client.warnings().iter().filter_map(|words| settings::warning(words)));
        let looks = FileLooks::every(in_force.ssl_reload_interval, Arc::clone(&clock), move |reload| {
            if let Reload::Kept(error) = reload {
                let words =
                    format!("new certificates or keys cannot be used, those of before stay in use: {error}");
                notes.still("certificates", words);
            }
        });
        Ok(Box::new(NetworkClient::over(TlsSelector::new(selector, client).looking(looks), network, clock)))
    }

    /// What connections begin with; `None` if they are not to be encrypted.
    pub(super) fn tls_client(
        &self,
        config: &ProducerConfig,
        security: &SecurityConfig,
    ) -> Result<Option<TlsClient>, BuildError> {
        security.tls.as_ref().map(|tls| self.client(config, security, tls)).transpose()
    }

    fn client(
        &self,
        config: &ProducerConfig,
        security: &SecurityConfig,
        tls: &Tls,
    ) -> Result<TlsClient, BuildError> {
        if let Some(finished) = &self.finished {
            check_no_keys(config, tls)?;
            return Ok(TlsClient::from_rustls(Arc::clone(finished)));
        }
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None if cfg!(any(feature = "tls", feature = "tls-graviola", feature = "tls-aws-lc")) => {
                kp_tls::default_provider()?
            }
            None => {
                let (key, value) = ("security.protocol", security.protocol.name());
                return Err(ConfigError::FeatureOff { key, value, feature: "tls" }.into());
            }
        };
        Ok(TlsClient::new(&settings::of(tls)?, &provider)?)
    }

    /// V11: who hands over how to encrypt does not say elsewhere that nothing is encrypted.
    fn check_unused(&self, security: &SecurityConfig) -> Result<(), ConfigError> {
        if self.finished.is_none() {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            rule: "V11",
            key: "security.protocol",
            message: format!(
                "there is a configuration of rustls (ProducerBuilder::rustls), and security.protocol={} encrypts \
                 nothing: say SSL or SASL_SSL",
                security.protocol
            ),
        })
    }
}

/// V11: a finished configuration has it all.
fn check_no_keys(config: &ProducerConfig, tls: &Tls) -> Result<(), ConfigError> {
    let of_tls = |key: &&str| key.starts_with("ssl.") || key.starts_with("kp.ssl.");
    let set = KEYS.iter().map(|info| info.key).filter(of_tls).find(|key| config.is_set(key));
    let key = match set {
        Some(key) => key,
        None if *tls == Tls::new() => return Ok(()),
        None => "Security::tls",
    };
    Err(ConfigError::Conflict {
        rule: "V11",
        key,
        message: format!(
            "{key} is set, and there is a configuration of rustls (ProducerBuilder::rustls): say it there"
        ),
    })
}
