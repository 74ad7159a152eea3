//! Brokers that are not believed, or are none.

use crate::authority::{Authority, client, serving, showing};
use crate::wire::{Stage, failure};
use bytes::BytesMut;
use kp_tls::TlsFailureKind as Kind;
use rcgen::{DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use std::task::Poll;

fn refused(stage: &mut Stage, kind: Kind, words: &[&str]) {
    let failure = stage.shake().unwrap_err();
    assert_eq!(failure.kind(), kind, "{failure}");
    for word in words {
        assert!(failure.to_string().contains(word), "{word}: {failure}");
    }
    assert!(stage.wire(|wire| wire.closed_by_client));
}

// H1 H7
#[test]
fn a_certificate_of_another_authority_is_refused_with_the_key_that_names_ours() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut stage = Stage::new(client(&ours.trusted()), theirs.broker(&["broker"]), "broker");
    refused(
        &mut stage,
        Kind::Certificate,
        &["not signed by the one authority of ssl.truststore.certificates"],
    );
}

// H1
#[test]
fn a_certificate_of_another_authority_is_told_with_what_it_says_of_itself() {
    let (ours, theirs) = (Authority::new(), Authority::named("theirs"));
    let issued = theirs.issue(&["broker", "10.0.0.1"], |params| {
        params.distinguished_name.push(DnType::CommonName, "kafka\n1");
    });
    let broker = serving(&issued, rustls::DEFAULT_VERSIONS, None);
    let mut stage = Stage::new(client(&ours.trusted()), broker, "broker");
    let words = ["It is of CN=kafka\\n1", "issued by CN=theirs", "for DNS:broker, IP:10.0.0.1"];
    refused(&mut stage, Kind::Certificate, &words);
}

// H7
#[test]
fn a_chain_without_the_certificate_between_is_told_apart() {
    let (root, between) = (Authority::named("root"), Authority::named("between"));
    let issued = between.issue(&["broker"], |_| ());
    let broker = serving(&issued, rustls::DEFAULT_VERSIONS, None);
    let mut stage = Stage::new(client(&root.trusted()), broker, "broker");
    refused(&mut stage, Kind::Certificate, &["issued by CN=between", "sent no certificate of its issuer"]);
}

// H1
#[test]
fn an_authority_that_was_made_anew_under_its_name_is_told_apart() {
    let (old, new) = (Authority::named("ours"), Authority::named("ours"));
    let mut stage = Stage::new(client(&old.trusted()), new.broker(&["broker"]), "broker");
    refused(&mut stage, Kind::Certificate, &["another key", "ssl.truststore.certificates"]);
}

// H2
#[test]
fn a_certificate_out_of_its_time_is_refused_with_the_date() {
    let authority = Authority::new();
    let expired = authority.issue(&["broker"], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 3, 4));
    });
    let early = authority.issue(&["broker"], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2101, 1, 1), date_time_ymd(2102, 3, 4));
    });
    for (issued, words) in [(expired, "expired on 2002-03-04"), (early, "not valid before 2101-01-01")] {
        let broker = serving(&issued, rustls::DEFAULT_VERSIONS, None);
        let mut stage = Stage::new(client(&authority.trusted()), broker, "broker");
        refused(&mut stage, Kind::Certificate, &[words, "the clock of this machine says"]);
    }
}

// H3 H6 H47
#[test]
fn a_certificate_for_another_host_is_refused_with_both_names() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let broker = authority.broker(&["broker-1.example"]);
        let mut stage = Stage::new(client(&authority.trusted()), broker, host);
        refused(&mut stage, Kind::Certificate, &[host, "broker-1.example", "advertised.listeners"]);
    }
}

// H6
#[test]
fn an_address_in_the_certificate_is_a_name_of_its_host() {
    let authority = Authority::new();
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["::1"]), "[::1]");
    stage.shake().unwrap();
}

// H4
#[test]
fn a_certificate_without_names_is_refused() {
    let authority = Authority::new();
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&[]), "broker");
    refused(&mut stage, Kind::Certificate, &["no subjectAltName", "It is of CN=rcgen self signed cert"]);
}

