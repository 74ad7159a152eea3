//! The configuration as it is set: keys to values, from pairs, files or typed setters.
//! Owns: which keys the user set. Never: a rule over two keys (that is `validate.rs`).

use std::{collections::BTreeMap, fmt, fs, path::Path, str::FromStr};

use crate::{
    Classic, ConfigError, DefaultValue, KeyInfo, Secret, Value, properties, table::info, value::Setting,
};

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
}

/// Keys and values as they were set; passwords, and the values of unknown keys, are hidden.
impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.set.iter().map(|(key, value)| (*key, value));
        let unknown = self.unknown.iter().map(|(key, value)| (key.as_str(), value));
        f.debug_map().entries(set.chain(unknown).map(|(key, value)| (key, value.to_string()))).finish()
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

    /// Sets any key by Java's name, from the text that would stand in a file. A key that kp does not know is
    /// kept, and is a warning when the configuration is checked.
    ///
    /// # Errors
    /// [`ConfigError::InvalidValue`] if the text does not fit the type or the range of the key.
    pub fn set(&mut self, key: impl AsRef<str>, value: impl Into<String>) -> Result<(), ConfigError> {
        let (key, value) = (key.as_ref(), value.into());
        match info(key) {
            Some(info) => {
                let value = info.parse(value)?;
                self.set.insert(info.key, value);
            }
            None => {
                self.unknown.insert(key.to_owned(), Value::Password(Secret::new(value)));
            }
        }
        Ok(())
    }

    /// Sets every pair, in order: the last of a key counts.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn from_map<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut config = Self::default();
        for (key, value) in pairs {
            config.set(key, value)?;
        }
        Ok(config)
    }

    /// Reads the text of a Java `.properties` file.
    ///
    /// # Errors
    /// Every line with a value that its key does not take, with its number; or the first that is not in the syntax.
    pub fn from_properties_str(text: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        config.apply_properties(text)?;
        Ok(config)
    }

    /// Reads a Java `.properties` file (UTF-8, or ASCII with `\uXXXX`).
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], or as [`from_properties_str`](Self::from_properties_str); each names the file.
    pub fn from_properties_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        config.load_file(path)?;
        Ok(config)
    }

    /// Sets what a Java `.properties` file says, over what is set already.
    ///
    /// # Errors
    /// As [`from_properties_file`](Self::from_properties_file); nothing is changed then.
    pub fn load_file(&mut self, path: impl AsRef<Path>) -> Result<(), ConfigError> {
        let path = path.as_ref();
        let bytes =
            fs::read(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        properties::decode(&bytes)
            .and_then(|text| self.apply_properties(text))
            .map_err(|source| ConfigError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    pub(crate) fn apply_properties(&mut self, text: &str) -> Result<(), ConfigError> {
        let mut properties = properties::parse(text)?;
        // As in Java, of two lines with one key only the last is looked at.
        let last: BTreeMap<String, usize> =
            properties.iter().map(|property| (property.key.clone(), property.line)).collect();
        properties.retain(|property| last.get(&property.key) == Some(&property.line));
        let mut config = self.clone();
        let mut refused = Vec::new();
        for property in properties {
            if let Err(source) = config.set(property.key, property.value) {
                refused.push(ConfigError::AtLine { line: property.line, source: Box::new(source) });
            }
        }
        match refused.pop() {
            None => *self = config,
            Some(only) if refused.is_empty() => return Err(only),
            Some(last) => {
                refused.push(last);
                return Err(ConfigError::Several { errors: refused });
            }
        }
        Ok(())
    }

    /// Every key as it was set, in text, those that kp does not know included: what a plug-in is configured with.
    /// Passwords of the table are `[hidden]`; the value of a key that kp does not know is shown, whatever it holds.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let known = self.set.iter().map(|(key, value)| ((*key).to_owned(), value.to_string()));
        let unknown = self.unknown.iter().map(|(key, value)| {
            let text = match value {
                Value::Password(secret) => String::from_utf8_lossy(secret.reveal()).into_owned(),
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

    /// The value of a key: what the user set, else the default of the chosen column. `None` if there is
    /// neither, and for a key that kp does not know.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.value(info(key)?)
    }

    /// Whether the classic column (`kp.defaults=0.9`) gives the defaults.
    #[must_use]
    pub fn is_classic(&self) -> bool {
        self.set.contains_key("kp.defaults")
    }

    /// Every key that is set and known, with its row, in the order of the names.
    pub(crate) fn set_values(&self) -> impl Iterator<Item = (&'static KeyInfo, &Value)> {
        self.set.iter().filter_map(|(key, value)| Some((info(key)?, value)))
    }

    /// Keys that are set and that kp does not know.
    pub(crate) fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.unknown.keys().map(String::as_str)
    }

    fn value(&self, info: &KeyInfo) -> Option<Value> {
        if let Some(value) = self.set.get(info.key) {
            return Some(value.clone());
        }
        let default = match info.classic {
            Classic::Was(classic) | Classic::AbsentActing(classic)
                if self.is_classic() && !info.is_security() =>
            {
                DefaultValue::Is(classic)
            }
            _ => info.default,
        };
        match default {
            DefaultValue::Is(text) => info.parse(text.to_owned()).ok(),
            DefaultValue::Required | DefaultValue::Null => None,
        }
    }

    /// A key of the table as the Rust type that its row names.
    pub(crate) fn typed<T: Setting>(&self, key: &'static str) -> Result<T, ConfigError> {
        let value = self.get(key);
        value.as_ref().and_then(T::from_value).ok_or_else(|| ConfigError::InvalidValue {
            key,
            value: value.map_or_else(|| "nothing".to_owned(), |value| value.to_string()),
            allowed: info(key).map(KeyInfo::allowed).unwrap_or_default(),
        })
    }

    /// The value of a key of text; `None` if it has neither a value nor a default.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn with<T: Setting>(mut self, key: &'static str, value: T) -> Self {
        self.set.insert(key, value.into_value());
        self
    }
}

/// The text of a `.properties` file.
impl FromStr for ProducerConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_properties_str(text)
    }
}
