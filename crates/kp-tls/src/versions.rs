//! Which versions of TLS a client speaks, by the names that Kafka gives them.

use crate::TlsConfigError;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// TLS 1.2, TLS 1.3 or both; older ones are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsVersions {
    tls12: bool,
    tls13: bool,
}

impl Default for TlsVersions {
    /// Both.
    fn default() -> Self {
        Self { tls12: true, tls13: true }
    }
}

impl TlsVersions {
    /// From the names in `ssl.enabled.protocols`; `at_most` is `ssl.protocol`, the newest of them that may be used.
    /// Names of older versions are left out, as long as a newer one is there.
    ///
    /// # Errors
    /// None that is left can be spoken, or a name is none.
    pub fn from_names(enabled: &[&str], at_most: Option<&str>) -> Result<Self, TlsConfigError> {
        let mut versions = Self { tls12: false, tls13: false };
        for name in enabled {
            match *name {
                "TLSv1.2" => versions.tls12 = true,
                "TLSv1.3" => versions.tls13 = true,
                "TLSv1.1" | "TLSv1" | "SSLv3" | "SSLv2Hello" => {}
                other => return Err(TlsConfigError::UnknownVersion { name: other.into() }),
            }
        }
        match at_most {
            None | Some("TLS" | "TLSv1.3") => {}
            Some("TLSv1.2") => versions.tls13 = false,
            Some("TLSv1.1" | "TLSv1" | "SSL" | "SSLv3" | "SSLv2") => return Err(TlsConfigError::OldVersions),
            Some(other) => return Err(TlsConfigError::UnknownVersion { name: other.into() }),
        }
        if versions.tls12 || versions.tls13 { Ok(versions) } else { Err(TlsConfigError::OldVersions) }
    }

    /// As `rustls` names them, the newest first.
    pub(crate) fn supported(self) -> Vec<&'static SupportedProtocolVersion> {
        let versions = [(self.tls13, &TLS13), (self.tls12, &TLS12)];
        versions.into_iter().filter(|(spoken, _)| *spoken).map(|(_, version)| version).collect()
    }

    /// For messages.
    pub(crate) fn shown(self) -> &'static str {
        match (self.tls12, self.tls13) {
            (true, true) => "TLS 1.2 and 1.3",
            (true, false) => "TLS 1.2",
            _ => "TLS 1.3",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SE36
    #[test]
    fn old_versions_are_left_out_beside_new_ones_and_refused_alone() {
        let both = TlsVersions::from_names(&["TLSv1.1", "TLSv1.2", "TLSv1.3"], Some("TLSv1.3"));
        assert_eq!(both.unwrap(), TlsVersions::default());
        assert!(matches!(TlsVersions::from_names(&["TLSv1"], None), Err(TlsConfigError::OldVersions)));
        assert!(matches!(
            TlsVersions::from_names(&["TLSv1.2"], Some("SSL")),
            Err(TlsConfigError::OldVersions)
        ));
    }

    // SE36
    #[test]
    fn the_protocol_is_the_newest_version_that_is_spoken() {
        let capped = TlsVersions::from_names(&["TLSv1.2", "TLSv1.3"], Some("TLSv1.2")).unwrap();
        assert_eq!(capped.shown(), "TLS 1.2");
        assert!(matches!(
            TlsVersions::from_names(&["TLSv1.3"], Some("TLSv1.2")),
            Err(TlsConfigError::OldVersions)
        ));
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_its_letters() {
        let refused = TlsVersions::from_names(&["TLSv1.4"], None).unwrap_err();
        assert!(refused.to_string().contains("\"TLSv1.4\""));
    }
}
