//! The cross checks that are Java's own: V8 of key stores, V9 of assertions.

use crate::{ConfigError, ProducerConfig};

impl ProducerConfig {
    /// V8: a key or certificate is either in a file or in the configuration, and the latter only as PEM.
    pub(super) fn check_stores(&self) -> Result<(), ConfigError> {
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
                    return Err(ConfigError::conflict(
                        "V8",
                        inline,
                        format!("{inline} is PEM: it needs {store}.type=PEM"),
                    ));
                }
                if self.is_set(&location) {
                    return Err(ConfigError::conflict(
                        "V8",
                        inline,
                        format!("{inline} and {location} exclude each other"),
                    ));
                }
            }
            if !pem && self.is_set(&password) && !self.is_set(&location) {
                return Err(ConfigError::conflict(
                    "V8",
                    inline_keys[0],
                    format!("{password} is set, and {location} is not: there is nothing that it opens"),
                ));
            }
            if pem && self.is_set(&password) {
                return Err(ConfigError::conflict(
                    "V8",
                    inline_keys[0],
                    format!("{password} with {store}.type=PEM: PEM has no store password"),
                ));
            }
        }
        Ok(())
    }

    /// V9: an assertion is finished, or can be made.
    pub(super) fn check_assertion(&self) -> Result<(), ConfigError> {
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
        Err(ConfigError::conflict(
            "V9",
            "sasl.oauthbearer.assertion.file",
            format!(
                "{prefix}*: either {prefix}file, or {prefix}private.key.file with the claims aud, iss and sub"
            ),
        ))
    }
}
