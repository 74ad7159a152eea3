//! What a TLS listener shows: version, suite, certificates, which authority they lead to, and whether it asks for one. Whether it is
//! to be believed, the producer's own connection says, right behind.
//! Owns: the words, and a connection for a look. Never: a verdict on a certificate but that its days are few.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, SystemTime},
};

use kp_producer::{CertificateFacts, ListenerView, Producer, TlsClient};
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
    view: ListenerView,
}

/// Looks at the first address that takes a connection. `None` if connections are not to be encrypted, or nothing there speaks TLS.
pub(super) fn look(way: &Way<'_>, host: &str, addresses: &[SocketAddr]) -> Option<Look> {
    let client = Producer::builder(way.config.clone()).tls_client().ok().flatten()?;
    addresses.iter().find_map(|address| shake(&client, host, *address))
}

fn shake(client: &TlsClient, host: &str, address: SocketAddr) -> Option<Look> {
    let mut stream = TcpStream::connect_timeout(&address, WITHIN).ok()?;
    stream.set_read_timeout(Some(WITHIN)).ok()?;
    stream.set_write_timeout(Some(WITHIN)).ok()?;
    let view = client.view(host, SystemTime::now(), &mut stream).ok()?;
    Some(Look { view })
}

impl Look {
    /// What it speaks, in a line.
    pub(super) fn to_text(&self, host: &str, port: u16) -> String {
        let (version, suite) = (self.view.version().unwrap_or("TLS"), self.view.suite().unwrap_or("?"));
        let asks = match (self.view.asks_for_certificate(), self.view.shows_certificate()) {
            (true, true) => "; it asks for a certificate, and gets the one of ssl.keystore",
            (true, false) => "; it asks for a certificate, and none is configured (ssl.keystore.location)",
            (false, true) => "; it asks for no certificate, so that of ssl.keystore is not shown",
            (false, false) => "",
        };
        format!("{} speaks {version}, {suite}{asks}", written(host, port))
    }

    /// A line for each certificate, and what the last of them leads to.
    pub(super) fn lines(&self) -> Vec<String> {
        let chain = self.view.chain();
        let mut lines: Vec<String> = chain.iter().take(SHOWN).map(one_line).collect();
        if chain.len() > SHOWN {
            lines.push(format!("{} more certificates", chain.len() - SHOWN));
        }
        lines.extend(self.view.trusted_by().map(|entry| format!("trusted by {entry}")));
        lines
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
        let view = &self.view;
        json!({
            "version": view.version(), "suite": view.suite(),
            "chain": view.chain().iter().take(SHOWN).map(one).collect::<Vec<_>>(),
            "is_for_host": view.is_for_host(), "trusted_by": view.trusted_by(),
            "asks_for_certificate": view.asks_for_certificate(),
            "shows_certificate": view.asks_for_certificate() && view.shows_certificate(),
        })
    }

    /// What will soon be wrong, or is wrong on this side, or is not looked at.
    pub(super) fn ailments(&self, host: &str, port: u16, way: &Way<'_>) -> Vec<Ailment> {
        let at = written(host, port);
        let dated = self.view.chain().iter().find_map(|facts| dated(&at, facts, SystemTime::now()));
        dated.into_iter().chain(self.other_name(&at, host, way)).collect()
    }

    /// The certificate is for another host, and the configuration does not mind: the producer's connection says nothing.
    fn other_name(&self, at: &str, host: &str, way: &Way<'_>) -> Option<Ailment> {
        let checks = way.settings.security.tls.as_ref().is_none_or(|tls| tls.checks_names());
        if checks || self.view.is_for_host() {
            return None;
        }
        let names = self.view.chain().first().map_or_else(String::new, names_of);
        let names = if names.is_empty() { " no host".to_owned() } else { names };
        Some(Ailment::new(
            format!("{at}: the certificate is not for {}, but{names}; names are not checked", shown(host)),
            "any host with a certificate of the trusted authorities can play this broker: add the name to the certificate, then \
             take ssl.endpoint.identification.algorithm out",
        ))
    }
}

/// As ` for DNS:a, DNS:b`; empty without any.
fn names_of(facts: &CertificateFacts) -> String {
    let mut names: Vec<String> =
        facts.names().iter().take(SHOWN).map(|name| shown(name).to_string()).collect();
    if facts.names().len() > SHOWN {
        names.push(format!("{} more", facts.names().len() - SHOWN));
    }
    if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) }
}

fn one_line(facts: &CertificateFacts) -> String {
    format!(
        "certificate {}{}, signed by {}, valid until {}",
        shown(facts.subject()),
        names_of(facts),
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
