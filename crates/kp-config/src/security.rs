//! The cross checks of TLS and SASL: V2, V8, V9. What is wrong there is said before it is said that kp has neither yet.

use crate::{ConfigError, ProducerConfig};

impl ProducerConfig {
    /// V2, V8, V9: what Java would find wrong with TLS and SASL, when they are used.
    pub(crate) fn check_security(&self) -> Result<(), ConfigError> {
        let protocol = self.text("security.protocol").unwrap_or_default().to_ascii_uppercase();
        if protocol.starts_with("SASL_") {
            let mechanism = self.text("sasl.mechanism").unwrap_or_default();
            if mechanism.trim().is_empty() {
                return Err(ConfigError::conflict(
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
        Err(ConfigError::conflict(
            "V9",
            "sasl.oauthbearer.assertion.file",
            format!(
                "{prefix}*: either {prefix}file, or {prefix}private.key.file with the claims aud, iss and sub"
            ),
        ))
    }
}
