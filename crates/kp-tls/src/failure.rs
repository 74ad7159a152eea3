//! Why a connection was given up, in words that name what to change. Made from the fields of `rustls`' errors; what a
//! broker sent is made harmless and cut.

use crate::current::Facts;
use crate::moment::shown as moment;
use crate::verifier::Refused;
use kp_network::{TlsFailure, TlsFailureKind};
use kp_protocol::text::shown;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use std::fmt;

/// What was seen of the connection, for a better guess at what is on the other side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) host: &'a str,
    pub(crate) facts: &'a Facts,
    /// The first bytes that came.
    pub(crate) first: &'a [u8],
}

/// The other side closed in the handshake.
pub(crate) fn closed(seen: Seen<'_>) -> TlsFailure {
    let words = "the connection was closed during the TLS handshake";
    if seen.first.is_empty() {
        let words = format!("{words}, before anything came back, as by a listener without TLS");
        return TlsFailure::advised(TlsFailureKind::Lost, words, Some(WITHOUT_TLS));
    }
    TlsFailure::new(TlsFailureKind::Lost, words)
}

/// How a client speaks to a listener without TLS.
const WITHOUT_TLS: &str = "then security.protocol is PLAINTEXT or SASL_PLAINTEXT";

/// What an error of `rustls` means.
pub(crate) fn of(error: &Error, seen: Seen<'_>) -> TlsFailure {
    let (kind, text) = match error {
        Error::InvalidCertificate(error) => {
            (TlsFailureKind::Certificate, format!("the broker's certificate {}", certificate(error, seen)))
        }
        Error::NoCertificatesPresented => {
            (TlsFailureKind::Certificate, "the broker showed no certificate".into())
        }
        Error::AlertReceived(alert) => (TlsFailureKind::Refused, refusal(*alert, seen.facts)),
        Error::PeerIncompatible(error) => (TlsFailureKind::Incompatible, incompatible(error, seen.facts)),
        Error::InvalidMessage(error) => (TlsFailureKind::Protocol, no_tls(error, seen.first)),
        other => (TlsFailureKind::Protocol, format!("the broker broke the rules of TLS: {other}")),
    };
    TlsFailure::advised(kind, text, advice(error, seen))
}

/// What to change, where it does not depend on the names in the text.
fn advice(error: &Error, seen: Seen<'_>) -> Option<&'static str> {
    use CertificateError as E;
    if let Error::InvalidCertificate(outer) = error
        && let Some(refused) = Refused::inside(outer)
    {
        return advice(&Error::InvalidCertificate(refused.cause.clone()), seen);
    }
    Some(match error {
        Error::InvalidCertificate(E::UnknownIssuer) => {
            "name its authority in ssl.truststore.location or ssl.truststore.certificates, or let the broker send the \
             certificates between"
        }
        Error::InvalidCertificate(E::NotValidForNameContext { presented, .. }) if !presented.is_empty() => {
            "connect by a name that is in it (bootstrap.servers, the broker's advertised.listeners), or add the host to its \
             subjectAltName"
        }
        Error::InvalidCertificate(E::BadSignature) => {
            "put the authority's newest certificate into ssl.truststore.location or ssl.truststore.certificates"
        }
        Error::InvalidCertificate(E::ExpiredContext { .. }) => {
            "the broker needs a new certificate, unless this clock is wrong"
        }
        Error::InvalidCertificate(E::NotValidYetContext { .. }) => {
            "set this clock if it is behind; else the broker needs a certificate that is valid today"
        }
        Error::InvalidCertificate(E::InvalidPurpose | E::InvalidPurposeContext { .. }) => {
            "the broker needs one that is issued with extendedKeyUsage=serverAuth"
        }
        Error::AlertReceived(alert) if wants_certificate(*alert, seen.facts) => {
            "ssl.keystore.location, or ssl.keystore.key and ssl.keystore.certificate.chain"
        }
        Error::AlertReceived(alert) if refuses_certificate(*alert, seen.facts) => {
            "show another with ssl.keystore.location, or ssl.keystore.key and ssl.keystore.certificate.chain"
        }
        Error::AlertReceived(alert) if has_nothing_in_common(*alert) => VERSIONS,
        Error::AlertReceived(_) => "the broker's log has the reason",
        Error::PeerIncompatible(_) => VERSIONS,
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) if !is_http(seen.first) => WITHOUT_TLS,
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::PeerMisbehaved(_) => PORT,
        _ => return None,
    })
}

/// Which keys change what a client offers.
const VERSIONS: &str =
    "look at ssl.enabled.protocols, ssl.protocol and ssl.cipher.suites, here and of the broker";

/// What to look at if it may be no broker that answers.
const PORT: &str = "look at the port in bootstrap.servers: it may be none of a Kafka broker";

