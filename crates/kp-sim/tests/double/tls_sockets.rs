//! The embedded broker behind TLS: what it shows, whom it asks, and that nothing else about it is changed.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use kp_protocol::api::{MetadataRequest, MetadataResponse};
use kp_protocol::{ApiKey, Message, RequestHeader, decode_response_header, encode_request};
use kp_sim::tcp::{ClientAuth, EmbeddedBroker, EmbeddedOptions, EmbeddedTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Session = StreamOwned<ClientConnection, TcpStream>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for this name and its key, as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn tls(&self, name: &str) -> EmbeddedTls {
        let (chain, key) = self.issue(name);
        EmbeddedTls::new(provider(), chain.as_bytes(), key.as_bytes()).unwrap()
    }

    /// A client that believes it, and shows this certificate.
    fn client(&self, shown: Option<(String, String)>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(roots);
        Arc::new(match shown {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

fn start(tls: EmbeddedTls) -> EmbeddedBroker {
    EmbeddedBroker::start(EmbeddedOptions::new().with_tls(tls)).unwrap()
}

fn socket(broker: &EmbeddedBroker) -> TcpStream {
    let (_, address) = broker.addresses().next().unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn session(broker: &EmbeddedBroker, client: Arc<ClientConfig>) -> Session {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(client, name).unwrap(), socket(broker))
}

/// Asks for metadata; the answer has to be one.
fn ask(stream: &mut (impl Read + Write)) -> io::Result<MetadataResponse> {
    let header = RequestHeader { correlation_id: 7, client_id: None };
    stream.write_all(&encode_request(&header, 12, &MetadataRequest::default()).unwrap().concat())?;
    stream.flush()?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut frame = vec![0; i32::from_be_bytes(size) as usize];
    stream.read_exact(&mut frame)?;
    let (id, body) = decode_response_header(ApiKey::Metadata, 12, &frame.into()).unwrap();
    assert_eq!(id, 7);
    Ok(MetadataResponse::parse(&body, 12).unwrap())
}

#[test]
fn requests_are_answered_within_tls_until_the_broker_says_farewell() {
    let authority = Authority::new();
    let broker = start(authority.tls("localhost"));
    let mut session = session(&broker, authority.client(None));
    for _ in 0..3 {
        assert_eq!(ask(&mut session).unwrap().brokers.len(), 1);
    }
    // A size that no request has: Kafka closes, and so does the double, with a farewell.
    session.write_all(&(-1i32).to_be_bytes()).unwrap();
    assert_eq!(session.read(&mut [0; 1]).unwrap(), 0);
    broker.shutdown();
}

#[test]
fn a_client_that_knows_another_authority_hangs_up() {
    let broker = start(Authority::new().tls("localhost"));
    let refused = ask(&mut session(&broker, Authority::new().client(None))).unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

// H17
#[test]
fn a_client_without_tls_gets_an_alert_and_a_close() {
    let broker = start(Authority::new().tls("localhost"));
    let mut socket = socket(&broker);
    let header = RequestHeader { correlation_id: 7, client_id: None };
    socket.write_all(&encode_request(&header, 12, &MetadataRequest::default()).unwrap().concat()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    assert_eq!(answer[..2], [0x15, 0x03], "{answer:?}");
}

#[test]
fn a_broker_asks_for_a_certificate_of_its_authority() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let ask_as = |client_auth, shown: Option<(String, String)>| {
        let (chain, key) = authority.issue("localhost");
        let (pem, provider) = (clients.0.pem(), provider());
        let tls = EmbeddedTls::with_client_auth(
            provider,
            chain.as_bytes(),
            key.as_bytes(),
            pem.as_bytes(),
            client_auth,
        );
        let broker = start(tls.unwrap());
        ask(&mut session(&broker, authority.client(shown)))
    };
    let (known, unknown) = (clients.issue("a client"), Authority::new().issue("a client"));
    assert!(ask_as(ClientAuth::Required, Some(known.clone())).is_ok());
    assert!(ask_as(ClientAuth::Required, None).is_err());
    assert!(ask_as(ClientAuth::Required, Some(unknown.clone())).is_err());
    assert!(ask_as(ClientAuth::Requested, Some(known)).is_ok());
    assert!(ask_as(ClientAuth::Requested, None).is_ok());
    assert!(ask_as(ClientAuth::Requested, Some(unknown)).is_err());
}

#[test]
fn a_certificate_that_is_replaced_is_shown_to_later_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = old.tls("localhost");
    let broker = start(tls.clone());
    let mut first = session(&broker, old.client(None));
    ask(&mut first).unwrap();
    tls.replace(new.tls("localhost"));
    ask(&mut session(&broker, new.client(None))).unwrap();
    ask(&mut session(&broker, old.client(None))).unwrap_err();
    ask(&mut first).unwrap();
}

#[test]
fn what_is_no_certificate_or_no_key_is_refused_without_its_words() {
    let (chain, key) = Authority::new().issue("localhost");
    for (chain, key) in [("", &*key), (&chain, ""), (&key, &chain), ("-----BEGIN", &key)] {
        let error = EmbeddedTls::new(provider(), chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let words = key.lines().nth(1).unwrap_or("nothing");
        assert!(!error.to_string().contains(words), "{error}");
    }
}
