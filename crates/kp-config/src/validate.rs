//! The checks over a whole configuration, and what comes out of them.
//! Owns: the cross checks V1–V10 of Kafka's client (idempotence has a file of its own), and the warnings.
//! Pure but for one counter: the number in a made-up `client.id`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kp_protocol::{OldKafka, compression::Compression};

use crate::{
    ConfigError, ConfigWarning, ProducerConfig, Settings, Value, bootstrap,
    idempotence::{self, Idempotence},
    key::State,
    suggest,
};

/// The producers of this process that had to be given a name.
static NAMED_PRODUCERS: AtomicU64 = AtomicU64::new(1);

/// A configuration that has been checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Validated {
    /// What the rooms take.
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
        self.check_security()?;
        self.check_transactions()?;
        let (idempotence, promise) = idempotence::decide(self)?;
        let mut warnings: Vec<ConfigWarning> = promise.into_iter().collect();
        self.check_states(&mut warnings)?;
        self.check_rack()?;

        let client_id = self.text("client.id").unwrap_or_default();
        let rebootstrap =
            !self.text("metadata.recovery.strategy").is_some_and(|s| s.eq_ignore_ascii_case("none"));
        let fallback = self.text("broker.version.fallback").and_then(|text| OldKafka::named(&text));
        let mut settings =
            Settings::read(self, bootstrap_servers, client_id, idempotence, rebootstrap, fallback)?;
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

    /// V2, V8, V9: what Java would find wrong with TLS and SASL, when they are used.
    fn check_security(&self) -> Result<(), ConfigError> {
        let protocol = self.text("security.protocol").unwrap_or_default().to_ascii_uppercase();
        if protocol.starts_with("SASL_") {
            let mechanism = self.text("sasl.mechanism").unwrap_or_default();
            if mechanism.trim().is_empty() {
                return Err(conflict(
                    "V2",
                    "sasl.mechanism",
                    format!("security.protocol={protocol} needs a sasl.mechanism"),
                ));
            }
            if mechanism == "GSSAPI" {
                return Err(ConfigError::NotImplemented {
                    key: "sasl.mechanism",
                    value: mechanism,
                    note: "Kerberos is not planned; it is what SASL means when sasl.mechanism is not set (V2)",
                });
            }
            if mechanism == "OAUTHBEARER" {
                self.check_assertion()?;
            }
        }
        if protocol.ends_with("SSL") {
            self.check_stores()?;
        }
        Ok(())
    }

    /// V8: a key or certificate is either in a file or in the configuration, and the latter only as PEM.
    fn check_stores(&self) -> Result<(), ConfigError> {
        let stores = [
            ("ssl.keystore", &["ssl.keystore.key", "ssl.keystore.certificate.chain"][..]),
            ("ssl.truststore", &["ssl.truststore.certificates"][..]),
        ];
        for (store, inline_keys) in stores {
            let (location, password) = (format!("{store}.location"), format!("{store}.password"));
            let pem =
                self.text(&format!("{store}.type")).is_some_and(|kind| kind.eq_ignore_ascii_case("PEM"));
            for &inline in inline_keys.iter().filter(|key| self.is_set(key)) {
                if !pem {
                    return Err(conflict(
                        "V8",
                        inline,
                        format!("{inline} is PEM: it needs {store}.type=PEM"),
                    ));
                }
                if self.is_set(&location) {
                    return Err(conflict(
                        "V8",
                        inline,
                        format!("{inline} and {location} exclude each other"),
                    ));
                }
            }
            if pem && self.is_set(&password) {
                return Err(conflict(
                    "V8",
                    inline_keys[0],
                    format!("{password} with {store}.type=PEM: PEM has no store password"),
                ));
            }
        }
        Ok(())
    }

    /// V9: an assertion is finished, or can be made.
    fn check_assertion(&self) -> Result<(), ConfigError> {
        const CLAIMS: [&str; 3] = ["aud", "iss", "sub"];
        let prefix = "sasl.oauthbearer.assertion.";
        let begun = self.set_values().any(|(info, _)| info.key.starts_with(prefix));
        if !begun || self.is_set("sasl.oauthbearer.assertion.file") {
            return Ok(());
        }
        let templated = self.is_set("sasl.oauthbearer.assertion.template.file");
        let claimed = CLAIMS.iter().all(|claim| self.is_set(&format!("{prefix}claim.{claim}")));
        if self.is_set("sasl.oauthbearer.assertion.private.key.file") && (claimed || templated) {
            return Ok(());
        }
        Err(conflict(
            "V9",
            "sasl.oauthbearer.assertion.file",
            format!(
                "{prefix}*: either {prefix}file, or {prefix}private.key.file with the claims aud, iss and sub"
            ),
        ))
    }

    /// V6.
    fn check_transactions(&self) -> Result<(), ConfigError> {
        let two_phase = self.typed::<bool>("transaction.two.phase.commit.enable")?;
        if two_phase && self.is_set("transaction.timeout.ms") {
            return Err(conflict(
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
    fn check_states(&self, warnings: &mut Vec<ConfigWarning>) -> Result<(), ConfigError> {
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
                State::Security(_) => warnings.push(ConfigWarning::NoEffect {
                    key,
                    because: "security.protocol is PLAINTEXT: nothing is encrypted, nobody is authenticated",
                }),
                State::Jvm(offers) => {
                    warnings.push(ConfigWarning::JvmOnly { key: key.to_owned(), offers });
                }
                State::Gone(replaced_by) => warnings.push(ConfigWarning::Gone { key, replaced_by }),
            }
        }
        Ok(())
    }

    /// V4: a record must have the time for one attempt.
    fn adjust_timeouts(
        &self,
        settings: &mut Settings,
        warnings: &mut Vec<ConfigWarning>,
    ) -> Result<(), ConfigError> {
        const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
        // Java keeps linger.ms in 64 bits and never waits longer than 31 of them.
        settings.linger = settings.linger.min(LONGEST);
        let least = settings.linger.saturating_add(settings.request_timeout).min(LONGEST);
        if settings.delivery_timeout >= least {
            return Ok(());
        }
        let sum = format!(
            "linger.ms + request.timeout.ms = {} + {}",
            settings.linger.as_millis(),
            settings.request_timeout.as_millis()
        );
        if self.is_set("delivery.timeout.ms") {
            let message = format!(
                "delivery.timeout.ms={} is less than {sum}: a record could not finish one attempt",
                settings.delivery_timeout.as_millis()
            );
            return Err(conflict("V4", "delivery.timeout.ms", message));
        }
        settings.delivery_timeout = least;
        warnings.push(ConfigWarning::Adjusted {
            key: "delivery.timeout.ms",
            to: least.as_millis().to_string(),
            because: format!("it may not be less than {sum} (V4)"),
        });
        Ok(())
    }

    /// V5: waits that do not grow.
    fn adjust_backoffs(&self, settings: &mut Settings, warnings: &mut Vec<ConfigWarning>) {
        let constant = |base, max| !self.is_set(max) && (self.is_set(base) || self.is_classic());
        if constant("reconnect.backoff.ms", "reconnect.backoff.max.ms") {
            settings.reconnect_backoff_max = settings.reconnect_backoff;
        }
        // 0.9 had one fixed wait; today's client lets `retry.backoff.ms` grow even if it is set.
        if self.is_classic() && !self.is_set("retry.backoff.max.ms") {
            settings.retry_backoff_max = settings.retry_backoff;
        }
        let pairs = [
            ("retry.backoff.ms", &mut settings.retry_backoff, settings.retry_backoff_max),
            ("reconnect.backoff.ms", &mut settings.reconnect_backoff, settings.reconnect_backoff_max),
            (
                "socket.connection.setup.timeout.ms",
                &mut settings.connection_setup_timeout,
                settings.connection_setup_timeout_max,
            ),
        ];
        for (key, base, max) in pairs {
            if *base > max {
                *base = max;
                warnings.push(ConfigWarning::Adjusted {
                    key,
                    to: max.as_millis().to_string(),
                    because: "it is above its maximum, so every wait is the maximum (V5)".to_owned(),
                });
            }
        }
    }

    /// What Java accepts without a word: accepted, with one.
    fn adjust_sizes(&self, settings: &mut Settings, warnings: &mut Vec<ConfigWarning>) {
        // Java: a batch of 0 bytes is one record per batch.
        settings.batch_size = settings.batch_size.max(1);
        if !self.is_set("kp.batch.growth.max.bytes") {
            settings.batch_growth_max_bytes = settings.batch_growth_max_bytes.min(settings.max_request_size);
        }
        // Java takes memory for a whole batch when one opens, so that there every `send` fails.
        if settings.batch_size > settings.buffer_memory {
            settings.batch_size = (settings.buffer_memory / 2).max(1);
            warnings.push(ConfigWarning::Adjusted {
                key: "batch.size",
                to: settings.batch_size.to_string(),
                because: format!(
                    "it is above buffer.memory={}, which holds two batches now",
                    settings.buffer_memory
                ),
            });
        }
        let mut odd = |key, message: String| warnings.push(ConfigWarning::Odd { key, message });
        if settings.batch_size > settings.max_request_size {
            let most = settings.max_request_size;
            odd("batch.size", format!("above max.request.size={most}: full batches travel one per request"));
        }
        if settings.request_timeout.is_zero() {
            odd("request.timeout.ms", "0: every answer comes too late".to_owned());
        }
    }
}

impl Settings {
    /// Whether records of one partition stay in the order in which `send` returned, through retries.
    #[must_use]
    pub fn keeps_order(&self) -> bool {
        match self.idempotence {
            Idempotence::On | Idempotence::Preferred => true,
            Idempotence::Off => self.retries == 0 || self.max_in_flight_requests_per_connection == 1,
        }
    }

    /// The level for the codec that is chosen; `None` leaves it to the codec. lz4 has one level here.
    #[must_use]
    pub fn compression_level(&self) -> Option<i32> {
        match self.compression {
            Compression::Gzip => Some(self.gzip_level),
            Compression::Zstd => Some(self.zstd_level),
            // A codec that comes later has a level only once there is a key for it.
            _ => None,
        }
    }

    /// Whether a record can be in the log twice, because an answer was lost and the batch sent again.
    #[must_use]
    pub fn may_duplicate(&self) -> bool {
        match self.idempotence {
            Idempotence::On | Idempotence::Preferred => false,
            // Without answers nothing is ever sent again on a lost one (V10).
            Idempotence::Off => self.retries > 0 && self.acks != kp_protocol::Acks::None,
        }
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

fn conflict(rule: &'static str, key: &'static str, message: String) -> ConfigError {
    ConfigError::Conflict { rule, key, message }
}

impl ProducerConfig {
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
