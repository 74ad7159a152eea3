//! Credentials out of keys: the login line (`sasl.jaas.config`), and `sasl.username` with `sasl.password`.
//! Owns: the login modules, by the names of their classes, and which key wins (none: two that differ are an error).

use std::sync::Arc;

use kp_sasl::{Credentials, CredentialsProvider, Provided, Secret, UnsecuredJwt};

use super::{Login, placeholder};
use crate::{ConfigError, ProducerConfig, Value, jaas::JaasEntry};

const JAAS: &str = "sasl.jaas.config";

/// A login module that Kafka's users know, by its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    /// User and password: PLAIN, or SCRAM.
    Password,
    /// The same, and it can say that they are a delegation token.
    Scram,
    OAuthBearer,
    MskIam,
    Kerberos,
}

impl Module {
    fn of_class(class: &str) -> Option<Self> {
        // Databricks ships Java's client under a name of its own.
        Some(match class.strip_prefix("kafkashaded.").unwrap_or(class) {
            "org.apache.kafka.common.security.plain.PlainLoginModule" => Self::Password,
            "org.apache.kafka.common.security.scram.ScramLoginModule" => Self::Scram,
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule" => Self::OAuthBearer,
            "software.amazon.msk.auth.iam.IAMLoginModule" => Self::MskIam,
            "com.sun.security.auth.module.Krb5LoginModule" => Self::Kerberos,
            _ => return None,
        })
    }
}

impl ProducerConfig {
    /// User and password of PLAIN or SCRAM, and whether they are a delegation token. As in Java, both mechanisms take
    /// either login module.
    fn credentials(&self) -> Result<(Credentials, bool), ConfigError> {
        let line = self.jaas(&[Module::Password, Module::Scram], "PLAIN and SCRAM")?;
        let of_line = |option| line.as_ref().and_then(|(_, entry)| entry.option(option)).cloned();
        let user = self.text("sasl.username").map(Secret::from);
        let user = one_of(user, of_line("username"), "sasl.username", "username")?;
        let password =
            one_of(self.secret("sasl.password")?, of_line("password"), "sasl.password", "password")?;
        let is_token = matches!(&line, Some((Module::Scram, entry))
            if entry.option("tokenauth").and_then(Secret::expose_text).is_some_and(|text| text.eq_ignore_ascii_case("true")));
        let missing = |what: &str| match line {
            None => ConfigError::Missing {
                key: JAAS,
                needed: "PLAIN and SCRAM take a user and a password from it, or from sasl.username and sasl.password",
            },
            Some(_) => ConfigError::credential(JAAS, format!("the login module has no {what}")),
        };
        let user = user.ok_or_else(|| missing("username"))?;
        let user = user.expose_text().unwrap_or_default().to_owned();
        Ok((Credentials::new(user, password.ok_or_else(|| missing("password"))?), is_token))
    }

    /// The same, read again by each connection if a secret stands elsewhere and so can change there.
    pub(super) fn login(&self) -> Result<(Login, bool), ConfigError> {
        let (credentials, is_token) = self.credentials()?;
        let login = if self.points_elsewhere() {
            Login::Provided(Arc::new(ReadAgain(self.with_credentials_alone())))
        } else {
            Login::Fixed(credentials)
        };
        Ok((login, is_token))
    }

    fn points_elsewhere(&self) -> bool {
        [JAAS, "sasl.password"].into_iter().any(|key| match self.get(key) {
            Some(Value::Password(secret)) => placeholder::is_in(&secret),
            _ => false,
        })
    }

    fn with_credentials_alone(&self) -> Self {
        let mut config = Self::default();
        for key in [JAAS, "sasl.username", "sasl.password"] {
            if let Some(value) = self.set_value(key) {
                config.put(key, value.clone());
            }
        }
        config
    }

    /// Tokens as the options of the login module describe them.
    pub(super) fn tokens_of_options(&self) -> Result<UnsecuredJwt, ConfigError> {
        let Some((_, entry)) = self.jaas(&[Module::OAuthBearer], "OAUTHBEARER")? else {
            return Err(ConfigError::Missing {
                key: JAAS,
                needed: "OAUTHBEARER takes the options unsecuredLogin… of an OAuthBearerLoginModule from it",
            });
        };
        if entry.option("clientId").is_some() || entry.option("clientSecret").is_some() {
            return Err(ConfigError::NotImplemented {
                key: JAAS,
                value: "clientId".to_owned(),
                note: "asking a token endpoint comes with a later version",
            });
        }
        let options = entry.options().map(|(key, value)| (key, value.expose_text().unwrap_or_default()));
        UnsecuredJwt::from_options(options)
            .map_err(|failure| ConfigError::credential(JAAS, failure.to_string()))
    }

    /// The login line, if there is one; it has to be of one of the `wanted` modules.
    pub(super) fn jaas(
        &self,
        wanted: &[Module],
        by: &str,
    ) -> Result<Option<(Module, JaasEntry)>, ConfigError> {
        let Some(line) = self.secret(JAAS)? else { return Ok(None) };
        let bad = |problem: String| ConfigError::credential(JAAS, problem);
        let text = line.expose_text().ok_or_else(|| bad("is not UTF-8".to_owned()))?;
        let entry = JaasEntry::parse(text).map_err(bad)?;
        match Module::of_class(entry.module()) {
            Some(module) if wanted.contains(&module) => Ok(Some((module, entry))),
            Some(Module::Kerberos) => Err(bad(format!("has the login module of Kerberos, and {by} is asked for"))),
            Some(Module::MskIam) => Err(bad(format!("has the login module of MSK IAM, and {by} is asked for"))),
            Some(_) => Err(bad(format!("has the login module of another mechanism than {by}"))),
            None => Err(bad(
                "names a login module that kp does not know; it knows PlainLoginModule, ScramLoginModule and \
                 OAuthBearerLoginModule (org.apache.kafka.common.security…), IAMLoginModule \
                 (software.amazon.msk.auth.iam) and Krb5LoginModule (com.sun.security.auth.module)"
                    .to_owned(),
            )),
        }
    }

    /// The value of a password key, with its placeholders filled in.
    pub(super) fn secret(&self, key: &'static str) -> Result<Option<Secret>, ConfigError> {
        match self.get(key) {
            Some(Value::Password(secret)) => placeholder::filled_in(key, &secret).map(Some),
            _ => Ok(None),
        }
    }

    /// The key that an error about credentials names.
    pub(super) fn where_credentials_are(&self) -> &'static str {
        if self.is_set(JAAS) { JAAS } else { "sasl.password" }
    }
}

/// The keys of a configuration, whose secrets stand elsewhere.
struct ReadAgain(ProducerConfig);

impl CredentialsProvider for ReadAgain {
    fn credentials(&self) -> Provided<'_, Credentials> {
        Box::pin(std::future::ready(match self.0.credentials() {
            Ok((credentials, _)) => Ok(credentials),
            Err(error) => Err(error.into()),
        }))
    }
}

/// V11: two places that say the same are one.
fn one_of(
    of_key: Option<Secret>,
    of_line: Option<Secret>,
    key: &'static str,
    option: &str,
) -> Result<Option<Secret>, ConfigError> {
    match (of_key, of_line) {
        (Some(one), Some(other)) if one != other => Err(ConfigError::conflict(
            "V11",
            key,
            format!("{key} and the {option} of {JAAS} are not the same: leave one out"),
        )),
        (one, other) => Ok(one.or(other)),
    }
}
