//! The configuration as it is set: keys to values. Text comes in by `values.rs` and `files.rs`, typed values by the setters.
//! Owns: which keys the user set. Never: the table of the keys, a rule over two keys (that is `validate.rs`).

use std::{collections::BTreeMap, fmt};

use crate::{Sasl, Secret, Security, Value, value::Setting};

/// The configuration of a producer. It knows which keys the user has set; all others are at the default of the
/// chosen column (today's, or 0.9's).
///
/// Build it with the typed setters, from pairs, from a `.properties` text or file; later settings win. Nothing
/// is checked over several keys until [`validate`](Self::validate), which a producer calls when it is built.
///
/// Kafka's times are whole milliseconds: a setter that takes a [`Duration`](std::time::Duration) rounds up, so that no wait
/// becomes shorter than asked for, and none above zero becomes zero. Blanks around a text are no part of it, as in Java.
#[derive(Clone, Default, PartialEq)]
pub struct ProducerConfig {
    /// What the user set, by key of the table.
    set: BTreeMap<&'static str, Value>,
    /// Keys the table does not have, for the user's own parts. Their values could be secrets: never printed.
    unknown: BTreeMap<String, Value>,
    /// What connections run over, if a typed call said it.
    security: Option<Security>,
    /// What to authenticate with, if a typed call said it.
    sasl: Option<Sasl>,
}

/// Keys and values as they were set; passwords, and the values of unknown keys, are hidden.
impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.set.iter().map(|(key, value)| (*key, value));
        let unknown = self.unknown.iter().map(|(key, value)| (key.as_str(), value));
        let mut map = f.debug_map();
        map.entries(set.chain(unknown).map(|(key, value)| (key, value.to_string())));
        if let Some(security) = &self.security {
            map.entry(&"security", security);
        }
        if let Some(sasl) = &self.sasl {
            map.entry(&"sasl", sasl);
        }
        map.finish()
    }
}

impl ProducerConfig {
    /// The classic defaults for delivery: `acks=1`, `retries=0`, `linger.ms=0`, no idempotence, and the rest of
    /// the column 0.9. The same as `kp.defaults=0.9`. Security is today's.
    #[must_use]
    pub fn kafka_0_9() -> Self {
        Self::default().with("kp.defaults", "0.9".to_owned())
    }

    /// Sets `bootstrap.servers`: `host:port`, or several with commas.
    #[must_use]
    pub fn bootstrap_servers(self, servers: impl AsRef<str>) -> Self {
        let servers = servers.as_ref().trim();
        let entries = servers.split(',').map(|entry| entry.trim().to_owned());
        self.with("bootstrap.servers", entries.filter(|_| !servers.is_empty()).collect::<Vec<String>>())
    }

    /// Sets `client.id`: the name brokers log.
    #[must_use]
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.with("client.id", id.into())
    }

    /// Sets `transactional.id`: records are sent in transactions, and another producer with this name fences this one.
    #[must_use]
    pub fn transactional_id(self, id: impl Into<String>) -> Self {
        self.with("transactional.id", id.into())
    }

    /// Says what connections run over; with [`sasl`](Self::sasl) it makes `security.protocol`.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.security = Some(security);
        self
    }

    /// Sets what to authenticate with: `sasl.mechanism` and its credentials. Needs a `security.protocol` with SASL, or
    /// [`security`](Self::security).
    #[must_use]
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.sasl = Some(sasl);
        self
    }

    /// Every key as it was set, in text, those that kp does not know included: what a plug-in is configured with.
    /// Passwords of the table are `[hidden]`; the value of a key that kp does not know is shown, whatever it holds.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let known = self.set.iter().map(|(key, value)| ((*key).to_owned(), value.to_string()));
        let unknown = self.unknown.iter().map(|(key, value)| {
            let text = match value {
                Value::Password(secret) => String::from_utf8_lossy(secret.expose()).into_owned(),
                other => other.to_string(),
            };
            (key.clone(), text)
        });
        known.chain(unknown).collect()
    }

    /// Whether the user set the key, to whatever value.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains_key(key) || self.unknown.contains_key(key)
    }

    /// Whether the classic column (`kp.defaults=0.9`) gives the defaults.
    #[must_use]
    pub fn is_classic(&self) -> bool {
        self.set.contains_key("kp.defaults")
    }

    /// What a typed call said of the connections.
    pub(crate) fn typed_security(&self) -> Option<&Security> {
        self.security.as_ref()
    }

    /// What a typed call said of the credentials.
    pub(crate) fn typed_sasl(&self) -> Option<&Sasl> {
        self.sasl.as_ref()
    }

    /// Keys that are set and that kp does not know.
    pub(crate) fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.unknown.keys().map(String::as_str)
    }

    /// What the user set a key of the table to.
    pub(crate) fn set_value(&self, key: &str) -> Option<&Value> {
        self.set.get(key)
    }

    /// The keys of the table that are set, in the order of their names.
    pub(crate) fn known_values(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.set.iter().map(|(key, value)| (*key, value))
    }

    pub(crate) fn put(&mut self, key: &'static str, value: Value) {
        self.set.insert(key, value);
    }

    /// Takes a key of the table out again; whether it was set.
    pub(crate) fn unset(&mut self, key: &str) -> bool {
        self.set.remove(key).is_some()
    }

    pub(crate) fn put_unknown(&mut self, key: &str, value: Secret) {
        self.unknown.insert(key.to_owned(), Value::Password(value));
    }

    pub(crate) fn with<T: Setting>(mut self, key: &'static str, value: T) -> Self {
        self.put(key, value.into_value());
        self
    }
}
