//! The name of a broker, as certificates have it.

use kp_protocol::text::shown;
use rustls::pki_types::ServerName;

/// The broker's name as a certificate has it; or why it cannot be in one.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let why = if bare.is_ascii() {
            "no certificate can be for it"
        } else {
            "a certificate has such a name in its ASCII form, which begins with xn--; use that"
        };
        format!("the host name {:?} cannot be checked: {why}", shown(bare))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // SE35
    #[test]
    fn names_and_addresses_are_asked_for_as_certificates_have_them() {
        for (host, expected) in [
            ("localhost", "localhost"),
            ("kafka_1", "kafka_1"),
            ("b-1.Example.com", "b-1.Example.com"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(server_name(host).unwrap().to_str(), expected, "{host}");
        }
    }

    // SE35
    #[test]
    fn a_name_that_no_certificate_has_is_refused_and_it_is_said_what_to_write() {
        let long = format!("{}.example", "a".repeat(64));
        for (host, words) in [
            ("m\u{fc}nchen.example", "xn--"),
            (long.as_str(), "no certificate can be for it"),
            ("", "no certificate can be for it"),
            ("a b", "no certificate can be for it"),
        ] {
            let error = server_name(host).unwrap_err();
            assert!(error.contains(words), "{host}: {error}");
        }
    }
}
