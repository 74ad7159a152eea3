//! What each connection of a client begins with, and how it is changed while the client runs. Reads files when it is made and
//! when it is told to, never by itself.

use crate::asked_identity::Asked;
use crate::current::{Current, Facts};
use crate::identity::{Asker, Identity};
use crate::settings::TlsSettings;
use crate::stamps::Stamps;
use crate::{
    CertificateFacts, EntryUse, ListenerView, StoreEntry, TlsConfigError, TlsFailure, TlsFailureKind,
    listener_view, reading, store,
};
use arc_swap::ArcSwap;
use kp_protocol::text::shown;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What the connections of one client share; clones are the same client. Sessions are resumed within it.
///
/// What it was made of can change while it runs: [`look`](Self::look) reads the files again when they did. Connections that are
/// made from then on begin with the new ones, those that are open live on.
#[derive(Clone)]
pub struct TlsClient(Arc<Shared>);

struct Shared {
    current: ArcSwap<Current>,
    /// What it is read from; a configuration of the application is read from nothing.
    origin: Option<Origin>,
    /// The files as they were when they were read last. Held while they are read, so that two do not read at once.
    looked: Mutex<Stamps>,
    /// What the program has given, if it is asked for the client's certificate.
    asked: Asked,
    warnings: Vec<String>,
}

struct Origin {
    settings: TlsSettings,
    provider: CryptoProvider,
}

/// What came of a look at the files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "files that cannot be used are to be told of"]
pub enum Reload {
    /// They are as they were, or there are none.
    Unchanged,
    /// They were read; new connections use them.
    Reloaded,
    /// They changed and cannot be used: new connections go on with what was read before. They are read again when they
    /// change again. Also of a certificate that the program has given: it is asked again by the next connection.
    Kept(TlsConfigError),
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("facts", &self.current().facts).finish_non_exhaustive()
    }
}

impl TlsClient {
    /// Reads what `settings` name, and checks it.
    ///
    /// # Errors
    /// A file, a certificate or a key cannot be used, or nothing is left to speak.
    pub fn new(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Self, TlsConfigError> {
        // Before they are read: what changes in between is seen by the next look.
        let stamps = Stamps::of(settings);
        let current = reading::read(settings, provider)?;
        let origin = Origin { settings: settings.clone(), provider: provider.clone() };
        Ok(Self::of(current, Some(origin), stamps))
    }

    /// A client over a configuration of `rustls` that the application made: what it trusts, shows and speaks is its own, and
    /// is not read again.
    ///
    /// ```
    /// # fn with(config: rustls::ClientConfig) {
    /// let client = kp_tls::TlsClient::from_rustls(std::sync::Arc::new(config));
    /// # }
    /// ```
    #[must_use]
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        let facts = Facts {
            authorities: "the authorities of the application's rustls::ClientConfig".into(),
            versions: "what the application's rustls::ClientConfig allows",
            server_name: None,
            has_identity: config.client_auth_cert_resolver.has_certs(),
            own: None,
            warnings: Vec::new(),
        };
        Self::of(Current { config, facts: Arc::new(facts) }, None, Stamps::default())
    }

    fn of(current: Current, origin: Option<Origin>, stamps: Stamps) -> Self {
        let warnings = current.facts.warnings.clone();
        let current = ArcSwap::from_pointee(current);
        Self(Arc::new(Shared {
            current,
            origin,
            looked: Mutex::new(stamps),
            asked: Asked::default(),
            warnings,
        }))
    }

