//! Connections that are made, and what goes over them.

use crate::authority::{Authority, client, serving, showing};
use crate::wire::Stage;
use bytes::BytesMut;
use kp_network::{Secret, SelectorEvent};
use kp_tls::{StoreSource, TlsClient, TlsVersions};
use rustls::version::{TLS12, TLS13};
use std::io::{IoSlice, Write};
use std::sync::Arc;
use std::task::Poll;

fn stage() -> Stage {
    let authority = Authority::new();
    Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker")
}

#[test]
fn bytes_go_both_ways_after_the_handshake() {
    let mut stage = stage();
    stage.shake().unwrap();
    let slices = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"request")];
    assert!(matches!(stage.write(&slices), Poll::Ready(Ok(11))));
    stage.broker_turn();
    assert_eq!(stage.heard, b"one request");
    stage.broker.writer().write_all(b"an answer").unwrap();
    stage.broker_turn();
    let mut read = BytesMut::with_capacity(64);
    assert!(matches!(stage.read(&mut read), Poll::Ready(Ok(9))));
    assert_eq!(&read[..], b"an answer");
}

// H13
#[test]
fn a_wire_that_gives_one_byte_at_a_time_is_enough() {
    let mut stage = stage();
    stage.wire(|wire| wire.read_at_most = 1);
    stage.shake().unwrap();
    stage.broker.writer().write_all(b"slow").unwrap();
    stage.broker_turn();
    let mut read = BytesMut::with_capacity(64);
    for _ in 0..10_000 {
        if read.len() == 4 {
            break;
        }
        // A read that was asked to come back is told of in the next turn.
        if stage.read(&mut read).is_pending() {
            assert!(!stage.turn().is_empty());
        }
    }
    assert_eq!(&read[..], b"slow");
}

#[test]
fn a_long_answer_arrives_whole_whatever_room_the_reader_has() {
    let mut stage = stage();
    stage.shake().unwrap();
    let answer: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let mut left = &answer[..];
    let mut heard = Vec::new();
    for turn in 0..100_000 {
        if heard.len() == answer.len() {
            break;
        }
        left = &left[stage.broker.writer().write(left).unwrap()..];
        stage.broker_turn();
        let mut read = BytesMut::with_capacity([7, 1000, 40_000][turn % 3]);
        let _ = stage.read(&mut read);
        heard.extend_from_slice(&read);
        stage.turn();
    }
    assert!(heard == answer);
}

// SE40
#[test]
fn a_broker_that_does_not_read_makes_the_writer_wait_within_bounded_memory() {
    let mut stage = stage();
    stage.shake().unwrap();
    stage.wire(|wire| wire.room = 0);
    let page = vec![7; 1 << 20];
    let Poll::Ready(Ok(taken)) = stage.write(&[IoSlice::new(&page)]) else { panic!() };
    assert!(taken <= 128 * 1024, "{taken}");
    assert!(stage.write(&[IoSlice::new(&page)]).is_pending());
    stage.wire(|wire| wire.room = usize::MAX);
    assert_eq!(stage.turn().len(), 1, "it is told that it may write");
    stage.broker_turn();
    assert_eq!(stage.heard.len(), taken);
}

// H19 H20
#[test]
fn a_close_is_a_close_with_and_without_a_farewell() {
    for farewell in [true, false] {
        let mut stage = stage();
        stage.shake().unwrap();
        if farewell {
            stage.broker.send_close_notify();
            stage.broker_turn();
        } else {
            stage.wire(|wire| wire.closed_by_broker = true);
        }
        let mut read = BytesMut::with_capacity(64);
        assert!(matches!(stage.read(&mut read), Poll::Ready(Ok(0))));
    }
}

#[test]
fn a_client_that_closes_says_farewell() {
    let mut stage = stage();
    stage.shake().unwrap();
    stage.close();
    let mut sent = stage.wire(|wire| std::mem::take(&mut wire.to_broker));
    stage.broker.read_tls(&mut &sent.split_off(0)[..]).unwrap();
    assert!(stage.broker.process_new_packets().unwrap().peer_has_closed());
    assert!(stage.wire(|wire| wire.closed_by_client));
}

