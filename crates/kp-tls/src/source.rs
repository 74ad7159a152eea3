//! Where certificates and keys stand: plain data, and the one place that reads their files. Shows no key and no password.

use crate::TlsConfigError;
use kp_network::Secret;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file that is longer is none of certificates.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Certificates or keys in a file or in the configuration itself, and what opens them. What they are written in is found
/// by what is in them, not by a name or a setting: PEM, JKS or PKCS#12.
///
/// ```
/// use kp_network::Secret;
/// use kp_tls::StoreSource;
/// let store = StoreSource::file("ssl.keystore.location", "/etc/kafka/client.p12")
///     .password("ssl.keystore.password", Secret::from("changeit"))
///     .alias("kp-client");
/// assert_eq!(store.key(), "ssl.keystore.location");
/// assert!(!format!("{store:?}").contains("changeit"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSource {
    key: &'static str,
    place: Place,
    password: Option<Named>,
    key_password: Option<Named>,
    alias: Option<String>,
}

/// A password, and the key of the configuration that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    key: &'static str,
    secret: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Inline(Secret),
}

impl StoreSource {
    /// A file. `key` is the key of the configuration that names it, such as `ssl.truststore.location`; messages begin with it.
    pub fn file(key: &'static str, path: impl Into<PathBuf>) -> Self {
        Self::at(key, Place::File(path.into()))
    }

    /// The bytes themselves, such as the PEM of `ssl.keystore.key`.
    #[must_use]
    pub fn inline(key: &'static str, content: Secret) -> Self {
        Self::at(key, Place::Inline(content))
    }

    fn at(key: &'static str, place: Place) -> Self {
        Self { key, place, password: None, key_password: None, alias: None }
    }

    /// Opens the store, and shows that it was not changed (`ssl.truststore.password`, `ssl.keystore.password`). A trust
    /// store of Java opens without: then it is not checked. Opens the private key as well, if that has no password of
    /// its own.
    #[must_use]
    pub fn password(mut self, key: &'static str, password: Secret) -> Self {
        self.password = Some(Named { key, secret: password });
        self
    }

    /// Opens the private key in it (`ssl.key.password`).
    #[must_use]
    pub fn key_password(mut self, key: &'static str, password: Secret) -> Self {
        self.key_password = Some(Named { key, secret: password });
        self
    }

    /// The entry of a store with several keys that is meant (`kp.ssl.keystore.alias`). Java writes aliases in small
    /// letters, so their case does not matter.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// The key of the configuration.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Inline(_) => None,
        }
    }

    /// The entry that is meant.
    pub(crate) fn chosen_alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }

    /// For messages: the key, and the file if it is one.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::File(path) => format!("{}={}", self.key, path.display()),
            Place::Inline(_) => self.key.to_owned(),
        }
    }

    /// The bytes: those of the file as it is now.
    pub(crate) fn content(&self) -> Result<Cow<'_, [u8]>, TlsConfigError> {
        match &self.place {
            Place::Inline(content) => Ok(Cow::Borrowed(content.expose())),
            Place::File(path) => Ok(Cow::Owned(self.read(path)?)),
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, TlsConfigError> {
        let failed = |cause: String| TlsConfigError::File { key: self.key, path: path.to_owned(), cause };
        // Looked at before it is opened: to open a pipe would wait for its writer.
        let metadata = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("it is no regular file".into()));
        }
        let too_long = || failed("it is longer than 16 MiB".into());
        if metadata.len() > MAX_FILE {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE { Err(too_long()) } else { Ok(bytes) }
    }

    /// An error that names the key and the file.
    pub(crate) fn wrong(&self, cause: impl Into<String>) -> TlsConfigError {
        let cause = cause.into();
        match &self.place {
            Place::File(path) => TlsConfigError::File { key: self.key, path: path.clone(), cause },
            Place::Inline(_) => TlsConfigError::Pem { key: self.key, cause },
        }
    }
}

/// What opens it.
#[cfg(feature = "java-stores")]
impl StoreSource {
    /// What opens the store.
    pub(crate) fn store_password(&self) -> Result<Option<&str>, TlsConfigError> {
        self.text_of(self.password.as_ref())
    }

    /// What opens its private key.
    pub(crate) fn password_of_key(&self) -> Result<Option<&str>, TlsConfigError> {
        self.text_of(self.key_password.as_ref().or(self.password.as_ref()))
    }

    fn text_of<'a>(&self, password: Option<&'a Named>) -> Result<Option<&'a str>, TlsConfigError> {
        let Some(password) = password else { return Ok(None) };
        let text = password.secret.expose_text();
        text.map(Some).ok_or_else(|| self.wrong(format!("the password of {} is not UTF-8", password.key)))
    }

    /// For messages: the key of the configuration that the store's password has, or should have.
    pub(crate) fn password_key(&self) -> &'static str {
        match &self.password {
            Some(password) => password.key,
            None if self.key.starts_with("ssl.truststore") => "ssl.truststore.password",
            None => "ssl.keystore.password",
        }
    }

    /// For messages: the key that the password of its private key came with; the store's may not be that of the key.
    pub(crate) fn key_password_advised(&self) -> String {
        let key = self.key_password_key();
        if key == "ssl.key.password" {
            return key.to_owned();
        }
        format!("{key}: if it has one of its own, set ssl.key.password")
    }

    /// For messages: likewise, for that of its private key.
    pub(crate) fn key_password_key(&self) -> &'static str {
        self.key_password
            .as_ref()
            .or(self.password.as_ref())
            .map_or("ssl.key.password", |password| password.key)
    }
}
