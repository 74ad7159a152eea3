//! What a listener shows to who believes nothing.

use crate::authority::{Authority, client, serving, showing};
use kp_network::Secret;
use kp_tls::{ListenerView, StoreSource, TlsClient, TlsSettings};
use rustls::{ClientConnection, HandshakeKind, ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The listener, as the stream that leads to it.
struct Listener(ServerConnection);

impl Listener {
    fn new(config: Arc<ServerConfig>) -> Self {
        Self(ServerConnection::new(config).unwrap())
    }
}

impl Write for Listener {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len();
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes)?;
            // What it does not like it tells by an alert.
            let _ = self.0.process_new_packets();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Listener {
    fn read(&mut self, mut into: &mut [u8]) -> io::Result<usize> {
        if self.0.wants_write() { self.0.write_tls(&mut into) } else { Ok(0) }
    }
}

/// Does not listen, and says what it says.
struct Deaf(&'static [u8]);

impl Read for Deaf {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Deaf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In January 2027.
fn today() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn viewed(client: &TlsClient, host: &str, listener: Arc<ServerConfig>) -> io::Result<ListenerView> {
    client.view(host, today(), &mut Listener::new(listener))
}

// A17
#[test]
fn a_view_has_the_version_the_certificates_and_which_authority_they_lead_to() {
    let (authority, other) = (Authority::new(), Authority::new());
    let both =
        StoreSource::inline("ssl.truststore.certificates", Secret::from(other.pem() + &authority.pem()));
    let view = viewed(&client(&TlsSettings::new().trusting(both)), "broker", authority.broker(&["broker"]));
    let view = view.unwrap();
    assert_eq!(view.version(), Some("TLS 1.3"));
    assert!(view.suite().unwrap().starts_with("TLS13_"), "{view:?}");
    assert_eq!(view.chain()[0].names(), ["DNS:broker"]);
    assert!(view.is_for_host() && !view.asks_for_certificate() && !view.shows_certificate(), "{view:?}");
    let expected = format!("ssl.truststore.certificates ({})", view.chain()[0].issuer());
    assert_eq!(view.trusted_by(), Some(expected.as_str()));
}

// A17, H1, H47
#[test]
fn a_listener_that_is_not_believed_is_seen_all_the_same() {
    let (theirs, other) = (Authority::new(), Authority::new());
    let view = viewed(&client(&other.trusted()), "elsewhere", theirs.broker(&["broker"])).unwrap();
    assert_eq!(view.trusted_by(), None);
    assert!(!view.is_for_host(), "{view:?}");
    assert_eq!(view.chain().len(), 1);
}

// A17, SE33
#[test]
fn a_certificate_that_stands_in_the_trust_store_itself_is_told_so() {
    let authority = Authority::new();
    let own = authority.issue(&["broker"], |_| ());
    let store = StoreSource::inline("ssl.truststore.certificates", Secret::from(own.pem.as_str()));
    let settings = TlsSettings::new().trusting(store);
    let broker = serving(&own, rustls::DEFAULT_VERSIONS, None);
    let view = viewed(&client(&settings), "broker", Arc::clone(&broker)).unwrap();
    assert!(view.trusted_by().unwrap().ends_with("which has this very certificate"), "{view:?}");
    let view = viewed(&client(&settings.trusting_directly(false)), "broker", broker).unwrap();
    assert_eq!(view.trusted_by(), None);
}

// A17
#[test]
fn a_listener_that_asks_for_a_certificate_sees_none_and_is_told_to_ask() {
    let authority = Authority::new();
    let settings = showing(authority.trusted(), &authority.issue(&["client"], |_| ()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut listener = Listener::new(authority.asking_broker(&[version]));
        let view = client(&settings).view("broker", today(), &mut listener).unwrap();
        assert!(view.asks_for_certificate() && view.shows_certificate(), "{view:?}");
        assert!(listener.0.peer_certificates().is_none_or(<[_]>::is_empty), "{version:?}");
    }
}

/// How a connection of the client's own begins.
fn begun(client: &TlsClient, broker: &Arc<ServerConfig>) -> Option<HandshakeKind> {
    let mut listener = Listener::new(Arc::clone(broker));
    let mut connection = ClientConnection::new(client.config(), "broker".try_into().unwrap()).unwrap();
    connection.complete_io(&mut listener).unwrap();
    connection.handshake_kind()
}

#[test]
fn no_session_of_a_view_is_taken_up_again_nor_takes_the_place_of_one() {
    let authority = Authority::new();
    let client = client(&authority.trusted());
    let broker = authority.broker_of(&rustls::version::TLS12);
    assert_eq!(begun(&client, &broker), Some(HandshakeKind::Full));
    for _ in 0..2 {
        let mut listener = Listener::new(Arc::clone(&broker));
        client.view("broker", today(), &mut listener).unwrap();
        assert_eq!(listener.0.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(begun(&client, &broker), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn a_listener_that_says_nothing_or_nonsense_has_no_view() {
    let client = client(&Authority::new().trusted());
    for answer in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0x16, 3, 3, 0xff, 0xff]] {
        assert!(client.view("broker", today(), &mut Deaf(answer)).is_err());
    }
}
