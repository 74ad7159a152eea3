//! Values by key: from text into a configuration, and out of it, with the default of the chosen column where a key is not set.
//! Never: a rule over two keys (that is `validate.rs`).

use crate::{
    Classic, ConfigError, DefaultValue, KeyInfo, ProducerConfig, Secret, Value, table::info, value::Setting,
};

impl ProducerConfig {
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
                self.put(info.key, value);
            }
            None => {
                self.put_unknown(key, Secret::from(value));
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

    /// The value of a key: what the user set, else the default of the chosen column. `None` if there is
    /// neither, and for a key that kp does not know.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.value(info(key)?)
    }

    /// Every key that is set and known, with its row, in the order of the names.
    pub(crate) fn set_values(&self) -> impl Iterator<Item = (&'static KeyInfo, &Value)> {
        self.known_values().filter_map(|(key, value)| Some((info(key)?, value)))
    }

    fn value(&self, info: &KeyInfo) -> Option<Value> {
        if let Some(value) = self.set_value(info.key) {
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

    /// The entries of a list key, or of its default.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Value::List(entries)) => entries,
            _ => Vec::new(),
        }
    }

    /// The value of a key of text; `None` if it has neither a value nor a default.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
