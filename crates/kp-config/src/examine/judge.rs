//! The checks of a configuration, again and again, each time without the key that was refused, until they pass.
//! Owns: which refusal is a consequence of an earlier one. Never: the wording of one.

use std::collections::BTreeSet;

use crate::{ConfigError, ConfigWarning, KEYS, ProducerConfig, table::info};

/// What the checks say of a whole configuration.
pub(super) struct Judged {
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<ConfigWarning>,
    /// What passes.
    pub(super) config: ProducerConfig,
    /// The first key of TLS or SASL that is refused: what the others come to is open.
    first_of_security: Option<String>,
    /// Keys of TLS and SASL that were left out so that the rest could be judged.
    left_out: BTreeSet<&'static str>,
}

impl Judged {
    /// Judges `config`; it is without the `refused_values`, which no check can see.
    pub(super) fn of(config: ProducerConfig, refused_values: &[String]) -> Self {
        let mut judged = Self {
            errors: Vec::new(),
            warnings: Vec::new(),
            config,
            first_of_security: refused_values.iter().find(|key| is_of_security(key)).cloned(),
            left_out: BTreeSet::new(),
        };
        let mut refused: BTreeSet<String> = refused_values.iter().cloned().collect();
        // Each turn takes a key out, or puts in the one that has to be there.
        let turns = judged.config.known_values().count() + 2;
        for _ in 0..turns {
            let error = match judged.config.check() {
                Ok(warnings) => {
                    judged.warnings = warnings;
                    break;
                }
                Err(error) => error,
            };
            let key = error.key().unwrap_or_default().to_owned();
            let follows = refused.contains(&key)
                || (is_of_security(&key) && judged.first_of_security.is_some() && is_missing(&error));
            if !follows {
                judged.errors.push(error);
            }
            if !judged.set_aside(&key) {
                break;
            }
            refused.insert(key);
        }
        judged
    }

    /// Makes the configuration one that the check of `key` cannot fail again; `false` if it cannot be.
    fn set_aside(&mut self, key: &str) -> bool {
        let of_security = is_of_security(key);
        if of_security && self.first_of_security.is_none() {
            self.first_of_security = Some(key.to_owned());
        }
        if self.config.unset(key) {
            return true;
        }
        match key {
            "bootstrap.servers" => self.config.set(key, "localhost:9092").is_ok(),
            _ if self.unset_cause(key) => true,
            // It is about a default, or names no key: nothing of security can be judged any more.
            _ if of_security || key.is_empty() => self.leave_security_out(),
            _ => false,
        }
    }

    /// Takes out the key without which `key` is not missed.
    fn unset_cause(&mut self, key: &str) -> bool {
        let others = self.config.clone();
        others.known_values().any(|(cause, _)| {
            let mut without = others.clone();
            let goes_with_it = |error: ConfigError| error.key() != Some(key) && !is_missing(&error);
            let is_cause = !is_of_security(cause)
                && without.unset(cause)
                && without.check().map_or_else(goes_with_it, |_| true);
            is_cause && self.config.unset(cause)
        })
    }

    fn leave_security_out(&mut self) -> bool {
        let keys = KEYS.iter().map(|info| info.key).filter(|key| is_of_security(key));
        let before = self.left_out.len();
        for key in keys {
            if self.config.unset(key) {
                self.left_out.insert(key);
            }
        }
        self.left_out.len() > before
    }

    /// What is wrong with a key; it is not told a second time.
    pub(super) fn take_errors(&mut self, key: &str) -> Vec<ConfigError> {
        let (of_key, others) =
            std::mem::take(&mut self.errors).into_iter().partition(|error| error.key() == Some(key));
        self.errors = others;
        of_key
    }

    /// What there is to know about a key; it is not told a second time.
    pub(super) fn take_warnings(&mut self, key: &str) -> Vec<ConfigWarning> {
        let (of_key, others) =
            std::mem::take(&mut self.warnings).into_iter().partition(|warning| warning.key() == key);
        self.warnings = others;
        of_key
    }

    /// Why nothing can be said of a key that is not refused itself.
    pub(super) fn why_not_judged(&mut self, key: &str) -> Option<String> {
        let first = self.first_of_security.clone()?;
        let has_no_effect = |warning: &ConfigWarning| matches!(warning, ConfigWarning::NoEffect { key: of, .. } if *of == key);
        let is_open = self.left_out.contains(key) || self.warnings.iter().any(has_no_effect);
        if !is_of_security(key) || !is_open {
            return None;
        }
        self.warnings.retain(|warning| !has_no_effect(warning));
        Some(format!("{first} is refused, and this belongs to it"))
    }
}

fn is_missing(error: &ConfigError) -> bool {
    matches!(error, ConfigError::Missing { .. })
}

fn is_of_security(key: &str) -> bool {
    info(key).is_some_and(|info| info.is_security()) || key.starts_with("kp.scram.")
}
