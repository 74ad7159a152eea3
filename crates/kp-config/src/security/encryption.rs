//! The keys of TLS (`ssl.*`), and what they come to.
//! Owns: which of two keys wins (none: two places that say something are an error), the names of versions. Never: a file.

use kp_sasl::Secret;

use super::{Identity, Security, SecurityConfig, Store, Tls, TlsVersion, Trust};
use crate::{ConfigError, ConfigWarning, ProducerConfig};

const PROTOCOLS: &str = "ssl.enabled.protocols";
const PROTOCOL: &str = "ssl.protocol";
const IDENTIFICATION: &str = "ssl.endpoint.identification.algorithm";

impl ProducerConfig {
    /// What connections are encrypted with: V8, V11.
    pub(super) fn check_tls(&self) -> Result<Tls, ConfigError> {
        if let Some(typed) = self.typed_security().and_then(Security::encryption) {
            return self.check_only_typed_tls().map(|()| typed.clone());
        }
        self.check_stores()?;
        let (oldest, newest) = self.tls_versions()?;
        let mut tls = Tls::new()
            .trust(self.trust()?)
            .min_version(oldest)
            .max_version(newest)
            .cipher_suites(self.list("ssl.cipher.suites"));
        if let Some(identity) = self.identity()? {
            tls = tls.identity(identity);
        }
        Ok(if self.names_are_checked()? { tls } else { tls.without_names() })
    }

    /// V11: what a typed call says is not said by keys, too.
    fn check_only_typed_tls(&self) -> Result<(), ConfigError> {
        match self.set_values().find(|(info, _)| info.is_of_tls()) {
            None => Ok(()),
            Some((info, _)) => Err(ConfigError::conflict(
                "V11",
                info.key,
                format!(
                    "{} is set, and there is a Security::tls from a typed call: say it in one place",
                    info.key
                ),
            )),
        }
    }

    fn trust(&self) -> Result<Trust, ConfigError> {
        let location = self.text("ssl.truststore.location");
        let location = location.map(|path| Store::file("ssl.truststore.location", path));
        let password = self.secret("ssl.truststore.password")?;
        let location = location.map(|store| store.opened_by("ssl.truststore.password", password));
        // librdkafka's word for the system's authorities.
        let ca = self.text("ssl.ca.location").filter(|path| path != "probe");
        let store = one_store([
            location,
            self.pem("ssl.truststore.certificates")?,
            ca.map(|path| Store::file("ssl.ca.location", path)),
            self.pem("ssl.ca.pem")?,
        ])?;
        Ok(store.map_or(Trust::System, Trust::Store))
    }

    fn identity(&self) -> Result<Option<Identity>, ConfigError> {
        let file = |key| self.text(key).map(|path| Store::file(key, path));
        let chain = one_store([
            self.pem("ssl.keystore.certificate.chain")?,
            file("ssl.certificate.location"),
            self.pem("ssl.certificate.pem")?,
        ])?;
        let key =
            one_store([self.pem("ssl.keystore.key")?, file("ssl.key.location"), self.pem("ssl.key.pem")?])?;
        let key_password = self.secret("ssl.key.password")?;
        let key_opened = |store: Store| store.key_opened_by("ssl.key.password", key_password);
        let store = file("ssl.keystore.location");
        match (store, chain, key) {
            (None, None, None) => Ok(None),
            (None, Some(chain), Some(key)) => Ok(Some(Identity::Parts { chain, key: key_opened(key) })),
            (Some(store), None, None) => {
                let password = self.secret("ssl.keystore.password")?;
                let store = store.opened_by("ssl.keystore.password", password);
                Ok(Some(Identity::Store(key_opened(store))))
            }
            (Some(store), Some(other), _) | (Some(store), None, Some(other)) => Err(both(&store, &other)),
            (None, Some(one), None) => Err(half(&one, "the private key of its certificate is in no key")),
            (None, None, Some(one)) => Err(half(&one, "the certificate of that private key is in no key")),
        }
    }

    /// PEM that is the value itself.
    fn pem(&self, key: &'static str) -> Result<Option<Store>, ConfigError> {
        Ok(self.secret(key)?.map(|text: Secret| Store::inline(key, text)))
    }

