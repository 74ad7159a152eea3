//! `sasl.oauthbearer.*`, `sasl.login.*` and the options of an OAuthBearerLoginModule, as an [`Oidc`].
//! Owns: which key says what, Java's classes by their names, and librdkafka's names of the same. Never: a file that is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kp_sasl::{Credentials, CredentialsProvider, Provided, SaslExtensions, Secret, UnsecuredJwt};

use super::oidc::{Assertion, AssertionAlgorithm, ClaimNames, Oidc, OidcGrant, OidcLimits, SignedAssertion};
use super::{Login, placeholder};
use crate::{ConfigError, ProducerConfig, Value, jaas::JaasEntry};

pub(super) const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const ID: &str = "sasl.oauthbearer.client.credentials.client.id";
const SECRET: &str = "sasl.oauthbearer.client.credentials.client.secret";
const RETRIEVER: &str = "sasl.oauthbearer.jwt.retriever.class";
const VALIDATOR: &str = "sasl.oauthbearer.jwt.validator.class";
const METHOD: &str = "sasl.oauthbearer.method";
const PROVIDER: &str = "hand a TokenProvider to ProducerConfig::sasl (Sasl::oauth)";

/// What Java's class of `sasl.oauthbearer.jwt.retriever.class` would do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retriever {
    /// A file for a `file:` URL, else client credentials.
    ByUrl,
    ClientCredentials,
    JwtBearer,
    File,
}

impl ProducerConfig {
    /// Whether the keys have tokens come from an endpoint.
    pub(super) fn asks_an_endpoint(&self) -> bool {
        self.is_set(URL) || self.text(METHOD).is_some_and(|method| method.eq_ignore_ascii_case("oidc"))
    }

    /// The login that the keys describe.
    pub(super) fn oidc(&self) -> Result<Oidc, ConfigError> {
        self.check_validator()?;
        let retriever = self.retriever()?;
        let url = self.text(URL).filter(|url| !url.is_empty()).ok_or(ConfigError::Missing {
            key: URL,
            needed: "OAUTHBEARER asks a token endpoint here, and this is where it is",
        })?;
        let line = self.oauth_line()?;
        let mut oidc = match (retriever, file_of(&url)) {
            (Retriever::ByUrl | Retriever::File, Some(path)) => Oidc::file(path),
            (Retriever::File, None) => {
                return Err(self.bad_url(&url, "a file: URL, as FileJwtRetriever wants"));
            }
            (_, Some(_)) => return Err(self.bad_url(&url, "an https URL: the retriever asks an endpoint")),
            (Retriever::JwtBearer, None) => {
                let assertion = self.assertion()?.ok_or_else(|| {
                    ConfigError::conflict("V9", RETRIEVER, format!("{RETRIEVER}: jwt-bearer needs sasl.oauthbearer.assertion.file, or sasl.oauthbearer.assertion.private.key.file with the claims"))
                })?;
                Oidc::new(url).jwt_bearer(assertion)
            }
            (Retriever::ByUrl | Retriever::ClientCredentials, None) => {
                Oidc::new(url).granting(self.client_credentials(line.as_ref())?)
            }
        };
        oidc.scope = self.of_key_or_line("sasl.oauthbearer.scope", line.as_ref(), "scope");
        oidc.extensions = self.extensions(line.as_ref())?;
        oidc.claims = ClaimNames {
            subject: self.typed("sasl.oauthbearer.sub.claim.name")?,
            scope: self.typed("sasl.oauthbearer.scope.claim.name")?,
        };
        oidc.limits = self.oidc_limits()?;
        oidc.trust = line
            .iter()
            .flat_map(JaasEntry::options)
            .filter(|(key, _)| key.starts_with("ssl."))
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        oidc.http_to_others = self.typed("kp.oauth.allow.http")?;
        Ok(oidc)
    }

    fn bad_url(&self, url: &str, allowed: &str) -> ConfigError {
        // A URL may have a password in it.
        let value = url.split(':').next().map_or_else(String::new, |scheme| format!("{scheme}:…"));
        ConfigError::InvalidValue { key: URL, value, allowed: allowed.to_owned() }
    }

    fn retriever(&self) -> Result<Retriever, ConfigError> {
        let class = self.text(RETRIEVER).unwrap_or_default();
        Ok(match class.rsplit('.').next().unwrap_or_default() {
            "" | "DefaultJwtRetriever" => Retriever::ByUrl,
            "ClientCredentialsJwtRetriever" => Retriever::ClientCredentials,
            "JwtBearerJwtRetriever" => Retriever::JwtBearer,
            "FileJwtRetriever" => Retriever::File,
            _ => return Err(ConfigError::NotImplemented { key: RETRIEVER, value: class, note: PROVIDER }),
        })
    }

