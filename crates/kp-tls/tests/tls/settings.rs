//! Settings that cannot be used.

use crate::authority::{Authority, provider, showing};
use kp_network::Secret;
use kp_tls::{StoreSource, TlsClient, TlsConfigError, TlsSettings};

fn wrong(settings: &TlsSettings) -> String {
    TlsClient::new(settings, &provider()).unwrap_err().to_string()
}

fn trusting(text: &str) -> TlsSettings {
    TlsSettings::new().trusting(StoreSource::inline("ssl.truststore.certificates", Secret::from(text)))
}

// H60
#[test]
fn a_file_that_cannot_be_read_is_named_with_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = |path| TlsSettings::new().trusting(StoreSource::file("ssl.truststore.location", path));
    assert!(wrong(&file(directory.path().to_owned())).ends_with("it is no regular file"));
    let missing = wrong(&file(directory.path().join("missing.pem")));
    assert!(missing.starts_with("ssl.truststore.location: ") && missing.contains("missing.pem"));
    let long = directory.path().join("long.pem");
    std::fs::File::create(&long).unwrap().set_len(1 << 32).unwrap();
    assert!(wrong(&file(long)).ends_with("it is longer than 16 MiB"));
}

#[test]
fn pem_that_is_cut_or_empty_or_of_java_is_refused() {
    assert!(wrong(&trusting("")).contains("no certificate in it"));
    assert!(wrong(&trusting("-----BEGIN CERTIFICATE-----\nAAAA\n")).contains("before its -----END"));
    let directory = tempfile::tempdir().unwrap();
    for (bytes, words) in [(&[0xfe, 0xed, 0xfe, 0xed][..], "JKS"), (&[0x30, 0x82, 1, 1], "PKCS#12")] {
        let path = directory.path().join("store");
        std::fs::write(&path, bytes).unwrap();
        let settings = TlsSettings::new().trusting(StoreSource::file("ssl.truststore.location", path));
        assert!(wrong(&settings).contains(words));
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let (mut one, other) = (authority.issue(&["a"], |_| ()), authority.issue(&["b"], |_| ()));
    one.key = other.key;
    assert!(wrong(&showing(authority.trusted(), &one)).contains("not that of the first certificate"));
}

#[cfg(not(feature = "java-stores"))]
#[test]
fn an_encrypted_key_and_stores_of_java_name_the_feature_that_is_off_and_how_to_convert() {
    let authority = Authority::new();
    let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let source = |text: &str| StoreSource::inline("ssl.keystore.key", Secret::from(text));
    let one = authority.issue(&["a"], |_| ());
    let settings = authority.trusted().identified_by(source(&one.pem), source(key));
    assert!(wrong(&settings).contains("openssl pkey"));
    for (file, words) in [("trust.jks", "a JKS store"), ("trust.p12", "a PKCS#12 store")] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/").to_owned() + file;
        let refused = wrong(&TlsSettings::new().trusting(StoreSource::file("ssl.truststore.location", path)));
        assert!(refused.contains(words) && refused.contains("java-stores"), "{refused}");
    }
}

#[test]
fn no_text_of_settings_has_the_key_in_it() {
    let authority = Authority::new();
    let issued = authority.issue(&["client"], |_| ());
    let settings = showing(authority.trusted(), &issued);
    let body = issued.key.serialize_pem().lines().nth(1).unwrap().to_owned();
    assert!(!format!("{settings:?}").contains(&body));
}

// SE37
#[test]
fn suites_of_which_none_is_spoken_are_refused() {
    let settings = Authority::new().trusted().suites(["TLS_RSA_WITH_AES_128_CBC_SHA"]);
    let refused = TlsClient::new(&settings, &provider()).unwrap_err();
    assert!(matches!(refused, TlsConfigError::NoSuite { .. }));
}