#[test]
fn a_certificate_is_shown_to_a_broker_that_asks_in_both_versions() {
    let authority = Authority::new();
    let own = authority.issue(&["client"], |_| ());
    for version in [&TLS12, &TLS13] {
        let settings = showing(authority.trusted(), &own);
        let mut stage = Stage::new(client(&settings), authority.asking_broker(&[version]), "broker");
        assert_eq!(stage.encryption(), None);
        stage.shake().unwrap();
        assert_eq!(stage.broker.peer_certificates().unwrap(), &own.chain[..]);
        let encryption = stage.encryption().unwrap();
        assert!(encryption.wants_certificate() && encryption.shows_certificate());
    }
}

// SE36, A17
#[test]
fn a_connection_tells_how_it_is_encrypted_and_with_whom() {
    let authority = Authority::named("ours");
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let issued = authority.issue(&["broker", "10.0.0.1"], |_| ());
        let broker = serving(&issued, &[version], None);
        let mut stage = Stage::new(client(&authority.trusted()), broker, "broker");
        stage.shake().unwrap();
        let encryption = stage.encryption().unwrap();
        assert_eq!(encryption.version(), name);
        assert!(encryption.suite().starts_with("TLS_") && encryption.suite().contains("AES_256_GCM"));
        let [certificate] = encryption.certificates() else { panic!() };
        assert_eq!(certificate.issuer(), "CN=ours");
        assert_eq!(certificate.names(), ["DNS:broker", "IP:10.0.0.1"]);
        assert!(!encryption.wants_certificate() && !encryption.shows_certificate());
    }
}

#[test]
fn a_configuration_of_the_application_is_used_as_it_is() {
    let authority = Authority::new();
    let config = client(&authority.trusted()).config();
    let own = TlsClient::from_rustls(Arc::clone(&config));
    assert!(Arc::ptr_eq(&own.config(), &config));
    Stage::new(own, authority.broker(&["broker"]), "broker").shake().unwrap();
}

#[test]
fn a_certificate_and_its_key_may_stand_in_one_text() {
    let authority = Authority::new();
    let own = authority.issue(&["client"], |_| ());
    let both = Secret::from(format!("{}{}", own.key.serialize_pem(), own.pem));
    let settings =
        authority.trusted().identified_by_store(StoreSource::inline("ssl.keystore.location", both));
    let mut stage = Stage::new(client(&settings), authority.asking_broker(&[&TLS13]), "broker");
    stage.shake().unwrap();
    assert_eq!(stage.broker.peer_certificates().unwrap(), &own.chain[..]);
}

// SE36 SE37
#[test]
fn the_version_and_the_suite_are_those_of_the_settings() {
    let authority = Authority::new();
    let versions = TlsVersions::from_names(&["TLSv1.2"], None).unwrap();
    let settings = authority
        .trusted()
        .versions(versions)
        .suites(["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"]);
    let client = client(&settings);
    assert_eq!(client.warnings().len(), 1);
    let mut stage = Stage::new(client, authority.broker(&["broker"]), "broker");
    stage.shake().unwrap();
    let suite = stage.broker.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
}

// SE30
#[test]
fn a_connection_that_only_asks_goes_without_tls_and_those_after_it_do_not() {
    let mut stage = stage();
    stage.shake().unwrap();
    stage.dial_plainly();
    assert!(matches!(stage.turn()[..], [SelectorEvent::Connected { .. }]), "there is no handshake");
    assert!(matches!(stage.write(&[IoSlice::new(b"a question")]), Poll::Ready(Ok(10))));
    stage.wire(|wire| {
        assert_eq!(wire.to_broker, b"a question");
        wire.to_client.extend_from_slice(b"an answer");
    });
    let mut read = BytesMut::with_capacity(64);
    assert!(matches!(stage.read(&mut read), Poll::Ready(Ok(9))));
    assert!(stage.encryption().is_none() && &read[..] == b"an answer");
    stage.close();
    let authority = Authority::new();
    stage.dial(authority.broker(&["broker"]), "broker");
    stage.shake().unwrap_err();
}
