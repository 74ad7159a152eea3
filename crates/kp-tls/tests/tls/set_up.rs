//! The network's client over TLS: how long a set-up may take, and what a client without TLS meets at such a listener.

use crate::authority::{Authority, client};
use crate::wire::Below;
use kp_network::{
    ConnectionState, DisconnectReason, Event, KafkaClient, NetworkClient, NetworkSettings, OtherProtocol,
    Secret, Selectable, SetupStage,
};
use kp_protocol::{BrokerAddress, BrokerId};
use kp_time::{Clock, ManualClock};
use kp_tls::{ClientIdentity, StoreSource, TlsSelector};
use rustls::ServerConnection;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

const BROKER: BrokerId = BrokerId(1);
const SECOND: Duration = Duration::from_secs(1);

/// A client that has begun to connect, and the clock it lives by.
pub(crate) struct Begun<S> {
    client: NetworkClient<S>,
    clock: ManualClock,
}

impl<S: Selectable> Begun<S> {
    pub(crate) fn over(selector: S) -> Self {
        let clock = ManualClock::new();
        let mut client = NetworkClient::over(selector, NetworkSettings::default(), Arc::new(clock.clone()));
        let address = BrokerAddress { id: BROKER, host: "10.0.0.1".into(), port: 9093, rack: None };
        client.set_brokers(clock.now(), &[address]);
        client.readiness(clock.now(), BROKER);
        let mut begun = Self { client, clock };
        assert!(begun.turn().is_none());
        begun
    }

    /// One turn; how the attempt has ended, if it has.
    pub(crate) fn turn(&mut self) -> Option<DisconnectReason> {
        let mut events = Vec::new();
        self.client.poll(Some(self.clock.now()), &mut events);
        events.pop().map(|event| match event {
            Event::Disconnected { reason, .. } => reason,
            other => panic!("{other:?}"),
        })
    }

    /// Lets time go by second by second, until the attempt has ended; after how many of them.
    pub(crate) fn seconds(&mut self, each: impl Fn(usize)) -> (usize, DisconnectReason) {
        for second in 0..100 {
            if let Some(reason) = self.turn() {
                return (second, reason);
            }
            each(second);
            self.clock.advance(SECOND);
        }
        panic!("the attempt comes to no end")
    }
}

// H14, H15, SE32
#[test]
fn one_byte_of_the_handshake_a_second_gains_a_broker_no_time_over_silence() {
    let authority = Authority::new();
    let begin = || {
        let below = Below::new();
        let selector = TlsSelector::new(below.clone(), client(&authority.trusted()));
        (Begun::over(selector), below)
    };
    let (mut begun, below) = begin();
    assert_eq!(below.wire().to_broker.first(), Some(&0x16), "it has said hello");
    let silent = begun.seconds(|_| ());
    assert_eq!(silent.1, DisconnectReason::SetupTimeout(SetupStage::TlsHandshake));
    let (mut begun, below) = begin();
    let mut broker = ServerConnection::new(authority.broker(&["10.0.0.1"])).unwrap();
    let hello = std::mem::take(&mut below.wire().to_broker);
    broker.read_tls(&mut &hello[..]).unwrap();
    broker.process_new_packets().unwrap();
    let mut answer = Vec::new();
    broker.write_tls(&mut answer).unwrap();
    let slow = begun.seconds(|second| below.wire().to_client.push(answer[second]));
    assert_eq!(slow, silent);
    // The limit is socket.connection.setup.timeout.ms, and up to a fifth of it more or less.
    assert!((8..=12).contains(&silent.0), "{silent:?}");
}

// A12, A13, SE32
#[test]
fn a_certificate_of_this_client_that_is_awaited_is_told_as_what_the_attempt_waits_for() {
    let (authority, below) = (Authority::new(), Below::new());
    let settings = authority.trusted().identified_by_asking(|| Err("it is sealed".to_owned()));
    let selector = TlsSelector::new(below.clone(), client(&settings));
    let mut begun = Begun::over(selector);
    let told = begun.client.security(begun.clock.now()).brokers.remove(0);
    assert_eq!(told.state, ConnectionState::SettingUp(SetupStage::ClientCertificate));
    let line = "waits for the certificate of this client (Identity::provider)";
    assert_eq!(told.state.to_string(), line);
    let (_, reason) = begun.seconds(|_| ());
    assert_eq!(reason, DisconnectReason::SetupTimeout(SetupStage::ClientCertificate));
    // Once it is given, the socket comes.
    let given = authority.trusted().identified_by_asking(move || {
        let issued = Authority::new().issue(&["client"], |_| ());
        let inline = |name, text: String| StoreSource::inline(name, Secret::from(text));
        Ok(ClientIdentity::parts(inline("chain", issued.pem), inline("key", issued.key.serialize_pem())))
    });
    let below = Below::new();
    let mut begun = Begun::over(TlsSelector::new(below.clone(), client(&given)));
    assert_eq!(below.do_work(), 1);
    assert_eq!(begun.turn(), None);
    let told = begun.client.security(begun.clock.now()).brokers.remove(0);
    assert_eq!(told.state, ConnectionState::SettingUp(SetupStage::Connecting));
}

// H17, SE30
#[test]
fn a_client_without_tls_knows_a_tls_listener_by_its_alert() {
    let below = Below::new();
    let mut begun = Begun::over(below.clone());
    let asked = std::mem::take(&mut below.wire().to_broker);
    assert!(!asked.is_empty());
    let mut broker = ServerConnection::new(Authority::new().broker(&["broker"])).unwrap();
    broker.read_tls(&mut &asked[..]).unwrap();
    broker.process_new_packets().unwrap_err();
    let mut alert = Vec::new();
    broker.write_tls(&mut alert).unwrap();
    assert_eq!(alert[..2], [0x15, 3]);
    let mut wire = below.wire();
    wire.to_client = alert;
    wire.closed_by_broker = true;
    drop(wire);
    assert_eq!(begun.turn(), Some(DisconnectReason::OtherProtocol(OtherProtocol::Tls)));
    assert!(broker.reader().read(&mut [0; 1]).is_err(), "the broker has read nothing");
}
