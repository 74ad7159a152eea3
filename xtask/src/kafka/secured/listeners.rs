//! The listeners of a secured broker: a row for each kind of security, or of faulty certificate, that a client can meet.

use super::super::services::Service;

/// How a listener is protected: `security.protocol` of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TLS; who the client is says its certificate, if it is asked for one.
    Ssl,
    /// A login over bytes that are not encrypted.
    SaslPlaintext,
    /// A login over TLS.
    SaslSsl,
}

impl Protocol {
    /// As Kafka spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether its bytes are encrypted.
    pub fn has_tls(self) -> bool {
        self != Self::SaslPlaintext
    }

    /// Whether its clients log in.
    pub fn has_login(self) -> bool {
        self != Self::Ssl
    }
}

/// A way for a client to say who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// `PLAIN`.
    Plain,
    /// `SCRAM-SHA-256`.
    Scram256,
    /// `SCRAM-SHA-512`.
    Scram512,
    /// `OAUTHBEARER` with unsecured tokens.
    OAuthBearer,
    /// `OAUTHBEARER` with tokens that an issuer signs.
    Oidc,
    /// `GSSAPI`: Kerberos.
    Kerberos,
}

impl Login {
    /// Those that a broker judges alone.
    pub const ALONE: [Self; 4] = [Self::Plain, Self::Scram256, Self::Scram512, Self::OAuthBearer];

    /// As Kafka spells it.
    pub fn mechanism(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram256 => "SCRAM-SHA-256",
            Self::Scram512 => "SCRAM-SHA-512",
            Self::OAuthBearer | Self::Oidc => "OAUTHBEARER",
            Self::Kerberos => "GSSAPI",
        }
    }
}

/// A listener of a secured broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecuredListener {
    /// Its name, in upper case.
    pub name: &'static str,
    /// How it is protected.
    pub protocol: Protocol,
    /// What is special about it.
    pub about: &'static str,
    /// The key store that it shows, without `.p12`.
    pub certificate: &'static str,
    /// What its clients trust, without `.pem`.
    pub authority: &'static str,
    /// Lines of `server.properties` that are its own, behind `listener.name.<name>.`.
    pub lines: &'static [(&'static str, &'static str)],
    /// How its clients log in.
    pub logins: &'static [Login],
    /// How long a login lasts, in milliseconds; 0 for ever.
    pub session_ms: u32,
}

/// What the rows begin with.
const SSL: SecuredListener = SecuredListener {
    name: "SSL",
    protocol: Protocol::Ssl,
    about: "TLS 1.3 and 1.2, no client certificate",
    certificate: "server",
    authority: "ca",
    lines: &[],
    logins: &[],
    session_ms: 0,
};

const fn faulty(name: &'static str, certificate: &'static str, about: &'static str) -> SecuredListener {
    SecuredListener { name, certificate, about, ..SSL }
}

const fn with_login(
    name: &'static str,
    protocol: Protocol,
    session_ms: u32,
    about: &'static str,
) -> SecuredListener {
    SecuredListener { name, protocol, session_ms, about, logins: &Login::ALONE, ..SSL }
}

/// All listeners.
pub const LISTENERS: &[SecuredListener] = &[
    SSL,
    SecuredListener {
        name: "MTLS",
        about: "a client certificate is required",
        lines: &[("ssl.client.auth", "required")],
        ..SSL
    },
    SecuredListener {
        name: "MTLS_ASKED",
        about: "a client certificate is asked for, and may be missing",
        lines: &[("ssl.client.auth", "requested")],
        ..SSL
    },
    SecuredListener {
        name: "TLS12",
        about: "TLS 1.2 only",
        lines: &[("ssl.enabled.protocols", "TLSv1.2")],
        ..SSL
    },
    SecuredListener { name: "EC", about: "a certificate with a P-256 key", certificate: "server-ec", ..SSL },
    SecuredListener {
        name: "CHAIN",
        about: "signed by an authority in between, which is sent",
        certificate: "server-chain",
        ..SSL
    },
    with_login("SASL_PLAINTEXT", Protocol::SaslPlaintext, 0, "logins without TLS"),
    with_login("SASL_SSL", Protocol::SaslSsl, 0, "logins over TLS"),
    with_login("REAUTH", Protocol::SaslPlaintext, 3000, "logins without TLS, good for 3 s"),
    with_login("REAUTH_SSL", Protocol::SaslSsl, 3000, "logins over TLS, good for 3 s"),
    SecuredListener {
        logins: &[Login::Kerberos],
        ..with_login("KERBEROS", Protocol::SaslPlaintext, 0, "Kerberos without TLS")
    },
    SecuredListener {
        logins: &[Login::Kerberos],
        ..with_login("KERBEROS_SSL", Protocol::SaslSsl, 0, "Kerberos over TLS")
    },
    SecuredListener {
        logins: &[Login::Kerberos],
        ..with_login("KERBEROS_REAUTH", Protocol::SaslPlaintext, 3000, "Kerberos without TLS, good for 3 s")
    },
    SecuredListener {
        logins: &[Login::Oidc],
        ..with_login("OIDC", Protocol::SaslSsl, 0, "tokens that an issuer signs, over TLS")
    },
    SecuredListener {
        logins: &[Login::Oidc],
        ..with_login(
            "OIDC_REAUTH",
            Protocol::SaslPlaintext,
            3000,
            "tokens that an issuer signs, good for 3 s",
        )
    },
    faulty("EXPIRED", "server-expired", "the certificate ended in 2021"),
    faulty("NOT_YET", "server-notyet", "the certificate begins in 2045"),
    faulty("WRONG_HOST", "server-wronghost", "the certificate is for other.example"),
    faulty("CN_ONLY", "server-cnonly", "the certificate has no subjectAltName"),
    faulty("DNS_ONLY", "server-dnsonly", "the certificate has no IP address"),
    faulty("OTHER_CA", "server-otherca", "signed by an authority that clients do not know"),
    faulty("CLIENT_EKU", "server-clienteku", "the certificate is good for clients only"),
    faulty("NO_CHAIN", "server-nochain", "signed by an authority in between, which is not sent"),
    faulty("V1", "server-v1", "an X.509 certificate of version 1"),
    SecuredListener {
        name: "SELF_SIGNED",
        about: "signed by itself, CA:TRUE, and what its clients trust",
        certificate: "server-selfsigned",
        authority: "server-selfsigned",
        ..SSL
    },
];

impl SecuredListener {
    /// The row of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LISTENERS.iter().find(|row| row.name == name)
    }

    /// The same under another name.
    pub(super) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same at a broker of another age: of logins, an old one knows Kerberos only.
    pub(super) fn at(self, is_old: bool) -> Self {
        if is_old && self.protocol.has_login() { Self { logins: &[Login::Kerberos], ..self } } else { self }
    }

    /// What it needs beside brokers.
    pub(super) fn service(self) -> Option<Service> {
        self.logins.iter().find_map(|login| match login {
            Login::Kerberos => Some(Service::Kdc),
            Login::Oidc => Some(Service::Issuer),
            Login::Plain | Login::Scram256 | Login::Scram512 | Login::OAuthBearer => None,
        })
    }

    /// Whether it looks at a client's certificate.
    pub fn asks_for_certificate(self) -> bool {
        self.lines.iter().any(|(key, _)| *key == "ssl.client.auth")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_upper_case_and_stand_once() {
        for row in LISTENERS {
            assert_eq!(row.name, row.name.to_ascii_uppercase());
            assert_eq!(LISTENERS.iter().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
        }
    }
}
