//! A configuration from `.properties` text and files. Nothing is set if a line is refused.

use std::{collections::BTreeMap, fs, path::Path, str::FromStr};

use crate::{ConfigError, ProducerConfig, properties};

impl ProducerConfig {
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
}

/// The text of a `.properties` file.
impl FromStr for ProducerConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_properties_str(text)
    }
}
