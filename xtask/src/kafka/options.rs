//! What cluster to start.

use std::path::PathBuf;

use super::state::Lifetime;
use super::versions::Version;
use crate::error::XtaskError;

/// What cluster to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// A version of [`super::VERSIONS`].
    pub version: String,
    /// 1 or 3 brokers, ids from 1; each is a controller too.
    pub brokers: u16,
    /// Its name, of letters, digits, `-`, `_` and `.`; made up when `None`.
    pub name: Option<String>,
    /// Who ends it.
    pub lifetime: Lifetime,
    /// Lines of `server.properties` for every broker; they win over the built-in ones.
    pub settings: Vec<(String, String)>,
    /// A listener of its own for clients, broker by broker; empty for none.
    pub client_listeners: Vec<ClientListener>,
    /// The secured listeners of every broker, of [`super::LISTENERS`]; `None` for a cluster without security. A listener of
    /// `client_listeners` is like `REAUTH_SSL` then.
    pub secured: Option<SecuredOptions>,
    /// Heap of each broker, in MiB.
    pub heap_mib: u32,
    /// Further flags of the Java that runs each broker.
    pub java_flags: Vec<String>,
    /// The program `kp-oidc`, which issues tokens for a secured cluster; built when `None`.
    pub issuer: Option<PathBuf>,
}

/// Which listeners of [`super::LISTENERS`] a secured broker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecuredOptions {
    /// All that its version can have.
    All,
    /// These, by name.
    Named(Vec<&'static str>),
}

/// Where clients reach a broker if something stands in front of it.
#[derive(Debug, Clone, Copy)]
pub struct ClientListener {
    /// Where the broker listens.
    pub port: u16,
    /// Where it tells clients to go: whatever listens there passes on to `port`.
    pub advertised: u16,
}

impl Default for Options {
    /// One broker of the newest version, which ends with this process.
    fn default() -> Self {
        Self {
            version: Version::newest().number.to_owned(),
            brokers: 1,
            name: None,
            lifetime: Lifetime::WithProcess,
            settings: Vec::new(),
            client_listeners: Vec::new(),
            secured: None,
            heap_mib: 512,
            java_flags: Vec::new(),
            issuer: None,
        }
    }
}

impl Options {
    /// The defaults, with `brokers` brokers.
    pub fn brokers(brokers: u16) -> Self {
        Self { brokers, ..Self::default() }
    }

    /// Sends clients another way, broker by broker (KRaft only); brokers reach each other as ever.
    #[must_use]
    pub fn clients_at(mut self, listeners: Vec<ClientListener>) -> Self {
        self.client_listeners = listeners;
        self
    }

    /// Secures it: certificates, users, and these listeners beside the one without security.
    #[must_use]
    pub fn secured(mut self, listeners: SecuredOptions) -> Self {
        self.secured = Some(listeners);
        self
    }

    /// Adds a line of `server.properties`, e.g. `auto.create.topics.enable` `false`.
    #[must_use]
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Says where the program `kp-oidc` lies, so that it is not built again.
    #[must_use]
    pub fn issuer(mut self, program: impl Into<PathBuf>) -> Self {
        self.issuer = Some(program.into());
        self
    }

    /// Adds a flag of the Java that runs each broker, e.g. `-Djava.security.krb5.conf=…`.
    #[must_use]
    pub fn java_flag(mut self, flag: &str) -> Self {
        self.java_flags.push(flag.to_owned());
        self
    }

    /// Refuses what cannot be started.
    pub(super) fn check(&self) -> Result<(), XtaskError> {
        if !matches!(self.brokers, 1 | 3) {
            return Err(XtaskError::Usage(format!("{} brokers: 1 or 3 can be started", self.brokers)));
        }
        let name = self.name.as_deref().unwrap_or("unnamed");
        let lawful = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(lawful) {
            return Err(XtaskError::Usage(format!(
                "{name:?} is no name: letters, digits, '-', '_' and '.' make one"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_or_three_brokers_and_plain_names_are_taken() {
        assert!(Options::brokers(1).check().is_ok() && Options::brokers(3).check().is_ok());
        assert!(Options::brokers(2).check().is_err());
        for name in ["", "../up", "a b", ".hidden"] {
            let options = Options { name: Some(name.to_owned()), ..Options::default() };
            assert!(options.check().is_err(), "{name:?} was taken");
        }
    }
}
