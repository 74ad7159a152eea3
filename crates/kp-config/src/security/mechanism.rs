//! `sasl.mechanism`: which there are, and where each has its credentials from.

use kp_protocol::OldKafka;
use kp_sasl::{ScramHash, UnsecuredJwt};

use super::{Kerberos, Login, Sasl, SecurityProtocol};
use crate::{ConfigError, ProducerConfig, State};

/// The mechanisms that kp has.
const MECHANISMS: [&str; 6] =
    ["GSSAPI", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"];

impl ProducerConfig {
    /// V2: a mechanism, and what it needs.
    pub(super) fn check_sasl(&self, protocol: SecurityProtocol) -> Result<Sasl, ConfigError> {
        let sasl = self.sasl_of_any_age(protocol)?;
        let fallback = self.text("broker.version.fallback").and_then(|text| OldKafka::named(&text));
        if fallback == Some(OldKafka::V0_9_0) && !matches!(sasl, Sasl::Kerberos(_)) {
            return Err(ConfigError::conflict(
                "V2",
                "broker.version.fallback",
                format!(
                    "Kafka 0.9 (broker.version.fallback) knows no sasl.mechanism but GSSAPI, and not {}",
                    sasl.mechanism()
                ),
            ));
        }
        Ok(sasl)
    }

    fn sasl_of_any_age(&self, protocol: SecurityProtocol) -> Result<Sasl, ConfigError> {
        if let Some(typed) = self.typed_sasl() {
            self.check_only_typed(typed)?;
            typed
                .check()
                .map_err(|failure| ConfigError::credential("sasl.mechanism", failure.to_string()))?;
            return Ok(typed.clone());
        }
        let mechanism = self.mechanism()?;
        if mechanism.is_empty() {
            return Err(ConfigError::conflict(
                "V2",
                "sasl.mechanism",
                format!("security.protocol={protocol} needs a sasl.mechanism"),
            ));
        }
        let scram = |hash| {
            let (login, delegation_token) = self.login_without_handlers()?;
            Ok(Sasl::Scram { hash, login, delegation_token })
        };
        let sasl = match mechanism.as_str() {
            "PLAIN" => Sasl::Plain(self.login_without_handlers()?.0),
            "SCRAM-SHA-256" => scram(ScramHash::Sha256)?,
            "SCRAM-SHA-512" => scram(ScramHash::Sha512)?,
            "OAUTHBEARER" if self.has_handler_of_aws() => Sasl::MskIam(self.msk_iam_token()?),
            "OAUTHBEARER" => Sasl::UnsecuredTokens(self.unsecured_tokens()?),
            "AWS_MSK_IAM" => Sasl::MskIam(self.msk_iam()?),
            "GSSAPI" => Sasl::Kerberos(self.kerberos_without_handlers()?),
            _ => return Err(no_mechanism(mechanism)),
        };
        sasl.check()
            .map_err(|failure| ConfigError::credential(self.where_credentials_are(), failure.to_string()))?;
        Ok(sasl)
    }

    /// By Java's name of the key, or by librdkafka's.
    fn mechanism(&self) -> Result<String, ConfigError> {
        const ALIAS: &str = "sasl.mechanisms";
        let named = self.text("sasl.mechanism").unwrap_or_default();
        match self.text(ALIAS) {
            None => Ok(named),
            Some(alias) if !self.is_set("sasl.mechanism") || alias == named => Ok(alias),
            Some(alias) => Err(ConfigError::conflict(
                "V11",
                "sasl.mechanism",
                format!("sasl.mechanism={named} and {ALIAS}={alias} are the same key by two names"),
            )),
        }
    }

    /// V11: credentials of a typed call are not also those of keys.
    fn check_only_typed(&self, typed: &Sasl) -> Result<(), ConfigError> {
        let keys = ["sasl.jaas.config", "sasl.username", "sasl.password"];
        if let Some(key) = keys.into_iter().find(|key| self.is_set(key)) {
            return Err(ConfigError::conflict(
                "V11",
                key,
                format!(
                    "{key} is set, and there are credentials from ProducerConfig::sasl: say which in one place"
                ),
            ));
        }
        let named = self.mechanism()?;
        let is_named = self.is_set("sasl.mechanism") || self.is_set("sasl.mechanisms");
        if is_named && named != typed.mechanism() {
            return Err(ConfigError::conflict(
                "V11",
                "sasl.mechanism",
                format!(
                    "sasl.mechanism={named}, and ProducerConfig::sasl has credentials of {}",
                    typed.mechanism()
                ),
            ));
        }
        Ok(())
    }

    /// User and password, and whether they are a delegation token.
    fn login_without_handlers(&self) -> Result<(Login, bool), ConfigError> {
        self.no_handlers(
            "hand a CredentialsProvider to ProducerConfig::sasl, or put the credentials into sasl.username and sasl.password",
        )?;
        self.login()
    }

    fn kerberos_without_handlers(&self) -> Result<Kerberos, ConfigError> {
        self.no_handlers("kp reads keytabs and ticket caches itself: leave it out")?;
        self.kerberos()
    }

    /// Java's default source of tokens: the options of the login module.
    fn unsecured_tokens(&self) -> Result<UnsecuredJwt, ConfigError> {
        const HANDLER: &str = "sasl.login.callback.handler.class";
        self.check_assertion()?;
        if let Some((key, value, note)) = self.first_key_of_an_endpoint() {
            return Err(ConfigError::NotImplemented { key, value, note });
        }
        let handler = self.text(HANDLER).unwrap_or_default();
        let note = match handler.rsplit('.').next().unwrap_or_default() {
            "" | "OAuthBearerUnsecuredLoginCallbackHandler" => return self.tokens_of_options(),
            "OAuthBearerLoginCallbackHandler" => "asking a token endpoint comes with a later version",
            _ => "hand a TokenProvider to ProducerConfig::sasl (Sasl::oauth)",
        };
        Err(ConfigError::NotImplemented { key: HANDLER, value: handler, note })
    }

    /// A key that has tokens come from elsewhere; made ones in their place would be another user's.
    fn first_key_of_an_endpoint(&self) -> Option<(&'static str, String, &'static str)> {
        self.set_values().find_map(|(info, value)| match info.state {
            State::Security(note) if info.key.starts_with("sasl.") => {
                Some((info.key, value.to_string(), note))
            }
            _ => None,
        })
    }

    /// A class of a JVM that would choose the credentials: to ignore it would be to log in as another user.
    fn no_handlers(&self, note: &'static str) -> Result<(), ConfigError> {
        let keys =
            ["sasl.client.callback.handler.class", "sasl.login.callback.handler.class", "sasl.login.class"];
        match keys.into_iter().find_map(|key| Some((key, self.text(key).filter(|class| !class.is_empty())?)))
        {
            Some((key, value)) => Err(ConfigError::NotImplemented { key, value, note }),
            None => Ok(()),
        }
    }
}

fn no_mechanism(mechanism: String) -> ConfigError {
    ConfigError::InvalidValue {
        key: "sasl.mechanism",
        value: mechanism,
        allowed: format!("one of {}, in capitals", MECHANISMS.join(", ")),
    }
}