// H5
#[test]
fn a_certificate_for_clients_alone_is_refused() {
    let authority = Authority::new();
    let issued = authority.issue(&["broker"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let broker = serving(&issued, rustls::DEFAULT_VERSIONS, None);
    let mut stage = Stage::new(client(&authority.trusted()), broker, "broker");
    refused(&mut stage, Kind::Certificate, &["serverAuth"]);
}

#[test]
fn names_that_are_not_checked_do_not_matter_but_authorities_do() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let unchecked = client(&ours.trusted().names_unchecked());
    assert_eq!(unchecked.warnings().len(), 1);
    Stage::new(unchecked.clone(), ours.broker(&["other"]), "broker").shake().unwrap();
    let mut stage = Stage::new(unchecked, theirs.broker(&["broker"]), "broker");
    refused(&mut stage, Kind::Certificate, &["not signed"]);
}

#[test]
fn a_name_that_no_certificate_can_have_fails_before_there_is_a_socket() {
    let authority = Authority::new();
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "münchen.de");
    let failure = stage.shake().unwrap_err();
    assert!(failure.to_string().contains("xn--"), "{failure}");
}

// H16 H18
#[test]
fn what_is_no_tls_is_named() {
    let authority = Authority::new();
    for (bytes, words) in
        [(&b"\0\0\0\x0a\0\0\0\0\0\0"[..], "PLAINTEXT"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP")]
    {
        let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker");
        stage.wire(|wire| wire.to_client.extend_from_slice(bytes));
        refused(&mut stage, Kind::Protocol, &[words]);
    }
}

// H13 H16
#[test]
fn a_close_at_any_byte_of_the_handshake_is_a_loss() {
    let authority = Authority::new();
    let (client, broker) = (client(&authority.trusted()), authority.broker(&["broker"]));
    let mut answer = Vec::new();
    for cut in 0..10_000 {
        let mut stage = Stage::new(client.clone(), broker.clone(), "broker");
        stage.turn();
        stage.broker_turn();
        answer = stage.wire(|wire| wire.to_client.clone());
        // Tickets and the like follow the last byte that the handshake needs.
        if cut + 64 > answer.len() {
            break;
        }
        stage.wire(|wire| {
            wire.to_client.truncate(cut);
            wire.closed_by_broker = true;
        });
        let failure = stage.shake().unwrap_err();
        assert_eq!(failure.kind(), Kind::Lost, "{cut}: {failure}");
        assert_eq!(failure.to_string().contains("without TLS"), cut == 0);
    }
    assert!(answer.len() > 300);
}

// H48 H49
#[test]
fn a_broker_that_wants_a_certificate_says_so_in_both_versions() {
    let (authority, other) = (Authority::new(), Authority::new());
    let wrong = other.issue(&["client"], |_| ());
    for version in [&TLS12, &TLS13] {
        for (settings, words) in [
            (authority.trusted(), "none is configured: ssl.keystore.location"),
            (showing(authority.trusted(), &wrong), "refused the certificate of this client"),
        ] {
            let mut stage = Stage::new(client(&settings), authority.asking_broker(&[version]), "broker");
            // In TLS 1.3 the refusal comes when the client's side is over.
            let failure = match stage.shake() {
                Err(failure) => failure,
                Ok(()) => {
                    let mut read = BytesMut::with_capacity(64);
                    let Poll::Ready(Err(error)) = stage.read(&mut read) else { panic!() };
                    failure(error)
                }
            };
            assert_eq!(failure.kind(), Kind::Refused);
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }
}

// H12
#[test]
fn a_record_that_is_too_long_ends_the_handshake_at_once() {
    let authority = Authority::new();
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker");
    stage.wire(|wire| wire.to_client.extend_from_slice(&[0x16, 3, 3, 0xff, 0xff, 1, 2, 3]));
    refused(&mut stage, Kind::Protocol, &["no TLS that can be read"]);
}

// A9
#[test]
fn any_certificate_is_taken_by_who_asks_for_that_alone() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    for broker in [theirs.broker(&["another"]), ours.broker(&[])] {
        let credulous = client(&ours.trusted().certificates_unchecked());
        Stage::new(credulous, broker, "broker").shake().unwrap();
    }
}

#[test]
fn a_name_of_the_settings_takes_the_place_of_the_hosts() {
    let authority = Authority::new();
    let settings = authority.trusted().server_name("broker.inside");
    Stage::new(client(&settings), authority.broker(&["broker.inside"]), "127.0.0.1").shake().unwrap();
    let mut stage = Stage::new(client(&settings), authority.broker(&["127.0.0.1"]), "127.0.0.1");
    refused(&mut stage, Kind::Certificate, &["is not for broker.inside, but for IP:127.0.0.1"]);
}