    /// What is unusual about the settings as they were first read, to be logged once.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// The configuration of `rustls` that new connections begin with, such as for a client of HTTPS that is to trust
    /// and show the same.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current().config)
    }

    /// The certificate that new connections show to brokers that ask for one; none, too, if the application has made it.
    #[must_use]
    pub fn own_certificate(&self) -> Option<CertificateFacts> {
        self.current().facts.own.clone()
    }

    /// Whether it was made from files, so that to [look](Self::look) makes sense.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.looked().is_empty()
    }

    /// Looks whether a file has changed (its time of change, its length), and if so, reads all of them
    /// (`kp.ssl.reload.interval.ms`). Reads files, and may hash a password for long: not for a thread that others wait for.
    ///
    /// `now` is the clock on the wall: a certificate of this client that has expired does not take the place of the one
    /// that is there.
    pub fn look(&self, now: SystemTime) -> Reload {
        let Some(origin) = &self.0.origin else { return Reload::Unchanged };
        let mut looked = self.looked();
        let stamps = Stamps::of(&origin.settings);
        if stamps == *looked {
            return Reload::Unchanged;
        }
        *looked = stamps;
        self.read(origin, now)
    }

    /// Reads the files whether they have changed or not; otherwise as [`look`](Self::look).
    pub fn reload(&self, now: SystemTime) -> Reload {
        let Some(origin) = &self.0.origin else { return Reload::Unchanged };
        let mut looked = self.looked();
        *looked = Stamps::of(&origin.settings);
        self.read(origin, now)
    }

    fn read(&self, origin: &Origin, now: SystemTime) -> Reload {
        let read = reading::read(&self.settings_now(origin), &origin.provider);
        match read.and_then(|current| unexpired(origin, current, now)) {
            Ok(current) => {
                self.0.current.store(Arc::new(current));
                Reload::Reloaded
            }
            Err(error) => Reload::Kept(error),
        }
    }

    /// What stands in the stores that it trusts and shows, read anew: those of the trust store first. Nothing if it has no store, or
    /// if the application made the configuration of `rustls`. Reads files, and may hash a password for long.
    ///
    /// # Errors
    /// A store cannot be read.
    pub fn store_entries(&self) -> Result<Vec<StoreEntry>, TlsConfigError> {
        let Some(Origin { settings, .. }) = &self.0.origin else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        if let Some(source) = &settings.trusted {
            let trusted = store::trusted_entries(source)?;
            entries
                .extend(trusted.iter().map(|entry| StoreEntry::new(source.key(), entry, EntryUse::Trusted)));
        }
        if let Some(source) = settings.source_of_identity() {
            let own = self.own_certificate();
            for entry in store::own_entries(source)? {
                let entry = StoreEntry::new(source.key(), &entry, EntryUse::None);
                let is_meant = match (source.chosen_alias(), entry.alias()) {
                    (Some(meant), Some(alias)) => meant.eq_ignore_ascii_case(alias),
                    _ => true,
                };
                let is_shown = is_meant && own.is_some() && entry.certificates().first() == own.as_ref();
                entries.push(if is_shown { entry.used_as(EntryUse::Shown) } else { entry });
            }
        }
        Ok(entries)
    }

    /// What the listener behind `stream`, which is connected to `host` and can block, shows in a handshake. Nothing is believed and
    /// nothing is sent but the handshake, no certificate is shown, and no session is kept. `now` is the clock on the wall.
    ///
    /// # Errors
    /// The stream fails before a certificate came, or what is trusted cannot be read.
    pub fn view(
        &self,
        host: &str,
        now: SystemTime,
        stream: &mut (impl Read + Write),
    ) -> io::Result<ListenerView> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let settings = self.0.origin.as_ref().map(|origin| &origin.settings);
        listener_view::look(&self.config(), settings, host, UnixTime::since_unix_epoch(now), stream)
    }

    /// The settings with what the program has given.
    fn settings_now(&self, origin: &Origin) -> TlsSettings {
        let mut settings = origin.settings.clone();
        if let (Some(Identity::Asked(_)), Some(given)) = (&settings.identity, self.0.asked.identity()) {
            settings.identity = Some(given);
        }
        settings
    }

    /// Whom each connection has to ask for the client's certificate, if it has to ask; with the number of questions that are
    /// settled, for [`ask`](Self::ask).
    pub(crate) fn asker(&self) -> Option<(Asker, u64)> {
        match &self.0.origin.as_ref()?.settings.identity {
            Some(Identity::Asked(asker)) => Some((asker.clone(), self.0.asked.settled())),
            _ => None,
        }
    }

    /// Asks for the client's certificate; new connections show it. Blocks for as long as `asker` does. Answers why what this question
    /// was answered cannot be used, while there is one of before, which is shown on.
    pub(crate) fn ask(&self, asker: &Asker, noted: u64) -> Result<Option<TlsConfigError>, TlsFailure> {
        let Some(origin) = &self.0.origin else { return Ok(None) };
        // Another try may have an answer: an attempt that failed, as one that found no socket.
        let failed = |why: &str| {
            let words = format!("asking for the certificate of this client: {}", shown(why));
            TlsFailure::new(TlsFailureKind::Lost, words)
        };
        let mut unusable = None;
        let take = |identity: &Identity| {
            let one_reads = self.looked();
            let settings = TlsSettings { identity: Some(identity.clone()), ..origin.settings.clone() };
            match reading::read(&settings, &origin.provider) {
                Ok(current) => {
                    self.0.current.store(Arc::new(current));
                    Ok(Some(one_reads))
                }
                Err(error) if self.0.asked.identity().is_some() => {
                    unusable = Some(error);
                    Ok(None)
                }
                Err(error) => Err(failed(&error.to_string())),
            }
        };
        let ask = || (asker.0)().map(|given| given.0).map_err(|why| failed(&why));
        self.0.asked.ask(noted, ask, take)?;
        Ok(unusable)
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.0.current.load_full()
    }

    fn looked(&self) -> std::sync::MutexGuard<'_, Stamps> {
        // What a panic left there is a list of files as they were.
        self.0.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate that has expired is not shown if there was one before it.
fn unexpired(origin: &Origin, current: Current, now: SystemTime) -> Result<Current, TlsConfigError> {
    match (&current.facts.own, origin.settings.key_of_identity()) {
        (Some(own), Some(key)) if own.not_after() < now => Err(TlsConfigError::Identity {
            key,
            cause: format!("the certificate expired on {}", own.not_after_shown()),
        }),
        _ => Ok(current),
    }
}
