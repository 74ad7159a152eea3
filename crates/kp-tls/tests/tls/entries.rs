//! What stands in stores, told to who looks into them.

use crate::authority::provider;
use crate::stores::{certificate, key_store, opened, trust_store};
use kp_tls::{CertificateFacts, EntryUse, StoreEntry, TlsClient, TlsSettings};

fn entries(settings: &TlsSettings) -> Vec<StoreEntry> {
    TlsClient::new(settings, &provider()).unwrap().store_entries().unwrap()
}

fn facts(file: &str) -> CertificateFacts {
    CertificateFacts::read(&certificate(file)).unwrap()
}

// A18
#[test]
fn the_entries_of_a_trust_store_are_told_by_name_whoever_wrote_it() {
    for (file, alias) in [
        ("trust.jks", Some("ca")),
        ("trust.p12", Some("ca")),
        ("openssl-trust.p12", Some("CN=kp test authority")),
        ("ca.pem", None),
    ] {
        let entries = entries(&TlsSettings::new().trusting(opened(trust_store(file))));
        let [entry] = entries.as_slice() else { panic!("{file}: {entries:?}") };
        assert_eq!((entry.key(), entry.alias()), ("ssl.truststore.location", alias), "{file}");
        assert_eq!((entry.use_of_it(), entry.has_key()), (EntryUse::Trusted, false), "{file}");
        assert_eq!(entry.certificates(), [facts("ca.pem")], "{file}");
    }
}

// A18, SE39
#[test]
fn the_entries_of_a_key_store_are_told_by_name_and_which_one_is_shown() {
    for file in ["two-keys.jks", "two-keys.p12"] {
        let store = opened(key_store(file)).alias("another");
        let mut entries =
            entries(&TlsSettings::new().trusting(trust_store("ca.pem")).identified_by_store(store));
        assert_eq!(entries.remove(0).use_of_it(), EntryUse::Trusted);
        entries.sort_by(|one, other| one.alias().cmp(&other.alias()));
        let told: Vec<_> = entries.iter().map(|entry| (entry.alias(), entry.has_key())).collect();
        assert_eq!(told, [(Some("another"), true), (Some("kp-client"), true)], "{file}");
        assert_eq!(entries[0].use_of_it(), EntryUse::Shown, "{file}");
        assert_eq!(entries[1].use_of_it(), EntryUse::None, "{file}");
        for entry in &entries {
            assert_eq!(entry.certificates(), [facts("certificate.pem"), facts("ca.pem")], "{file}");
        }
    }
}
