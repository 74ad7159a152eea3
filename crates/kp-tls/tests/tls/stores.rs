//! Stores as keytool and openssl write them (`tests/fixtures/make.sh`), and stores that are damaged.

use crate::authority::provider;
use kp_network::Secret;
use kp_tls::{StoreSource, TlsClient, TlsSettings};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;
use std::sync::Arc;

const PASSWORD: &str = "changeit";

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file)
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(path(file)).unwrap()
}

pub(crate) fn certificate(file: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(&bytes(file)).unwrap()
}

pub(crate) fn key_store(file: &str) -> StoreSource {
    StoreSource::file("ssl.keystore.location", path(file))
}

pub(crate) fn trust_store(file: &str) -> StoreSource {
    StoreSource::file("ssl.truststore.location", path(file))
}

/// With the password that most have.
pub(crate) fn opened(store: StoreSource) -> StoreSource {
    let key = if store.key().starts_with("ssl.trust") {
        "ssl.truststore.password"
    } else {
        "ssl.keystore.password"
    };
    store.password(key, Secret::from(PASSWORD))
}

/// What a client with this store shows to a broker that asks.
fn identity(store: StoreSource) -> Result<Arc<dyn ResolvesClientCert>, String> {
    let settings = TlsSettings::new().trusting(trust_store("ca.pem")).identified_by_store(store);
    let client = TlsClient::new(&settings, &provider()).map_err(|error| error.to_string())?;
    Ok(client.config().client_auth_cert_resolver.clone())
}

fn chain(store: StoreSource) -> Vec<CertificateDer<'static>> {
    let schemes = [rustls::SignatureScheme::ECDSA_NISTP256_SHA256];
    identity(store).unwrap().resolve(&[], &schemes).unwrap().cert.clone()
}

fn refused(store: StoreSource, words: &[&str]) {
    let text = match store.key() {
        "ssl.keystore.location" => identity(store.clone()).expect_err("a key store that opens"),
        _ => trusted(store.clone()).expect_err("a trust store that opens"),
    };
    assert!(text.starts_with(store.key()), "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains(PASSWORD) && !text.contains("otherpw"), "{text}");
}

/// How many authorities a client with this store believes.
fn trusted(store: StoreSource) -> Result<String, String> {
    let settings = TlsSettings::new().trusting(store);
    let client = TlsClient::new(&settings, &provider()).map_err(|error| error.to_string())?;
    Ok(format!("{client:?}"))
}

fn written(bytes: &[u8]) -> (tempfile::TempDir, StoreSource) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    std::fs::write(&path, bytes).unwrap();
    (directory, StoreSource::file("ssl.keystore.location", path))
}

// SE39, U3
#[test]
fn a_key_store_opens_whoever_wrote_it_with_its_chain_in_order() {
    let expected = [certificate("certificate.pem"), certificate("ca.pem")];
    for file in ["client.jks", "java.p12", "openssl.p12", "legacy.p12"] {
        assert_eq!(chain(opened(key_store(file))), expected, "{file}");
    }
}

// SE39
#[test]
fn a_trust_store_opens_whoever_wrote_it() {
    for file in ["trust.jks", "trust.p12", "openssl-trust.p12"] {
        let client = trusted(opened(trust_store(file))).unwrap();
        assert!(client.contains("the one authority of ssl.truststore.location="), "{file}: {client}");
    }
    let der = certificate("ca.pem");
    let store = StoreSource::inline("ssl.truststore.location", Secret::from(der.as_ref().to_vec()));
    trusted(store).unwrap();
}

// SE39
#[test]
fn a_trust_store_of_java_opens_without_its_password_and_not_with_a_wrong_one() {
    trusted(trust_store("trust.jks")).unwrap();
    let wrong = trust_store("trust.jks").password("ssl.truststore.password", Secret::from("wrong"));
    refused(wrong, &["password does not open", "ssl.truststore.password"]);
    refused(trust_store("trust.p12"), &["wants a password: ssl.truststore.password"]);
}

#[test]
fn the_first_certificate_of_a_key_entry_is_trusted_as_by_java() {
    for file in ["client.jks", "java.p12"] {
        let client = trusted(opened(trust_store(file))).unwrap();
        assert!(client.contains("the one authority"), "{file}: {client}");
    }
}

// SE39
#[test]
fn a_wrong_password_names_its_key_and_not_itself() {
    for file in ["client.jks", "java.p12", "openssl.p12", "legacy.p12"] {
        let wrong = key_store(file).password("ssl.keystore.password", Secret::from("otherpw"));
        refused(wrong, &["password does not open", "(ssl.keystore.password)", file]);
        refused(key_store(file), &["wants a password: ssl.keystore.password"]);
    }
    let no_text = key_store("client.jks").password("ssl.keystore.password", Secret::from(vec![0xff]));
    refused(no_text, &["ssl.keystore.password is not UTF-8"]);
}

// SE39
#[test]
fn a_key_may_have_a_password_of_its_own() {
    refused(opened(key_store("client-keypw.jks")), &["\"kp-client\" does not open"]);
    let own = |password| {
        opened(key_store("client-keypw.jks")).key_password("ssl.key.password", Secret::from(password))
    };
    assert_eq!(chain(own("otherpw")).len(), 2);
    refused(own("wrong"), &["does not open with the password of ssl.key.password"]);
}

