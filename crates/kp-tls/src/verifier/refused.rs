//! A certificate that was not believed, with what it says of itself: `rustls` tells why, but not whose it was.

use crate::CertificateFacts;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error, OtherError};
use std::fmt;
use std::sync::Arc;

/// See the module. It travels inside [`CertificateError::Other`].
#[derive(Debug)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) cause: CertificateError,
    pub(crate) certificate: CertificateFacts,
    /// How many certificates came with it.
    pub(crate) others: usize,
}

impl Refused {
    /// `error` with what `certificate` says, where that helps: the error has the dates and the names already, and the
    /// alert that tells the broker of them.
    pub(super) fn wrap(
        error: Error,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Error {
        let Error::InvalidCertificate(cause) = error else { return error };
        let helps = match &cause {
            CertificateError::UnknownIssuer | CertificateError::BadSignature | CertificateError::Other(_) => {
                true
            }
            CertificateError::NotValidForNameContext { presented, .. } => presented.is_empty(),
            _ => false,
        };
        match CertificateFacts::read(certificate).filter(|_| helps) {
            Some(certificate) => {
                let refused = Self { cause, certificate, others: others.len() };
                CertificateError::Other(OtherError(Arc::new(refused))).into()
            }
            None => cause.into(),
        }
    }

    /// The one inside `error`, if there is one.
    pub(crate) fn inside(error: &CertificateError) -> Option<&Self> {
        let CertificateError::Other(OtherError(inner)) = error else { return None };
        inner.downcast_ref()
    }
}

/// What the certificate says of itself, to be put behind why it was refused.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// An operator who looks for a name reads no more.
        const NAMES_SHOWN: usize = 10;
        let facts = &self.certificate;
        write!(f, ". It is of {}, issued by {}", named(facts.subject()), named(facts.issuer()))?;
        let names = facts.names();
        if !names.is_empty() {
            write!(f, ", for {}", names[..names.len().min(NAMES_SHOWN)].join(", "))?;
        }
        if names.len() > NAMES_SHOWN {
            write!(f, ", {} more", names.len() - NAMES_SHOWN)?;
        }
        let is_unknown = matches!(self.cause, CertificateError::UnknownIssuer);
        if is_unknown && self.others == 0 && !facts.is_self_issued() {
            f.write_str("; the broker sent no certificate of its issuer")?;
        }
        Ok(())
    }
}

fn named(name: &str) -> &str {
    if name.is_empty() { "nobody" } else { name }
}

impl std::error::Error for Refused {}
