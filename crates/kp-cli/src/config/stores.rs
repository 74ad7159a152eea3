//! What is in the key stores of a configuration: whose certificates, and until when. Never a key, nor what opens one.
//! Owns: the files are read as a producer reads them. Never: a verdict on a key of the configuration.

use std::{fs, time::SystemTime};

use kp_producer::{
    CertificateFacts, Producer, ProducerConfig,
    config::{Settings, Store, StoreContent, Trust},
    rustls::{
        ClientConfig, SignatureScheme,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};
use kp_protocol::text::shown;
use serde_json::{Value, json};

/// A store of authorities can have hundreds.
const SHOWN: usize = 20;

/// See the module.
#[derive(Default)]
pub(super) struct Stores {
    certificates: Vec<Certificate>,
}

struct Certificate {
    /// What it is for.
    what: &'static str,
    facts: CertificateFacts,
}

/// Reads the stores; nothing if connections are not encrypted.
pub(super) fn of(config: &ProducerConfig) -> Stores {
    let Ok(validated) = config.validate() else { return Stores::default() };
    // What is wrong with them is told where a producer is tried.
    let Ok(Some(tls)) = Producer::builder(config.clone()).tls() else { return Stores::default() };
    let mut certificates = shown_to_brokers(&tls);
    certificates.extend(trusted(&validated.settings));
    Stores { certificates }
}

impl Stores {
    /// Whether a certificate that is shown to brokers is over: no broker takes it.
    pub(super) fn is_good(&self) -> bool {
        !self.certificates.iter().any(|one| one.what == SHOWN_TO_BROKERS && one.is_over())
    }

    /// A line for each certificate.
    pub(super) fn to_text(&self) -> String {
        let certificates = self.certificates.iter().map(|one| {
            let names = one.facts.names().join(", ");
            let names = if names.is_empty() { String::new() } else { format!(", for {}", shown(&names)) };
            format!(
                "   -  {}: {}{names}, {} {}\n",
                one.what,
                shown(one.facts.subject()),
                if one.is_over() { "OVER since" } else { "valid until" },
                one.facts.not_after_shown()
            )
        });
        certificates.collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let seconds =
            |moment: SystemTime| moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let one = |one: &Certificate| {
            json!({
                "what": one.what, "subject": one.facts.subject(), "issuer": one.facts.issuer(),
                "names": one.facts.names(), "not_after": seconds(one.facts.not_after()), "over": one.is_over(),
            })
        };
        self.certificates.iter().map(one).collect()
    }
}

const SHOWN_TO_BROKERS: &str = "shown to brokers";
const TRUSTED: &str = "trusted";

impl Certificate {
    fn read(what: &'static str, der: &[u8]) -> Option<Self> {
        CertificateFacts::read(der).map(|facts| Self { what, facts })
    }

    fn is_over(&self) -> bool {
        self.facts.not_after() < SystemTime::now()
    }
}

/// The client's own, out of whatever kind of store.
fn shown_to_brokers(tls: &ClientConfig) -> Vec<Certificate> {
    let schemes = [
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ED25519,
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PKCS1_SHA256,
    ];
    let identity = tls.client_auth_cert_resolver.resolve(&[], &schemes);
    let chain = identity.iter().flat_map(|identity| &identity.cert);
    chain.filter_map(|der| Certificate::read(SHOWN_TO_BROKERS, der)).collect()
}

/// The authorities of a store in PEM; those of other kinds were read, and are not listed.
fn trusted(settings: &Settings) -> Vec<Certificate> {
    let Some(Trust::Store(store)) = settings.security.tls.as_ref().map(|tls| tls.trusted()) else {
        return Vec::new();
    };
    let Some(pem) = content(store) else { return Vec::new() };
    let ders = CertificateDer::pem_slice_iter(&pem).flatten().take(SHOWN);
    ders.filter_map(|der| Certificate::read(TRUSTED, &der)).collect()
}

fn content(store: &Store) -> Option<Vec<u8>> {
    match store.content() {
        StoreContent::File(path) => fs::read(path).ok(),
        StoreContent::Inline(text) => Some(text.expose().to_vec()),
        _ => None,
    }
}
