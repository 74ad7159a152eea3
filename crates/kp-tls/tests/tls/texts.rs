//! What an operator reads, one line for each thing that a broker or a file does wrong: all texts in one list, to be read as one.
//! `KP_TEXTS=1 cargo test -p kp-tls texts` writes it anew.

use crate::authority::{Authority, client, provider, serving, serving_with, showing};
use crate::set_up::Begun;
use crate::wire::{Below, Stage, failure};
use bytes::BytesMut;
use kp_network::Secret;
use kp_tls::{StoreSource, TlsClient, TlsSelector, TlsSettings};
use rcgen::{DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::version::{TLS12, TLS13};
use std::fmt::Write as _;
use std::task::Poll;

fn fixture(file: &str) -> String {
    format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// The texts so far.
#[derive(Default)]
struct Texts(String);

impl Texts {
    fn add(&mut self, row: &str, text: &str) {
        // What depends on the machine: its clock, and where the fixtures are.
        let mut text = text.replace(&fixture(""), "FIXTURES/");
        if let Some((before, after)) = text.split_once("the clock of this machine says ") {
            let rest = after.get("2026-01-01 00:00:00 UTC".len()..).unwrap_or_default();
            text = format!("{before}the clock of this machine says NOW{rest}");
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{row}: {text}");
    }

    /// The handshake that is refused.
    fn shaken(&mut self, row: &str, mut stage: Stage) {
        let text = stage.shake().unwrap_err().to_string();
        self.add(row, &text);
    }

    /// A trust store in a file or a text.
    fn trusting(&mut self, row: &str, store: StoreSource) {
        let settings = TlsSettings::new().trusting(store);
        let text = TlsClient::new(&settings, &provider()).err().map(|error| error.to_string());
        self.add(row, &text.unwrap_or_else(|| panic!("{row}: it can be used")));
    }

    /// A key store in a file or a text.
    fn identified(&mut self, row: &str, store: StoreSource) {
        let ca = StoreSource::file("ssl.truststore.location", fixture("ca.pem"));
        let settings = TlsSettings::new().trusting(ca).identified_by_store(store);
        let text = TlsClient::new(&settings, &provider()).err().map(|error| error.to_string());
        self.add(row, &text.unwrap_or_else(|| panic!("{row}: it can be used")));
    }
}

fn certificates(texts: &mut Texts) {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let trusted = client(&ours.trusted());
    let broker = |issued: &crate::authority::Issued| serving(issued, rustls::DEFAULT_VERSIONS, None);
    let named = |authority: &Authority, names: &[&str]| {
        broker(
            &authority.issue(names, |params| params.distinguished_name.push(DnType::CommonName, "kafka-1")),
        )
    };
    let stage = |broker, host| Stage::new(trusted.clone(), broker, host);
    texts.shaken("H1", stage(named(&theirs, &["broker"]), "broker"));
    let again = Authority::named("ours");
    texts.shaken("H1, an authority made anew", stage(named(&again, &["broker"]), "broker"));
    let two = StoreSource::inline("ssl.truststore.certificates", Secret::from(ours.pem() + &again.pem()));
    let two = client(&TlsSettings::new().trusting(two));
    texts.shaken("H1, two authorities", Stage::new(two, named(&theirs, &["broker"]), "broker"));
    for (row, from, until) in [("H2", 2001, 2002), ("H2, not yet", 2101, 2102)] {
        let issued = ours.issue(&["broker"], |params| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 3, 4));
        });
        texts.shaken(row, stage(broker(&issued), "broker"));
    }
    texts.shaken("H3", stage(named(&ours, &["broker-1.example", "broker-2.example"]), "localhost"));
    texts.shaken("H4", stage(named(&ours, &[]), "broker"));
    let for_clients = ours.issue(&["broker"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    texts.shaken("H5", stage(broker(&for_clients), "broker"));
    texts.shaken("H6", stage(named(&ours, &["broker"]), "127.0.0.1"));
    texts.shaken("H6, the reverse", stage(named(&ours, &["127.0.0.1"]), "broker"));
    let between = Authority::named("between").issue(&["broker"], |_| ());
    texts.shaken("H7", stage(broker(&between), "broker"));
    for (row, file) in [("H8, version 1", "version-1.pem"), ("H8, CA:TRUE", "self-signed.pem")] {
        let text = std::fs::read(fixture(file)).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&text).unwrap()];
        let key = PrivateKeyDer::from_pem_file(fixture("key.pem")).unwrap();
        let store = StoreSource::file("ssl.truststore.location", fixture(file));
        let not_directly = client(&TlsSettings::new().trusting(store).trusting_directly(false));
        texts.shaken(
            row,
            Stage::new(not_directly, serving_with(chain, key, rustls::DEFAULT_VERSIONS), "broker"),
        );
    }
    texts.shaken("H47, an advertised address", stage(named(&ours, &["broker-1.example"]), "10.0.0.7"));
    texts.shaken("H47, an advertised localhost", stage(named(&ours, &["broker-1.example"]), "localhost"));
    texts.shaken("SE35, a name that no certificate has", stage(named(&ours, &["broker"]), "münchen.de"));
}

