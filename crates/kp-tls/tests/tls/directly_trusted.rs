//! Certificates that stand in the trust store themselves, byte for byte, in forms that only Java takes.

use crate::authority::{Authority, client, serving_with};
use crate::wire::Stage;
use kp_network::Secret;
use kp_tls::{StoreSource, TlsFailureKind, TlsSettings};
use rcgen::date_time_ymd;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

const AUTHORITY_ITSELF: &str = include_str!("../fixtures/self-signed.pem");
const COMMON_NAME_ALONE: &str = include_str!("../fixtures/self-signed-cn.pem");
const VERSION_1: &str = include_str!("../fixtures/version-1.pem");
const KEY: &str = include_str!("../fixtures/key.pem");

fn trusting(pem: &str) -> TlsSettings {
    TlsSettings::new().trusting(StoreSource::inline("ssl.truststore.certificates", Secret::from(pem)))
}

fn broker(pem: &str, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    serving_with(vec![certificate], key, &[version])
}

// SE33, H8
#[test]
fn a_certificate_in_the_trust_store_is_taken_whatever_its_form_as_by_java() {
    for pem in [AUTHORITY_ITSELF, COMMON_NAME_ALONE, VERSION_1] {
        for version in [&TLS12, &TLS13] {
            Stage::new(client(&trusting(pem)), broker(pem, version), "broker").shake().unwrap();
        }
    }
}

// SE33, H8
#[test]
fn a_certificate_in_the_trust_store_is_for_its_own_host_alone() {
    for pem in [AUTHORITY_ITSELF, COMMON_NAME_ALONE, VERSION_1] {
        for host in ["other", "127.0.0.1"] {
            let mut stage = Stage::new(client(&trusting(pem)), broker(pem, &TLS13), host);
            let failure = stage.shake().unwrap_err();
            assert_eq!(failure.kind(), TlsFailureKind::Certificate, "{host}: {failure}");
            assert!(failure.to_string().contains(host), "{failure}");
        }
        let unchecked = client(&trusting(pem).names_unchecked());
        Stage::new(unchecked, broker(pem, &TLS13), "other").shake().unwrap();
    }
}

// SE33
#[test]
fn a_certificate_in_the_trust_store_has_dates_all_the_same() {
    let authority = Authority::new();
    let expired = authority.issue(&["broker"], |params| params.not_after = date_time_ymd(2002, 3, 4));
    let early = authority.issue(&["broker"], |params| params.not_before = date_time_ymd(2101, 1, 1));
    for (issued, words) in [(expired, "expired on 2002-03-04"), (early, "not valid before 2101-01-01")] {
        let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
        let broker = serving_with(issued.chain.clone(), key, rustls::DEFAULT_VERSIONS);
        let failure = Stage::new(client(&trusting(&issued.pem)), broker, "broker").shake().unwrap_err();
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

// SE33
#[test]
fn a_broker_that_has_the_certificate_and_not_its_key_is_refused() {
    for version in [&TLS12, &TLS13] {
        for pem in [AUTHORITY_ITSELF, VERSION_1] {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let other = Authority::new().issue(&["broker"], |_| ());
            let key = PrivateKeyDer::try_from(other.key.serialize_der()).unwrap();
            let broker = serving_with(vec![certificate], key, &[version]);
            let failure = Stage::new(client(&trusting(pem)), broker, "broker").shake().unwrap_err();
            assert_eq!(failure.kind(), TlsFailureKind::Certificate, "{failure}");
        }
    }
}

// SE33
#[test]
fn a_certificate_that_is_another_or_with_the_setting_off_is_refused_with_what_to_do() {
    let off = |pem| client(&trusting(pem).trusting_directly(false));
    for (client, pem, words) in [
        (off(AUTHORITY_ITSELF), AUTHORITY_ITSELF, "CA:TRUE"),
        (off(VERSION_1), VERSION_1, "version 1"),
        (client(&trusting(VERSION_1)), AUTHORITY_ITSELF, ""),
        (client(&Authority::new().trusted()), VERSION_1, "version 1"),
    ] {
        let failure = Stage::new(client, broker(pem, &TLS13), "broker").shake().unwrap_err();
        assert_eq!(failure.kind(), TlsFailureKind::Certificate, "{failure}");
        assert!(failure.to_string().contains(words), "{failure}");
    }
}
