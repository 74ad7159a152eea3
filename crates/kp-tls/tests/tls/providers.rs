//! The providers of cryptography that are built in, each against a broker with ring.

use crate::authority::Authority;
use crate::wire::Stage;
use bytes::BytesMut;
use kp_tls::{CryptoProvider, TlsClient};
use rustls::version::{TLS12, TLS13};
use std::io::{IoSlice, Write};
use std::task::Poll;

const SUITES: [&str; 6] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
];

fn speaks(provider: &CryptoProvider) {
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        for suite in ["AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305"] {
            let names = SUITES.iter().copied().filter(|name| name.contains(suite));
            let client = TlsClient::new(&authority.trusted().suites(names), provider).unwrap();
            let mut stage = Stage::new(client, authority.broker_of(version), "broker");
            stage.shake().unwrap();
            assert!(stage.encryption().unwrap().suite().contains(suite));
            let request = vec![7; 40_000];
            assert!(matches!(stage.write(&[IoSlice::new(&request)]), Poll::Ready(Ok(40_000))));
            stage.broker_turn();
            assert_eq!(stage.heard, request);
            stage.broker.writer().write_all(b"an answer").unwrap();
            stage.broker_turn();
            let mut read = BytesMut::with_capacity(64);
            while read.is_empty() {
                let _ = stage.read(&mut read);
            }
            assert_eq!(&read[..], b"an answer");
        }
    }
    // U6: no other provider in the tree, and no application, meets this one.
    assert!(CryptoProvider::get_default().is_none(), "a provider was installed for the process");
}

// C2
#[test]
fn ring_speaks_every_suite_of_both_versions() {
    speaks(&rustls::crypto::ring::default_provider());
}

// C3
#[cfg(feature = "graviola")]
#[test]
fn graviola_speaks_every_suite_of_both_versions() {
    // On a processor without what it needs it is refused before it is used.
    match kp_tls::graviola() {
        Ok(provider) => speaks(&provider),
        Err(refused) => assert!(refused.to_string().contains("this processor lacks")),
    }
}

// C4
#[cfg(feature = "aws-lc")]
#[test]
fn aws_lc_speaks_every_suite_of_both_versions() {
    speaks(&kp_tls::aws_lc());
}

// C8, U4
#[cfg(feature = "webpki-roots")]
#[test]
fn authorities_that_are_built_in_are_trusted_when_they_are_asked_for() {
    let settings = kp_tls::TlsSettings::new().trusting_built_in();
    let client = TlsClient::new(&settings, &rustls::crypto::ring::default_provider()).unwrap();
    assert!(format!("{client:?}").contains("that are built in (webpki-roots)"));
}