    /// The oldest and the newest that are spoken (SE36).
    fn tls_versions(&self) -> Result<(TlsVersion, TlsVersion), ConfigError> {
        let enabled = self.list(PROTOCOLS);
        let named = self.text(PROTOCOL).unwrap_or_default();
        let newest = match named.as_str() {
            "" | "TLS" | "TLSv1.3" => TlsVersion::V1_3,
            "TLSv1.2" => TlsVersion::V1_2,
            old if is_old(old) || matches!(old, "SSL" | "SSLv2") => {
                return Err(too_old(PROTOCOL, old.to_owned()));
            }
            _ => return Err(no_version(PROTOCOL, named)),
        };
        if let Some(unknown) = enabled.iter().find(|name| version(name).is_none() && !is_old(name)) {
            return Err(no_version(PROTOCOLS, unknown.clone()));
        }
        let all = if enabled.is_empty() { vec![TlsVersion::V1_2, TlsVersion::V1_3] } else { Vec::new() };
        let spoken = enabled.iter().filter_map(|name| version(name)).chain(all);
        let spoken: Vec<TlsVersion> = spoken.filter(|version| *version <= newest).collect();
        match (spoken.iter().min(), spoken.iter().max()) {
            (Some(oldest), Some(newest)) => Ok((*oldest, *newest)),
            _ if enabled.iter().any(|name| version(name).is_some()) => Err(ConfigError::conflict(
                "V8",
                PROTOCOLS,
                format!("{PROTOCOLS}={} and {PROTOCOL}={named} have no version in common", enabled.join(",")),
            )),
            _ => Err(too_old(PROTOCOLS, enabled.join(","))),
        }
    }

    /// Whether a certificate has to be the broker's (A9).
    fn names_are_checked(&self) -> Result<bool, ConfigError> {
        let algorithm = self.text(IDENTIFICATION).unwrap_or_default();
        if !algorithm.is_empty() && !algorithm.eq_ignore_ascii_case("https") {
            return Err(ConfigError::InvalidValue {
                key: IDENTIFICATION,
                value: algorithm,
                allowed: "https, or nothing, which switches the check off".to_owned(),
            });
        }
        Ok(!algorithm.is_empty())
    }

    /// What is legal, and weaker than it may seem or without effect.
    pub(crate) fn warn_of_tls(&self, security: &SecurityConfig, warnings: &mut Vec<ConfigWarning>) {
        let Some(tls) = &security.tls else { return };
        if !tls.checks_names() {
            warnings.push(ConfigWarning::Odd {
                key: IDENTIFICATION,
                message: "the names in certificates are not checked: any host with a certificate of a trusted authority \
                          can play the broker"
                    .to_owned(),
            });
        }
        let old: Vec<String> = self.list(PROTOCOLS).into_iter().filter(|name| is_old(name)).collect();
        if !old.is_empty() {
            let message = format!("{} is left out: kp speaks TLS 1.2 and 1.3", old.join(", "));
            warnings.push(ConfigWarning::Odd { key: PROTOCOLS, message });
        }
    }
}

fn version(name: &str) -> Option<TlsVersion> {
    [TlsVersion::V1_2, TlsVersion::V1_3].into_iter().find(|version| version.name() == name)
}

fn is_old(name: &str) -> bool {
    matches!(name, "TLSv1.1" | "TLSv1" | "SSLv3" | "SSLv2Hello")
}

fn too_old(key: &'static str, value: String) -> ConfigError {
    ConfigError::InvalidValue {
        key,
        value,
        allowed: "TLSv1.2 and TLSv1.3; older ones are not spoken".to_owned(),
    }
}

fn no_version(key: &'static str, value: String) -> ConfigError {
    ConfigError::InvalidValue { key, value, allowed: "TLSv1.2 and TLSv1.3".to_owned() }
}

/// The one that is there.
fn one_store<const N: usize>(stores: [Option<Store>; N]) -> Result<Option<Store>, ConfigError> {
    let mut there = stores.into_iter().flatten();
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => Err(both(&one, &other)),
        (one, _) => Ok(one),
    }
}

fn both(one: &Store, other: &Store) -> ConfigError {
    let (one, other) = (one.key(), other.key());
    ConfigError::conflict("V8", other, format!("{one} and {other} exclude each other: say it in one place"))
}

fn half(one: &Store, problem: &str) -> ConfigError {
    ConfigError::conflict("V8", one.key(), format!("{} is set, and {problem}", one.key()))
}
