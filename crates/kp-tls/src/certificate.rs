//! What a certificate says of itself, for messages, reports and `kp doctor`. Reads X.509 as far as people read it; believes
//! nothing: who signed it is checked elsewhere.

mod alternative_names;
mod distinguished_name;

use crate::der::{Der, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use crate::moment;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// What a certificate says of itself. Texts are those of its issuer, made fit for one line; times are of UTC.
///
/// ```
/// let pem = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificate.pem"));
/// # use rustls::pki_types::{CertificateDer, pem::PemObject};
/// let der = CertificateDer::from_pem_slice(pem).unwrap();
/// let facts = kp_tls::CertificateFacts::read(&der).unwrap();
/// assert_eq!(facts.subject(), "CN=kp-client, O=kp");
/// assert_eq!(facts.issuer(), "CN=kp test authority");
/// assert_eq!(facts.names(), ["DNS:client.example"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    subject: String,
    common_name: Option<String>,
    issuer: String,
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
    version: u8,
    is_self_issued: bool,
}

/// A certificate, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// 1, 2 or 3.
    pub(crate) version: u8,
    issuer: &'a [u8],
    subject: &'a [u8],
    /// Seconds since 1970.
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    /// The content of the key's algorithm, and the bits of the key.
    pub(crate) key_algorithm: &'a [u8],
    pub(crate) key: &'a [u8],
    names: Option<&'a [u8]>,
}

impl CertificateFacts {
    /// Reads one in DER. None if it is no certificate.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let parts = Parts::of(der)?;
        let moment = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Some(Self {
            subject: distinguished_name::shown(parts.subject),
            common_name: distinguished_name::common_name(parts.subject),
            issuer: distinguished_name::shown(parts.issuer),
            names: parts.names.map(alternative_names::shown).unwrap_or_default(),
            not_before: moment(parts.not_before),
            not_after: moment(parts.not_after),
            version: parts.version,
            is_self_issued: parts.subject == parts.issuer,
        })
    }

    /// Whose it is, such as `CN=kafka, O=example`, the most special part first, as Java writes it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The common name in the subject.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Who signed it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The hosts that it is for (subjectAltName), such as `DNS:broker.example` and `IP:10.0.0.1`.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When it begins to be valid.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it is valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The version of X.509: 3, and 1 for those that some tools make by themselves.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Whether issuer and subject are the same, as of a root, or of a certificate without an authority.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.is_self_issued
    }

    /// The last day on which it is valid, such as `2027-01-31 12:00:00 UTC`.
    #[must_use]
    pub fn not_after_shown(&self) -> String {
        let since = self.not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        moment::shown(rustls::pki_types::UnixTime::since_unix_epoch(since))
    }
}

impl<'a> Parts<'a> {
    pub(crate) fn of(der: &'a [u8]) -> Option<Self> {
        let mut body = Der::new(der).sequence()?.sequence()?;
        let version = match body.expect(0xa0) {
            Some(explicit) => match Der::new(explicit).expect(INTEGER)? {
                [digit @ 0..=2] => digit + 1,
                _ => return None,
            },
            None => 1,
        };
        body.expect(INTEGER)?;
        body.expect(SEQUENCE)?;
        let issuer = body.expect(SEQUENCE)?;
        let mut validity = body.sequence()?;
        let not_before = moment::of_der(validity.next()?)?;
        let not_after = moment::of_der(validity.next()?)?;
        let subject = body.expect(SEQUENCE)?;
        let mut info = body.sequence()?;
        let key_algorithm = info.expect(SEQUENCE)?;
        // The first byte says how many bits of the last are none.
        let (0, key) = info.expect(0x03)?.split_first()? else { return None };
        Some(Self {
            version,
            issuer,
            subject,
            not_before,
            not_after,
            key_algorithm,
            key,
            names: extension(body, SUBJECT_ALT_NAME),
        })
    }

    /// Whether it names a host of any kind.
    pub(crate) fn has_names(&self) -> bool {
        self.names.is_some_and(alternative_names::has_hosts)
    }

    /// Whether its common name is that of `host`; an address has none.
    pub(crate) fn is_commonly(&self, host: &str) -> bool {
        if host.parse::<IpAddr>().is_ok() {
            return false;
        }
        distinguished_name::common_name(self.subject).is_some_and(|name| matches_host(&name, host))
    }
}

/// A name of X.501 in DER, without its outermost tag, as texts show it.
pub(crate) fn name_shown(name: &[u8]) -> String {
    distinguished_name::shown(name)
}

/// As names of DNS: in any case, with or without the dot of the root, a star for one whole label.
fn matches_host(pattern: &str, host: &str) -> bool {
    let (pattern, host) =
        (pattern.trim_end_matches('.').to_lowercase(), host.trim_end_matches('.').to_lowercase());
    if pattern == host {
        return true;
    }
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((label, rest))) => !label.is_empty() && domain.contains('.') && domain == rest,
        _ => false,
    }
}

/// The content of an extension, of those behind the key.
fn extension<'a>(mut body: Der<'a>, wanted: &[u8]) -> Option<&'a [u8]> {
    while let Some(element) = body.next() {
        if element.tag != 0xa3 {
            continue;
        }
        let mut extensions = Der::new(element.content).sequence()?;
        while let Some(mut extension) = extensions.sequence() {
            if extension.expect(OBJECT_IDENTIFIER)? != wanted {
                continue;
            }
            let _critical = extension.expect(0x01);
            return extension.expect(OCTET_STRING);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_compared_as_a_host_is() {
        for (pattern, host) in
            [("a.example", "A.example."), ("*.b.example", "a.b.example"), ("localhost", "localhost")]
        {
            assert!(matches_host(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("*.example", "example"),
            ("*.com", "a.com"),
            ("*.b.example", "c.a.b.example"),
            ("a*.example", "ab.example"),
            ("*", "a"),
        ] {
            assert!(!matches_host(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn a_certificate_that_is_cut_is_none() {
        let pem = include_str!("../tests/fixtures/certificate.pem");
        let der = {
            use rustls::pki_types::{CertificateDer, pem::PemObject};
            CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
        };
        assert!(CertificateFacts::read(&der).is_some());
        for cut in 0..der.len() {
            assert!(CertificateFacts::read(&der[..cut]).is_none());
        }
        for at in 0..der.len() {
            let mut changed = der.to_vec();
            changed[at] ^= 0xff;
            let _ = CertificateFacts::read(&changed);
        }
    }
}
