//! Stores of certificates and keys: byte 0 chooses what they are taken for and what opens them; the rest is the file. Whatever
//! is in it, it is read or refused in words without a password and without control characters.

#![no_main]

use kp_sasl::Secret;
use kp_tls::{CertificateFacts, CryptoProvider, StoreSource, TlsClient, TlsSettings};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(kp_tls::ring);
const CA: &str = include_str!("../../crates/kp-tls/tests/fixtures/ca.pem");
const CERTIFICATE: &str = include_str!("../../crates/kp-tls/tests/fixtures/certificate.pem");

fuzz_target!(|data: &[u8]| {
    let [choice, content @ ..] = data else { return };
    let _ = CertificateFacts::read(content);
    let settings = match choice % 3 {
        0 => TlsSettings::new().trusting(store("ssl.truststore.location", *choice, content)),
        1 => trusting().identified_by_store(store("ssl.keystore.location", *choice, content)),
        _ => trusting().identified_by(
            StoreSource::inline("ssl.keystore.certificate.chain", Secret::from(CERTIFICATE)),
            store("ssl.keystore.key", *choice, content),
        ),
    };
    if let Err(error) = TlsClient::new(&settings, &PROVIDER) {
        let text = error.to_string();
        // Names in the file are told, and one may be anything: the password that no file has is looked for.
        assert!(!text.contains(OTHER), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
});

const OTHER: &str = "a-password-that-opens-no-key-of-the-corpus";

fn trusting() -> TlsSettings {
    TlsSettings::new().trusting(StoreSource::inline("ssl.truststore.certificates", Secret::from(CA)))
}

fn store(key: &'static str, choice: u8, content: &[u8]) -> StoreSource {
    let store = StoreSource::inline(key, Secret::from(content.to_vec()));
    match choice / 3 % 4 {
        0 => store,
        1 => store.password("ssl.keystore.password", Secret::from("changeit")),
        2 => store
            .password("ssl.keystore.password", Secret::from("changeit"))
            .key_password("ssl.key.password", Secret::from(OTHER)),
        _ => store.password("ssl.keystore.password", Secret::from("changeit")).alias("another"),
    }
}