/// What is wrong with the broker's certificate.
fn certificate(error: &CertificateError, seen: Seen<'_>) -> String {
    use CertificateError as E;
    let host = shown(seen.host);
    if let Some(refused) = Refused::inside(error) {
        return format!("{}{refused}", certificate(&refused.cause, seen));
    }
    match error {
        E::UnknownIssuer => format!("is not signed by {}", out_of("any of ", &seen.facts.authorities)),
        E::ExpiredContext { time, not_after } => format!(
            "expired on {}; the clock of this machine says {}",
            moment(*not_after),
            moment(*time)
        ),
        E::NotValidYetContext { time, not_before } => format!(
            "is not valid before {}; the clock of this machine says {}",
            moment(*not_before),
            moment(*time)
        ),
        E::NotValidForNameContext { presented, .. } => wrong_name(host, presented),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "is not for servers: its extended key usage lacks serverAuth".into()
        }
        E::Revoked => "is revoked".into(),
        E::BadSignature => format!(
            "has a signature that is wrong: its authority may have the name of {}, but another key",
            out_of("one of ", &seen.facts.authorities)
        ),
        E::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "is that of an authority (CA:TRUE), which must not be a server's: let the authority sign one for the broker"
                .into()
        }
        E::Other(error) if error.to_string().contains("UnsupportedCertVersion") => {
            "is of X.509 version 1, which has no names: issue one of version 3, with a subjectAltName".into()
        }
        other => format!("cannot be used: {other}"),
    }
}

/// There is no choice out of one.
fn out_of(choice: &str, authorities: &str) -> String {
    if authorities.starts_with("the one ") {
        authorities.to_owned()
    } else {
        format!("{choice}{authorities}")
    }
}

fn wrong_name(host: impl fmt::Display, presented: &[String]) -> String {
    /// An operator who looks for a name reads no more.
    const NAMES_SHOWN: usize = 10;
    if presented.is_empty() {
        return format!(
            "is for no host: it has no subjectAltName, and its common name is not looked at, as Java would; issue it \
             with a subjectAltName for {host}"
        );
    }
    let mut names: Vec<String> =
        presented.iter().take(NAMES_SHOWN).map(|name| shown(&kind_and_name(name)).to_string()).collect();
    if presented.len() > NAMES_SHOWN {
        names.push(format!("{} more", presented.len() - NAMES_SHOWN));
    }
    format!("is not for {host}, but for {}", names.join(", "))
}

/// As certificates are shown everywhere else, `DNS:broker` and `IP:10.0.0.1`; `rustls` writes `DnsName("broker")`.
fn kind_and_name(presented: &str) -> String {
    let inside = |kind: &str, end: &str| presented.strip_prefix(kind)?.strip_suffix(end);
    match (inside("DnsName(\"", "\")"), inside("IpAddress(", ")")) {
        (Some(name), _) => format!("DNS:{name}"),
        (_, Some(address)) => format!("IP:{address}"),
        _ => presented.to_owned(),
    }
}

/// What an alert of the broker says.
fn refusal(alert: AlertDescription, facts: &Facts) -> String {
    let name = alert_name(alert);
    if wants_certificate(alert, facts) {
        format!("the broker wants a certificate of this client (alert {name}), and none is configured")
    } else if refuses_certificate(alert, facts) {
        format!(
            "the broker refused the certificate of this client (alert {name}): it must be valid, for clients, and signed \
             by an authority that the broker trusts"
        )
    } else if has_nothing_in_common(alert) {
        format!(
            "the broker has no version or cipher suite in common with this client, which speaks {} (alert {name})",
            facts.versions
        )
    } else {
        format!("the broker refused the connection (alert {name})")
    }
}

fn wants_certificate(alert: AlertDescription, facts: &Facts) -> bool {
    use AlertDescription as A;
    !facts.has_identity && matches!(alert, A::CertificateRequired | A::BadCertificate | A::NoCertificate)
}

fn refuses_certificate(alert: AlertDescription, facts: &Facts) -> bool {
    use AlertDescription as A;
    facts.has_identity
        && matches!(
            alert,
            A::BadCertificate
                | A::CertificateRequired
                | A::CertificateUnknown
                | A::CertificateExpired
                | A::CertificateRevoked
                | A::UnsupportedCertificate
                | A::UnknownCA
                | A::AccessDenied
                | A::DecryptError
        )
}

fn has_nothing_in_common(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(alert, A::ProtocolVersion | A::HandshakeFailure | A::InsufficientSecurity)
}

/// As the specification writes it.
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    for letter in format!("{alert:?}").replace("CA", "Ca").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn incompatible(error: &PeerIncompatible, facts: &Facts) -> String {
    format!(
        "the broker speaks no TLS that this client does ({error:?}); it speaks {}, with AES-GCM or ChaCha20 and ECDHE",
        facts.versions
    )
}

fn no_tls(error: &InvalidMessage, first: &[u8]) -> String {
    if is_http(first) {
        return "what came back is no TLS but HTTP, as from an HTTP server".into();
    }
    match error {
        InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion => {
            "what came back is no TLS, as from a listener without it".into()
        }
        other => format!("what came back is no TLS that can be read ({other:?})"),
    }
}

fn is_http(first: &[u8]) -> bool {
    first.starts_with(b"HTTP/")
}