/// What is said when the broker speaks `bytes` first.
fn spoken(texts: &mut Texts, row: &str, bytes: &[u8]) {
    let authority = Authority::named("ours");
    let stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker");
    stage.wire(|wire| wire.to_client.extend_from_slice(bytes));
    texts.shaken(row, stage);
}

/// What the client of the network says of an attempt that ends otherwise than in a failure of TLS.
fn attempts(texts: &mut Texts) {
    let authority = Authority::named("ours");
    let below = Below::new();
    let mut silent = Begun::over(TlsSelector::new(below.clone(), client(&authority.trusted())));
    texts.add("H14", &silent.seconds(|_| ()).1.to_string());
    let mut slow = Begun::over(TlsSelector::new(below.clone(), client(&authority.trusted())));
    let byte_by_byte = slow.seconds(|second| below.wire().to_client.push([0x16, 3, 3, 0, 90][second.min(4)]));
    texts.add("H15", &byte_by_byte.1.to_string());
    let below = Below::new();
    let mut plain = Begun::over(below.clone());
    let mut wire = below.wire();
    wire.to_client.extend_from_slice(&[0x15, 3, 3, 0, 2, 2, 80]);
    wire.closed_by_broker = true;
    drop(wire);
    texts.add("H17, a client without TLS", &plain.turn().unwrap().to_string());
}

/// A broker that asks for new keys without an end.
fn flooded(texts: &mut Texts) {
    let authority = Authority::named("ours");
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker_of(&TLS13), "broker");
    stage.shake().unwrap();
    for _ in 0..1000 {
        stage.broker.refresh_traffic_keys().unwrap();
        stage.broker_turn();
    }
    let mut bytes = BytesMut::with_capacity(64);
    loop {
        match stage.read(&mut bytes) {
            Poll::Ready(Err(error)) => {
                return texts.add("H11, new keys without an end", &failure(error).to_string());
            }
            Poll::Ready(Ok(_)) => panic!("nothing was said"),
            Poll::Pending => drop(stage.turn()),
        }
    }
}

