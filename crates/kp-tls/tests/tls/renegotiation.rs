//! A broker of TLS 1.2 that wants to begin again: rustls' server never does, so its keys are taken, and records are made by hand.

use crate::authority::{Authority, client, serving};
use crate::wire::{Stage, failure};
use bytes::BytesMut;
use kp_tls::TlsFailureKind as Kind;
use rustls::crypto::cipher::{MessageEncrypter, OutboundPlainMessage};
use rustls::version::TLS12;
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConnection, SupportedCipherSuite,
};
use std::sync::Arc;
use std::task::Poll;

/// A HelloRequest, which has no content.
const HELLO_REQUEST: [u8; 4] = [0; 4];

/// The broker's half of a connection that is made.
struct ByHand {
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

impl ByHand {
    fn take_over(broker: ServerConnection) -> Self {
        let Some(SupportedCipherSuite::Tls12(suite)) = broker.negotiated_cipher_suite() else {
            panic!("not of TLS 1.2")
        };
        let (sequence, secrets) = broker.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes128Gcm { key, iv }) = secrets
        else {
            panic!("another suite")
        };
        let (fixed, explicit) = iv.as_ref().split_at(4);
        Self { encrypter: suite.aead_alg.encrypter(key, fixed, explicit), sequence }
    }

    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let message =
            OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload: payload.into() };
        self.sequence += 1;
        self.encrypter.encrypt(message, self.sequence - 1).unwrap().encode()
    }
}

fn read(stage: &mut Stage) -> Poll<std::io::Result<Vec<u8>>> {
    let mut read = BytesMut::with_capacity(64);
    stage.read(&mut read).map_ok(|_| read.to_vec())
}

// H10
#[test]
fn a_broker_that_wants_to_begin_again_is_told_no_once_and_left_the_second_time() {
    let authority = Authority::new();
    let issued = authority.issue(&["broker"], |_| ());
    let mut broker = Arc::unwrap_or_clone(serving(&issued, &[&TLS12], None));
    broker.enable_secret_extraction = true;
    let broker = Arc::new(broker);
    let mut stage = Stage::new(client(&authority.trusted()), Arc::clone(&broker), "broker");
    stage.shake().unwrap();
    let made = std::mem::replace(&mut stage.broker, ServerConnection::new(broker).unwrap());
    let mut by_hand = ByHand::take_over(made);
    stage.wire(|wire| wire.to_broker.clear());
    for (asks, answer) in [(1, "no handshake"), (0, "the connection goes on")] {
        for _ in 0..asks {
            let record = by_hand.record(ContentType::Handshake, &HELLO_REQUEST);
            stage.wire(|wire| wire.to_client.extend_from_slice(&record));
        }
        let record = by_hand.record(ContentType::ApplicationData, answer.as_bytes());
        stage.wire(|wire| wire.to_client.extend_from_slice(&record));
        let Poll::Ready(Ok(found)) = read(&mut stage) else { panic!("{answer}") };
        assert_eq!(found, answer.as_bytes());
    }
    stage.wire(|wire| {
        // An alert, encrypted: a ClientHello would be a record of a handshake.
        assert_eq!((wire.to_broker[0], wire.to_broker.len()), (0x15, 5 + 8 + 2 + 16));
        wire.to_broker.clear();
    });
    let record = by_hand.record(ContentType::Handshake, &HELLO_REQUEST);
    stage.wire(|wire| wire.to_client.extend_from_slice(&record));
    let Poll::Ready(Err(error)) = read(&mut stage) else { panic!("it goes on") };
    let failure = failure(error);
    assert_eq!(failure.kind(), Kind::Protocol);
    assert!(failure.to_string().contains("TooManyRenegotiationRequests"), "{failure}");
    assert!(stage.wire(|wire| wire.to_broker.first() != Some(&0x16)), "there is no second handshake");
}
