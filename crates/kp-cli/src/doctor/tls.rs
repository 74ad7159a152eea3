//! What a TLS listener shows: version, suite, certificates, and whether it asks for one. Whether it is to be believed, the
//! producer's own connection says, right behind.
//! Owns: a handshake that takes any certificate and shows none; nothing is sent over it.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use kp_producer::{
    CertificateFacts, Producer,
    rustls::{
        self, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
        client::ResolvesClientCert,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        pki_types::{CertificateDer, ServerName, UnixTime},
        sign::CertifiedKey,
    },
};
use kp_protocol::text::shown;
use serde_json::{Value, json};

use super::{listener::written, report::Ailment, way::Way};

/// How long each step of the handshake may take.
const WITHIN: Duration = Duration::from_secs(5);
/// A certificate that ends sooner is worth a warning.
const SOON: Duration = Duration::from_secs(30 * 86_400);
/// More certificates and names are not for a reader.
const SHOWN: usize = 10;

/// What was seen.
pub(super) struct Look {
    version: String,
    suite: String,
    /// The broker's own first.
    chain: Vec<CertificateFacts>,
    asks_for_a_certificate: bool,
    has_a_certificate: bool,
}

/// Looks at the first address that takes a connection. `None` if connections are not to be encrypted, or nothing there speaks TLS.
pub(super) fn look(way: &Way<'_>, host: &str, addresses: &[SocketAddr]) -> Option<Look> {
    let config = Producer::builder(way.config.clone()).tls().ok().flatten()?;
    addresses.iter().find_map(|address| shake(&config, host, *address).ok())
}

fn shake(config: &Arc<ClientConfig>, host: &str, address: SocketAddr) -> io::Result<Look> {
    let mut curious = ClientConfig::clone(config);
    let has_a_certificate = curious.client_auth_cert_resolver.has_certs();
    let asked = Arc::new(Asked(AtomicBool::new(false)));
    curious.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
    let schemes = curious.crypto_provider().signature_verification_algorithms.supported_schemes();
    curious.dangerous().set_certificate_verifier(Arc::new(Anything(schemes)));
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(curious), name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    // A broker that wants a certificate may say so by ending the handshake: what was seen until then counts.
    let ended = connection.complete_io(&mut stream);
    let certificates = connection.peer_certificates().unwrap_or_default();
    if certificates.is_empty() {
        return Err(ended.err().unwrap_or_else(|| io::Error::other("no certificate")));
    }
    let text = |shown: Option<String>| shown.unwrap_or_else(|| "?".to_owned());
    Ok(Look {
        version: text(
            connection.protocol_version().map(|version| format!("{version:?}").replace("v1_", " 1.")),
        ),
        suite: text(connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()))),
        chain: certificates.iter().take(SHOWN).filter_map(|der| CertificateFacts::read(der)).collect(),
        asks_for_a_certificate: asked.0.load(Ordering::Relaxed),
        has_a_certificate,
    })
}

impl Look {
    /// All of it in a line.
    pub(super) fn to_text(&self, host: &str, port: u16) -> String {
        let chain: Vec<String> = self.chain.iter().map(one_line).collect();
        let asks = match (self.asks_for_a_certificate, self.has_a_certificate) {
            (true, true) => "; it asks for a certificate, and gets the one of ssl.keystore",
            (true, false) => "; it asks for a certificate, and none is configured (ssl.keystore.location)",
            (false, true) => "; it asks for no certificate, so that of ssl.keystore is not shown",
            (false, false) => "",
        };
        format!("{} speaks {}, {}; {}{asks}", written(host, port), self.version, self.suite, chain.join("; "))
    }

    pub(super) fn to_json(&self) -> Value {
        let seconds =
            |moment: SystemTime| moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let one = |facts: &CertificateFacts| {
            json!({
                "subject": facts.subject(), "issuer": facts.issuer(), "names": facts.names(),
                "not_before": seconds(facts.not_before()), "not_after": seconds(facts.not_after()),
            })
        };
        json!({
            "version": self.version, "suite": self.suite, "chain": self.chain.iter().map(one).collect::<Vec<_>>(),
            "asks_for_certificate": self.asks_for_a_certificate, "shows_certificate": self.asks_for_a_certificate && self.has_a_certificate,
        })
    }

    /// What will soon be wrong, or is wrong on this side.
    pub(super) fn ailment(&self, at: &str) -> Option<Ailment> {
        self.chain.iter().find_map(|facts| dated(at, facts, SystemTime::now()))
    }
}

fn one_line(facts: &CertificateFacts) -> String {
    let mut names: Vec<String> =
        facts.names().iter().take(SHOWN).map(|name| shown(name).to_string()).collect();
    if facts.names().len() > SHOWN {
        names.push(format!("{} more", facts.names().len() - SHOWN));
    }
    let names = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
    format!(
        "certificate {}{names}, signed by {}, valid until {}",
        shown(facts.subject()),
        shown(facts.issuer()),
        facts.not_after_shown()
    )
}

/// A clock that is wrong shows in a certificate that is not valid yet.
fn dated(at: &str, facts: &CertificateFacts, now: SystemTime) -> Option<Ailment> {
    let subject = shown(facts.subject());
    if facts.not_before() > now {
        return Some(Ailment::new(
            format!("{at}: the certificate of {subject} is not valid yet"),
            "is the clock of this machine right?",
        ));
    }
    let left = facts.not_after().duration_since(now).unwrap_or_default();
    (left < SOON && !left.is_zero()).then(|| {
        Ailment::new(
            format!("{at}: the certificate of {subject} ends in {} days", left.as_secs() / 86_400),
            "issue the next one before that: producers will not connect afterwards",
        )
    })
}

/// Has no certificate, and remembers that one was asked for.
#[derive(Debug)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Takes any certificate: it is looked at, and not believed. Nothing is sent over such a connection.
#[derive(Debug)]
struct Anything(Vec<SignatureScheme>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
