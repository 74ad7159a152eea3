//! Kerberos out of keys: the options of Java's `Krb5LoginModule`, `sasl.kerberos.*`, and kp's own `kp.kerberos.*`.

use std::path::PathBuf;
use std::time::Duration;

use super::kerberos::{Kerberos, KerberosSource};
use super::login::Module;
use crate::{ConfigError, ProducerConfig, Value, jaas::JaasEntry};

const JAAS: &str = "sasl.jaas.config";
const SERVICE: &str = "sasl.kerberos.service.name";
const KEYTAB: &str = "kp.kerberos.keytab";
const PRINCIPAL: &str = "kp.kerberos.principal";

impl ProducerConfig {
    /// The login of GSSAPI.
    pub(super) fn kerberos(&self) -> Result<Kerberos, ConfigError> {
        let entry = self.jaas(&[Module::Kerberos], "GSSAPI")?.map(|(_, entry)| entry);
        let source = self.kerberos_source(entry.as_ref())?;
        let service = self.one_of(SERVICE, entry.as_ref(), "serviceName")?.ok_or(ConfigError::Missing {
            key: SERVICE,
            needed: "GSSAPI asks for tickets for it: the name before the / in the principals of brokers, mostly kafka",
        })?;
        let number = |key, otherwise| match self.get(key) {
            Some(Value::Double(number)) => number,
            _ => otherwise,
        };
        let millis = match self.get("sasl.kerberos.min.time.before.relogin") {
            Some(Value::Integer(millis)) => u64::try_from(millis).unwrap_or(0),
            _ => 60_000,
        };
        let window = number("sasl.kerberos.ticket.renew.window.factor", 0.8);
        let kerberos = Kerberos::of(source)
            .service(service)
            .renewal(window, number("sasl.kerberos.ticket.renew.jitter", 0.05))
            .least_between_logins(Duration::from_millis(millis));
        Ok(match self.text("kp.kerberos.config") {
            Some(path) => kerberos.config(path),
            None => kerberos,
        })
    }

    /// A keytab wins over a cache: with it the client needs no other program.
    fn kerberos_source(&self, entry: Option<&JaasEntry>) -> Result<KerberosSource, ConfigError> {
        let is_true = |option| {
            let text = entry.and_then(|entry| entry.option(option)).and_then(|value| value.expose_text());
            text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
        };
        if is_true("useKeyTab") || self.is_set(KEYTAB) {
            let path = self.one_of(KEYTAB, entry, "keyTab")?;
            let path = path.map(|path| PathBuf::from(path.strip_prefix("FILE:").unwrap_or(&path)));
            return Ok(KerberosSource::Keytab {
                path,
                principal: self.one_of(PRINCIPAL, entry, "principal")?,
            });
        }
        if is_true("useTicketCache") {
            let path = self.one_of("", entry, "ticketCache")?;
            let path = path.map(|path| PathBuf::from(path.strip_prefix("FILE:").unwrap_or(&path)));
            return Ok(KerberosSource::TicketCache { path });
        }
        Err(match entry {
            Some(_) => ConfigError::credential(
                JAAS,
                "the login module of Kerberos has neither useKeyTab=true nor useTicketCache=true; kp asks nobody for a password"
                    .to_owned(),
            ),
            None => ConfigError::Missing {
                key: JAAS,
                needed: "sasl.mechanism=GSSAPI, which is Kerberos and the default, takes a Krb5LoginModule from it; \
                         kp.kerberos.keytab will do, too",
            },
        })
    }

    /// V11: what a key says and what an option says is the same, or one of them is left out.
    fn one_of(
        &self,
        key: &'static str,
        entry: Option<&JaasEntry>,
        option: &str,
    ) -> Result<Option<String>, ConfigError> {
        let of_entry = entry.and_then(|entry| entry.option(option));
        let of_entry = of_entry.and_then(|value| value.expose_text()).map(str::to_owned);
        match (self.text(key).filter(|text| !text.is_empty()), of_entry) {
            (Some(one), Some(other)) if one != other => Err(ConfigError::conflict(
                "V11",
                key,
                format!("{key}={one} and {option}={other} of {JAAS} are not the same: leave one out"),
            )),
            (one, other) => Ok(one.or(other)),
        }
    }
}