    fn check_validator(&self) -> Result<(), ConfigError> {
        let class = self.text(VALIDATOR).unwrap_or_default();
        let note = match class.rsplit('.').next().unwrap_or_default() {
            "" | "DefaultJwtValidator" | "ClientJwtValidator" => return Ok(()),
            "BrokerJwtValidator" => "it is for brokers, which check the signature",
            _ => PROVIDER,
        };
        Err(ConfigError::NotImplemented { key: VALIDATOR, value: class, note })
    }

    /// An id and a secret, of the keys or of the line; without a secret an assertion, if there is one.
    fn client_credentials(&self, line: Option<&JaasEntry>) -> Result<OidcGrant, ConfigError> {
        let id =
            self.of_key_or_line(ID, line, "clientId").or_else(|| self.text("sasl.oauthbearer.client.id"));
        let secret = self.client_secret(line)?;
        if let (None, Some(assertion)) = (&secret, self.assertion()?) {
            return Ok(OidcGrant::ClientAssertion { id, assertion });
        }
        let missing = |key, needed| ConfigError::Missing { key, needed };
        let id = id.ok_or_else(|| {
            missing(ID, "the token endpoint is asked with it (or with clientId of sasl.jaas.config)")
        })?;
        let secret = secret.ok_or_else(|| missing(SECRET, "the token endpoint is asked with it (or with clientSecret of sasl.jaas.config), or with an assertion"))?;
        let is_encoded = self.typed("sasl.oauthbearer.header.urlencode")?;
        let elsewhere = SECRETS
            .into_iter()
            .any(|key| matches!(self.get(key), Some(Value::Password(secret)) if placeholder::is_in(&secret)));
        let client = if elsewhere {
            Login::Provided(Arc::new(ReadAgain(self.with_keys_alone(&KEYS_OF_CLIENT))))
        } else {
            Login::Fixed(Credentials::new(id, secret))
        };
        Ok(OidcGrant::ClientSecret { client, is_encoded })
    }

    fn client_secret(&self, line: Option<&JaasEntry>) -> Result<Option<Secret>, ConfigError> {
        for key in [SECRET, "sasl.oauthbearer.client.secret"] {
            if let Some(secret) = self.secret(key)? {
                return Ok(Some(secret));
            }
        }
        Ok(line.and_then(|line| line.option("clientSecret")).cloned())
    }

    fn assertion(&self) -> Result<Option<Assertion>, ConfigError> {
        const PREFIX: &str = "sasl.oauthbearer.assertion.";
        let text = |name: &str| self.text(&format!("{PREFIX}{name}")).filter(|text| !text.is_empty());
        if let Some(file) = text("file") {
            return Ok(Some(Assertion::File(PathBuf::from(file))));
        }
        let Some(key_file) = text("private.key.file") else { return Ok(None) };
        let is_es256 = text("algorithm").is_some_and(|name| name.eq_ignore_ascii_case("ES256"));
        let algorithm = if is_es256 { AssertionAlgorithm::Es256 } else { AssertionAlgorithm::Rs256 };
        let seconds = |key| Ok::<_, ConfigError>(Duration::from_secs(u64::from(self.typed::<u32>(key)?)));
        Ok(Some(Assertion::Signed(SignedAssertion {
            algorithm,
            key_file: PathBuf::from(key_file),
            passphrase: self.secret("sasl.oauthbearer.assertion.private.key.passphrase")?,
            template_file: text("template.file").map(PathBuf::from),
            audience: text("claim.aud"),
            issuer: text("claim.iss"),
            subject: text("claim.sub"),
            lifetime: seconds("sasl.oauthbearer.assertion.claim.exp.seconds")?,
            backdating: seconds("sasl.oauthbearer.assertion.claim.nbf.seconds")?,
            is_numbered: self.typed("sasl.oauthbearer.assertion.claim.jti.include")?,
        })))
    }

    /// The key, as in Java; if it is not set, the option of the line.
    fn of_key_or_line(&self, key: &str, line: Option<&JaasEntry>, option: &str) -> Option<String> {
        let of_line = || line?.option(option)?.expose_text().map(str::to_owned);
        self.text(key).or_else(of_line).filter(|text| !text.is_empty())
    }