fn protocols(texts: &mut Texts) {
    let authority = Authority::named("ours");
    let of = |settings: &TlsSettings, broker| Stage::new(client(settings), broker, "broker");
    let only_12 = authority.trusted().versions(kp_tls::TlsVersions::from_names(&["TLSv1.2"], None).unwrap());
    texts.shaken("H9", of(&only_12, authority.broker_of(&TLS13)));
    spoken(texts, "H12, a record of 65,535 bytes", &[0x16, 3, 3, 0xff, 0xff, 0, 0, 0]);
    let closed = of(&authority.trusted(), authority.broker(&["broker"]));
    closed.wire(|wire| wire.closed_by_broker = true);
    texts.shaken("H13, H16: closed at once", closed);
    spoken(texts, "H16", b"\0\0\0\x0a\0\0\0\0\0\0");
    spoken(texts, "H17, the alert of a TLS listener", &[0x15, 3, 3, 0, 2, 2, 80]);
    spoken(texts, "H18", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    spoken(texts, "H21", &[0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]);
    texts.shaken("H49, TLS 1.2", of(&authority.trusted(), authority.asking_broker(&[&TLS12])));
    let late = |settings: &TlsSettings| {
        let mut stage = of(settings, authority.asking_broker(&[&TLS13]));
        stage.shake().unwrap();
        let mut bytes = BytesMut::with_capacity(64);
        loop {
            stage.broker_turn();
            if let Poll::Ready(Err(error)) = stage.read(&mut bytes) {
                return failure(error).to_string();
            }
        }
    };
    let other = Authority::named("another").issue(&["client"], |_| ());
    texts.add("H49, TLS 1.3", &late(&authority.trusted()));
    texts.add("H48, TLS 1.3", &late(&showing(authority.trusted(), &other)));
    let showing_another = showing(authority.trusted(), &other);
    texts.shaken("H48, TLS 1.2", of(&showing_another, authority.asking_broker(&[&TLS12])));
}

fn stores(texts: &mut Texts) {
    let trust = |file: &str| StoreSource::file("ssl.truststore.location", fixture(file));
    let keys = |file: &str| StoreSource::file("ssl.keystore.location", fixture(file));
    let opened = |store: StoreSource, password: &str| {
        let key = if store.key().starts_with("ssl.trust") {
            "ssl.truststore.password"
        } else {
            "ssl.keystore.password"
        };
        store.password(key, Secret::from(password))
    };
    texts.trusting("H60, no file", trust("absent.pem"));
    texts.trusting("H60, a directory", trust(""));
    let inline = |bytes: Vec<u8>| StoreSource::inline("ssl.truststore.certificates", Secret::from(bytes));
    let pem = std::fs::read(fixture("ca.pem")).unwrap();
    texts.trusting("H60, PEM cut off", inline(pem[..pem.len() / 2].to_vec()));
    texts.trusting("H60, no certificate", inline(b"hello".to_vec()));
    texts.trusting("H60, wrong password, JKS", opened(trust("trust.jks"), "wrong"));
    texts.trusting("H60, wrong password, PKCS#12", opened(trust("trust.p12"), "wrong"));
    texts.trusting("H60, no password, PKCS#12", trust("trust.p12"));
    texts.trusting("H60, JCEKS", opened(trust("client.jceks"), "changeit"));
    texts.trusting("H60, BKS", inline(vec![0, 0, 0, 2, 0, 0]));
    let cut = |file: &str| {
        let bytes = std::fs::read(fixture(file)).unwrap();
        inline(bytes[..bytes.len() / 2].to_vec())
    };
    texts.trusting("H60, JKS cut off", cut("trust.jks"));
    texts.trusting("H60, PKCS#12 cut off", opened(cut("trust.p12"), "changeit"));
    texts.identified("H60, a trust store as key store", opened(keys("trust.jks"), "changeit"));
    texts.identified("SE39, two keys", opened(keys("two-keys.jks"), "changeit"));
    texts.identified("SE39, no such key", opened(keys("two-keys.jks"), "changeit").alias("third"));
    texts.identified("SE39, the key has another password", opened(keys("client-keypw.jks"), "changeit"));
    let with_key = |file: &str| {
        let both =
            [fixture("certificate.pem"), fixture(file)].map(|file| std::fs::read(file).unwrap()).concat();
        StoreSource::inline("ssl.keystore.key", Secret::from(both))
            .key_password("ssl.key.password", Secret::from("wrong"))
    };
    texts.identified("C10, an old encryption", with_key("key-pbes1.pem"));
    texts.identified("C10, OpenSSL's old way", with_key("key-traditional.pem"));
    texts.identified("C10, another password", with_key("key-pbkdf2.pem"));
    texts.identified("C9, no key", keys("ca.pem"));
}

// H1 H2 H3 H4 H5 H6 H7 H8 H9 H11 H12 H13 H14 H15 H16 H17 H18 H21 H47 H48 H49 H60
#[test]
fn every_text_says_what_is_wrong_and_what_to_change() {
    let mut texts = Texts::default();
    certificates(&mut texts);
    attempts(&mut texts);
    flooded(&mut texts);
    protocols(&mut texts);
    stores(&mut texts);
    let file = format!("{}/tests/tls/texts.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("KP_TEXTS").is_some() {
        std::fs::write(&file, &texts.0).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    for (found, expected) in texts.0.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(texts.0.lines().count(), expected.lines().count());
}