// SE39
#[test]
fn of_several_keys_the_alias_says_which() {
    for file in ["two-keys.jks", "two-keys.p12"] {
        let store = || opened(key_store(file));
        refused(store(), &["2 private keys", "kp.ssl.keystore.alias", r#""another", "kp-client""#]);
        assert_eq!(chain(store().alias("Another")).len(), 2);
        refused(store().alias("third"), &[r#""third""#, r#""another", "kp-client""#]);
    }
    refused(opened(key_store("trust.jks")), &["no private key with a certificate"]);
    refused(opened(trust_store("client.jceks")), &["JCEKS", "-deststoretype PKCS12"]);
    refused(written(&[0, 0, 0, 2, 0, 0]).1, &["store"]);
}

/// The certificates in PEM, and this key with its password.
fn with_key(file: &str, password: Option<&str>) -> Result<TlsClient, String> {
    let mut key = StoreSource::file("ssl.keystore.key", path(file));
    if let Some(password) = password {
        key = key.key_password("ssl.key.password", Secret::from(password));
    }
    let chain = StoreSource::file("ssl.keystore.certificate.chain", path("certificate.pem"));
    let settings = TlsSettings::new().trusting(trust_store("ca.pem")).identified_by(chain, key);
    TlsClient::new(&settings, &provider()).map_err(|error| error.to_string())
}

// C10
#[test]
fn an_encrypted_key_opens_with_its_password() {
    for file in ["key-pbkdf2.pem", "key-sha1.pem", "key-scrypt.pem"] {
        with_key(file, Some(PASSWORD)).unwrap();
        let wrong = with_key(file, Some("otherpw")).unwrap_err();
        assert!(wrong.contains("does not open with the password of ssl.key.password"), "{wrong}");
        let none = with_key(file, None).unwrap_err();
        assert!(none.contains("wants a password: ssl.key.password"), "{none}");
    }
}

// C10
#[test]
fn old_ways_to_encrypt_a_key_are_refused_with_the_line_that_converts() {
    for (file, words) in [("key-pbes1.pem", "PBES1"), ("key-traditional.pem", "Proc-Type")] {
        let refused = with_key(file, Some(PASSWORD)).unwrap_err();
        assert!(refused.contains(words) && refused.contains("openssl pkcs8 -topk8 -in old.pem"), "{refused}");
    }
}

/// DER of less than 128 bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// `bytes` with another number of iterations, in each place.
fn patched(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> =
        (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(new);
    }
    bytes
}

// H60
#[test]
fn a_store_that_would_be_hashed_for_hours_is_refused_before_it_begins() {
    let pbkdf2 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0c];
    let parameters = [element(4, &[7; 8]), element(2, &1_000_000_000_u32.to_be_bytes())].concat();
    let algorithm = element(0x30, &[element(6, &pbkdf2), element(0x30, &parameters)].concat());
    let content = [element(2, &[3]), element(0xa0, &element(4, &algorithm))].concat();
    let store = [&[0x30, 0x81, content.len() as u8][..], &content].concat();
    let words = "hashed more than 5,000,000 times";
    refused(opened(written(&store).1), &[words]);
    // 2048, 10,000: as -1, which nobody can count.
    let java = patched(&bytes("java.p12"), &[2, 2, 0x27, 0x10], &[2, 2, 0xff, 0xff]);
    refused(opened(written(&java).1), &[words]);
    let openssl = patched(&bytes("openssl.p12"), &[2, 2, 8, 0], &[2, 2, 0xff, 0xff]);
    refused(opened(written(&openssl).1), &[words]);
}

// H60
#[test]
fn a_store_that_is_cut_anywhere_or_changed_anywhere_is_refused_or_read_but_never_a_panic() {
    for file in ["two-keys.jks", "client.jks", "trust.jks", "openssl.p12", "trust.p12"] {
        let whole = bytes(file);
        for cut in (0..whole.len()).step_by(7) {
            let store = StoreSource::inline("ssl.keystore.location", Secret::from(whole[..cut].to_vec()));
            identity(opened(store)).expect_err("a store that is cut");
        }
        for at in (0..whole.len()).step_by(11) {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let store = StoreSource::inline("ssl.keystore.location", Secret::from(changed));
            let _ = trusted(store.clone());
            let _ = identity(opened(store));
        }
    }
}

// H60
#[test]
fn a_jks_store_that_says_it_has_more_than_it_has_takes_no_memory() {
    let mut store = bytes("trust.jks");
    store[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    refused(written(&store).1, &["cut off or damaged"]);
}

#[test]
fn pem_on_one_line_is_read_as_java_reads_it() {
    let one_line = |file: &str| {
        let text = String::from_utf8(bytes(file)).unwrap();
        Secret::from(text.replace('\n', " "))
    };
    let settings = TlsSettings::new()
        .trusting(StoreSource::inline("ssl.truststore.certificates", one_line("ca.pem")))
        .identified_by(
            StoreSource::inline("ssl.keystore.certificate.chain", one_line("certificate.pem")),
            StoreSource::inline("ssl.keystore.key", one_line("key.pem")),
        );
    TlsClient::new(&settings, &provider()).unwrap();
}

#[test]
fn no_text_of_a_store_has_its_passwords_in_it() {
    let store = opened(key_store("client.jks")).key_password("ssl.key.password", Secret::from("otherpw"));
    let text = format!("{store:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("otherpw"), "{text}");
}