    /// `extension_…` of the line, and librdkafka's `name=value,name=value`.
    fn extensions(&self, line: Option<&JaasEntry>) -> Result<SaslExtensions, ConfigError> {
        const KEY: &str = "sasl.oauthbearer.extensions";
        let of_key = self.text(KEY).unwrap_or_default();
        let mut extensions = Vec::new();
        for pair in of_key.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                ConfigError::credential(KEY, "takes name=value, several with commas between".to_owned())
            })?;
            extensions.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        for (option, value) in line.iter().flat_map(|line| line.options()) {
            if let Some(name) = option.strip_prefix("extension_") {
                extensions.push((name.to_owned(), value.expose_text().unwrap_or_default().to_owned()));
            }
        }
        let key = if of_key.is_empty() { "sasl.jaas.config" } else { KEY };
        SaslExtensions::new(extensions).map_err(|failure| ConfigError::credential(key, failure.to_string()))
    }

    fn oidc_limits(&self) -> Result<OidcLimits, ConfigError> {
        let usual = OidcLimits::default();
        let set = |key: &'static str, usual| if self.is_set(key) { self.typed(key) } else { Ok(usual) };
        Ok(OidcLimits {
            connect: set("sasl.login.connect.timeout.ms", usual.connect)?,
            exchange: set("sasl.login.read.timeout.ms", usual.exchange)?,
            retry_backoff: set("sasl.login.retry.backoff.ms", usual.retry_backoff)?,
            retry_total: set("sasl.login.retry.backoff.max.ms", usual.retry_total)?,
        })
    }

    /// `sasl.oauthbearer.config`, librdkafka's description of an unsecured token: `principal=alice scope=a,b lifeSeconds=600`.
    pub(super) fn unsecured_of_librdkafka(&self) -> Result<Option<UnsecuredJwt>, ConfigError> {
        const KEY: &str = "sasl.oauthbearer.config";
        let Some(text) = self.text(KEY).filter(|text| !text.is_empty()) else { return Ok(None) };
        let bad = |problem: String| ConfigError::credential(KEY, problem);
        let pairs: Option<Vec<_>> = text.split_whitespace().map(|pair| pair.split_once('=')).collect();
        let pairs = pairs.ok_or_else(|| bad("takes name=value, several with spaces between".to_owned()))?;
        let of = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let (subject, scope) =
            (of("principalClaimName").unwrap_or("sub"), of("scopeClaimName").unwrap_or("scope"));
        let mut options = vec![
            ("unsecuredLoginPrincipalClaimName".to_owned(), subject.to_owned()),
            ("unsecuredLoginScopeClaimName".to_owned(), scope.to_owned()),
        ];
        for (name, value) in &pairs {
            let option = match *name {
                "principal" => format!("unsecuredLoginStringClaim_{subject}"),
                "lifeSeconds" => "unsecuredLoginLifetimeSeconds".to_owned(),
                "scope" => {
                    options.push((format!("unsecuredLoginListClaim_{scope}"), format!(",{value}")));
                    continue;
                }
                "principalClaimName" | "scopeClaimName" => continue,
                other => match other.strip_prefix("extension_") {
                    Some(extension) => format!("unsecuredLoginExtension_{extension}"),
                    None => return Err(bad(format!("has no {}", kp_protocol::text::shown(other)))),
                },
            };
            options.push((option, (*value).to_owned()));
        }
        let options = options.iter().map(|(option, value)| (option.as_str(), value.as_str()));
        UnsecuredJwt::from_options(options).map(Some).map_err(|failure| bad(failure.to_string()))
    }

    fn with_keys_alone(&self, keys: &[&'static str]) -> Self {
        let mut config = Self::default();
        for key in keys {
            if let Some(value) = self.set_value(key) {
                config.put(key, value.clone());
            }
        }
        config
    }
}

const SECRETS: [&str; 3] = ["sasl.jaas.config", SECRET, "sasl.oauthbearer.client.secret"];
const KEYS_OF_CLIENT: [&str; 5] =
    ["sasl.jaas.config", ID, "sasl.oauthbearer.client.id", SECRET, "sasl.oauthbearer.client.secret"];

/// The keys of a client whose secret stands elsewhere.
struct ReadAgain(ProducerConfig);

impl ReadAgain {
    fn read(&self) -> Result<Credentials, ConfigError> {
        let line = self.0.oauth_line()?;
        let id = self.0.of_key_or_line(ID, line.as_ref(), "clientId");
        let id = id.or_else(|| self.0.text("sasl.oauthbearer.client.id")).unwrap_or_default();
        let secret = self.0.client_secret(line.as_ref())?;
        let secret = secret
            .ok_or(ConfigError::Missing { key: SECRET, needed: "the token endpoint is asked with it" })?;
        Ok(Credentials::new(id, secret))
    }
}

impl CredentialsProvider for ReadAgain {
    fn credentials(&self) -> Provided<'_, Credentials> {
        Box::pin(std::future::ready(self.read().map_err(Into::into)))
    }
}

/// The path of a `file:` URL, in its forms `file:/a`, `file:///a` and `file://localhost/a`.
fn file_of(url: &str) -> Option<PathBuf> {
    let scheme = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:"))?;
    let path = &url[scheme.len()..];
    let path = path.strip_prefix("//localhost").or_else(|| path.strip_prefix("//")).unwrap_or(path);
    Some(PathBuf::from(path))
}
