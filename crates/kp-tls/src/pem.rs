//! Certificates and keys in PEM, from a file or from the configuration itself. Reads files; shows no key.

use crate::TlsConfigError;
use kp_network::Secret;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file that is longer is none of certificates.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// PEM, and the key of the configuration that names it, for messages.
#[derive(Clone, Debug)]
pub struct PemSource {
    key: &'static str,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Inline(Secret),
}

impl PemSource {
    /// A file, such as that of `ssl.truststore.location`.
    pub fn file(key: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { key, place: Place::File(path.into()) }
    }

    /// The text itself, such as that of `ssl.keystore.key`.
    #[must_use]
    pub fn inline(key: &'static str, text: Secret) -> Self {
        Self { key, place: Place::Inline(text) }
    }

    /// The key of the configuration.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// For messages: the key, and the file if it is one.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::File(path) => format!("{}={}", self.key, path.display()),
            Place::Inline(_) => self.key.to_owned(),
        }
    }

    /// Every certificate, at least one.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
        let text = self.text()?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let certificates = read.map_err(|error| self.malformed(&error))?;
        if certificates.is_empty() {
            return Err(self.wrong("there is no certificate in it (-----BEGIN CERTIFICATE-----)"));
        }
        Ok(certificates)
    }

    /// The first private key.
    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
        let text = self.text()?;
        let has = |part: &str| text.windows(part.len()).any(|window| window == part.as_bytes());
        if has("-----BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
            return Err(self.wrong(
                "the private key is encrypted, which kp does not open yet; write it without a password: \
                 openssl pkey -in encrypted.pem -out key.pem",
            ));
        }
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                self.wrong("there is no private key in it (PKCS#8, PKCS#1 or SEC1 in PEM)")
            }
            other => self.malformed(&other),
        })
    }

    /// The bytes, of which the beginning looks like PEM.
    fn text(&self) -> Result<Cow<'_, [u8]>, TlsConfigError> {
        let text = match &self.place {
            Place::Inline(text) => Cow::Borrowed(text.expose()),
            Place::File(path) => Cow::Owned(self.read(path)?),
        };
        match &*text {
            [0xfe, 0xed, 0xfe, 0xed, ..] => Err(self.java("a JKS store")),
            [0xce, 0xce, 0xce, 0xce, ..] => Err(self.java("a JCEKS store")),
            [0x30, 0x80..=0x84, ..] => Err(self.java("a PKCS#12 store or another binary form")),
            _ => Ok(text),
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

    fn java(&self, found: &str) -> TlsConfigError {
        self.wrong(format!(
            "this is {found}, and kp reads PEM; convert it: keytool -importkeystore … -deststoretype PKCS12, then \
             openssl pkcs12 -in store.p12 -out store.pem"
        ))
    }

    fn malformed(&self, error: &pem::Error) -> TlsConfigError {
        // Without the bytes that the error may carry: they may be of a key.
        self.wrong(match error {
            pem::Error::MissingSectionEnd { .. } => "the PEM ends before its -----END line",
            pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line of the PEM is none",
            pem::Error::Base64Decode(_) => "the PEM is no base64",
            pem::Error::SectionTooLarge => "a section of the PEM is too large",
            _ => "the PEM cannot be read",
        })
    }

    fn wrong(&self, cause: impl Into<String>) -> TlsConfigError {
        let cause = cause.into();
        match &self.place {
            Place::File(path) => TlsConfigError::File { key: self.key, path: path.clone(), cause },
            Place::Inline(_) => TlsConfigError::Pem { key: self.key, cause },
        }
    }
}
