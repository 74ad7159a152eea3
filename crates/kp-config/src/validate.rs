//! The checks over a whole configuration, and what comes out of them.
//! Owns: the order of the checks, V1, V6, and the warnings by the state of a key. The rules V1 to V11 are listed in `docs.rs`.
//! Pure but for one counter: the number in a made-up `client.id`.

use std::sync::atomic::{AtomicU64, Ordering};

use kp_protocol::{OldKafka, compression::Compression};

use crate::{
    ConfigError, ConfigWarning, ProducerConfig, SecurityConfig, Settings, Value, bootstrap, idempotence,
    key::State, suggest,
};

/// The producers of this process that had to be given a name.
static NAMED_PRODUCERS: AtomicU64 = AtomicU64::new(1);

/// A configuration that has been checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Validated {
    /// The typed values.
    pub settings: Settings,
    /// What takes effect otherwise than it may seem, most important first.
    pub warnings: Vec<ConfigWarning>,
}

impl ProducerConfig {
    /// Checks everything and answers the settings of a producer. A producer without a `client.id` gets its
    /// number here, so each call makes a new name; [`check`](Self::check) does not.
    ///
    /// # Errors
    /// The first thing that is wrong: see [`ConfigError`].
    pub fn validate(&self) -> Result<Validated, ConfigError> {
        let mut validated = self.checked()?;
        if !self.is_set("client.id") {
            validated.settings.client_id = match self.text("transactional.id") {
                Some(id) => format!("producer-{id}"),
                None => format!("producer-{}", NAMED_PRODUCERS.fetch_add(1, Ordering::Relaxed)),
            };
        }
        Ok(validated)
    }

    /// Checks everything, and answers the warnings.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn check(&self) -> Result<Vec<ConfigWarning>, ConfigError> {
        self.checked().map(|validated| validated.warnings)
    }

    fn checked(&self) -> Result<Validated, ConfigError> {
        self.check_ranges()?;
        let bootstrap_servers = self.check_bootstrap()?;
        self.check_client_id()?;
        let security = self.check_security()?;
        self.check_transactions()?;
        let (idempotence, promise) = idempotence::decide(self)?;
        let mut warnings: Vec<ConfigWarning> = promise.into_iter().collect();
        security.warn(&mut warnings);
        self.warn_of_tls(&security, &mut warnings);
        self.check_states(&security, &mut warnings)?;
        self.check_rack()?;

        let client_id = self.text("client.id").unwrap_or_default();
        let rebootstrap =
            !self.text("metadata.recovery.strategy").is_some_and(|s| s.eq_ignore_ascii_case("none"));
        let fallback = self.text("broker.version.fallback").and_then(|text| OldKafka::named(&text));
        let mut settings =
            Settings::read(self, bootstrap_servers, client_id, security, idempotence, rebootstrap, fallback)?;
        check_codec(settings.compression)?;
        self.adjust_timeouts(&mut settings, &mut warnings)?;
        self.adjust_backoffs(&mut settings, &mut warnings);
        self.adjust_sizes(&mut settings, &mut warnings);
        warnings.extend(self.unknown_keys().map(unknown_key));
        Ok(Validated { settings, warnings })
    }

    /// Typed setters do not check; this does.
    fn check_ranges(&self) -> Result<(), ConfigError> {
        for (info, value) in self.set_values() {
            if !info.allows(value) {
                return Err(info.invalid(value.to_string()));
            }
        }
        Ok(())
    }

    /// V1, first half; the second (names that resolve) is the network's.
    fn check_bootstrap(&self) -> Result<Vec<(String, u16)>, ConfigError> {
        let key = "bootstrap.servers";
        match self.get(key) {
            Some(Value::List(entries)) if !entries.is_empty() => bootstrap::parse(key, &entries),
            _ => Err(ConfigError::Missing {
                key,
                needed: "host:port of a broker, or several with commas (V1)",
            }),
        }
    }

    /// The name goes into requests, whose strings have a length of 16 bits, and is part of a thread's name and of metric labels,
    /// where a NUL or a line feed cannot stand.
    fn check_client_id(&self) -> Result<(), ConfigError> {
        const LONGEST: usize = i16::MAX as usize;
        let id = self.text("client.id").unwrap_or_default();
        if id.len() <= LONGEST && !id.contains(char::is_control) {
            return Ok(());
        }
        Err(ConfigError::InvalidValue {
            key: "client.id",
            value: id,
            allowed: format!("text of at most {LONGEST} bytes without control characters"),
        })
    }

    /// V6, and of V3d what the brokers must be.
    fn check_transactions(&self) -> Result<(), ConfigError> {
        if self.is_set("transactional.id") && self.is_set("broker.version.fallback") {
            return Err(ConfigError::conflict(
                "V3d",
                "transactional.id",
                "transactional.id with broker.version.fallback: brokers that old (before Kafka 0.11) have no \
                 transactions"
                    .to_owned(),
            ));
        }
        let two_phase = self.typed::<bool>("transaction.two.phase.commit.enable")?;
        if two_phase && self.is_set("transaction.timeout.ms") {
            return Err(ConfigError::conflict(
                "V6",
                "transaction.timeout.ms",
                "transaction.two.phase.commit.enable=true with transaction.timeout.ms: such a transaction has no \
                 timeout"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// What kp says to each key that is set, by its state in the table.
    fn check_states(
        &self,
        security: &SecurityConfig,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Result<(), ConfigError> {
        for (info, value) in self.set_values() {
            let key = info.key;
            let at = |fixed: &str| value.to_string().eq_ignore_ascii_case(fixed);
            match info.state {
                State::Works => {}
                State::FixedAt(fixed, _) | State::OnlyAt(fixed, _) if at(fixed) => {}
                State::OnlyAt(_, note) | State::Refused(note) => {
                    return Err(ConfigError::NotImplemented { key, value: value.to_string(), note });
                }
                State::FixedAt(_, note) | State::NotYet(note) | State::NotPlanned(note) => {
                    warnings.push(ConfigWarning::NotImplemented { key, note });
                }
                State::Sasl | State::Tls | State::Security(_) => {
                    match (security.why_without_effect(key), info.state) {
                        (Some(because), _) => warnings.push(ConfigWarning::NoEffect { key, because }),
                        (None, State::Security(note)) => {
                            return Err(ConfigError::NotImplemented { key, value: value.to_string(), note });
                        }
                        (None, _) => {}
                    }
                }
                State::Jvm(_) if self.is_handler_in_force(security, key) => {}
                State::Jvm(offers) => {
                    warnings.push(ConfigWarning::JvmOnly { key: key.to_owned(), offers });
                }
                State::Gone(replaced_by) => warnings.push(ConfigWarning::Gone { key, replaced_by }),
            }
        }
        Ok(())
    }
}

/// The codec has to be in this build.
fn check_codec(codec: Compression) -> Result<(), ConfigError> {
    if codec.is_available() {
        return Ok(());
    }
    Err(ConfigError::FeatureOff { key: "compression.type", value: codec.name(), feature: codec.name() })
}

fn unknown_key(key: &str) -> ConfigWarning {
    // Java passes these through to plug-ins by their prefix.
    if key.starts_with("metrics.context.") || key.starts_with("config.providers.") {
        return ConfigWarning::JvmOnly { key: key.to_owned(), offers: "it is for plug-ins" };
    }
    ConfigWarning::UnknownKey { key: key.to_owned(), nearest: suggest::nearest_key(key) }
}
