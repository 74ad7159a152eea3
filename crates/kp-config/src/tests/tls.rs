//! The keys of TLS: what they come to, and what is wrong with them.

use super::{config, refused, rule, warned, warnings};
use crate::*;

const SSL: (&str, &str) = ("security.protocol", "SSL");

fn tls(pairs: &[(&str, &str)]) -> Tls {
    let config = config(&[&[SSL], pairs].concat());
    config.check_security().unwrap().tls.expect("it was asked for")
}

fn with<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[SSL], pairs].concat()
}

fn spoken(pairs: &[(&str, &str)]) -> Vec<&'static str> {
    tls(pairs).versions().map(TlsVersion::name).collect()
}

#[test]
fn the_protocol_alone_is_tls_as_it_should_be() {
    assert_eq!(tls(&[]), Tls::new());
    let both =
        config(&[("security.protocol", "sasl_ssl")]).sasl(Sasl::plain("a", "b")).check_security().unwrap();
    assert_eq!((both.protocol, both.tls), (SecurityProtocol::SaslSsl, Some(Tls::new())));
    assert!(config(&[]).check_security().unwrap().tls.is_none());
}

// SE38, SE39
#[test]
fn stores_and_what_opens_them_are_taken_from_javas_keys() {
    let java = tls(&[
        ("ssl.truststore.location", "/ca.jks"),
        ("ssl.truststore.password", "ts"),
        ("ssl.keystore.location", "/client.p12"),
        ("ssl.keystore.type", "PKCS12"),
        ("ssl.keystore.password", "ks"),
        ("ssl.key.password", "kp"),
    ]);
    assert_eq!(java.trusted(), &Trust::java_store("/ca.jks", "ts"));
    assert_eq!(java.shown(), Some(&Identity::pkcs12("/client.p12", "ks").key_password("kp")));
    let inline = tls(&[
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", "-----BEGIN"),
        ("ssl.keystore.type", "pem"),
        ("ssl.keystore.certificate.chain", "-----BEGIN C"),
        ("ssl.keystore.key", "-----BEGIN K"),
    ]);
    assert_eq!(inline.trusted(), &Trust::pem("-----BEGIN"));
    assert_eq!(inline.shown(), Some(&Identity::pem("-----BEGIN C", "-----BEGIN K")));
}

// A8
#[test]
fn librdkafkas_names_mean_what_they_mean_there() {
    let files = tls(&[
        ("ssl.ca.location", "/ca.pem"),
        ("ssl.certificate.location", "/c.pem"),
        ("ssl.key.location", "/k.pem"),
        ("ssl.key.password", "kp"),
    ]);
    let Trust::Store(store) = files.trusted() else { panic!("{files:?}") };
    assert_eq!((store.key(), store.content()), ("ssl.ca.location", &StoreContent::File("/ca.pem".into())));
    assert_eq!(files.shown(), Some(&Identity::pem_files("/c.pem", "/k.pem").key_password("kp")));
    let inline = tls(&[("ssl.certificate.pem", "C"), ("ssl.key.pem", "K"), ("ssl.ca.pem", "A")]);
    let Some(Identity::Parts { chain, key }) = inline.shown() else { panic!("{inline:?}") };
    assert_eq!((chain.key(), key.key()), ("ssl.certificate.pem", "ssl.key.pem"));
    assert_eq!(tls(&[("ssl.ca.location", "probe")]).trusted(), &Trust::System);
    let unchecked = refused(&with(&[("enable.ssl.certificate.verification", "false")]));
    assert!(unchecked.to_string().contains("no key switches"), "{unchecked}");
    assert!(warnings(&with(&[("enable.ssl.certificate.verification", "true")])).is_empty());
}

// V8
#[test]
fn each_part_stands_in_one_place_and_none_is_missing() {
    for pairs in [
        &[("ssl.ca.location", "f"), ("ssl.truststore.location", "f")][..],
        &[("ssl.ca.location", "f"), ("ssl.ca.pem", "p")],
        &[("ssl.keystore.location", "f"), ("ssl.key.location", "f")],
        &[("ssl.keystore.location", "f"), ("ssl.certificate.pem", "f")],
        &[("ssl.certificate.location", "f")],
        &[("ssl.key.pem", "f")],
        &[("ssl.truststore.password", "p")],
        &[("ssl.keystore.password", "p")],
    ] {
        assert_eq!(rule(&with(pairs)), "V8", "{pairs:?}");
    }
}

// SE36
#[test]
fn versions_are_those_that_are_enabled_up_to_the_protocol() {
    assert_eq!(spoken(&[]), ["TLSv1.2", "TLSv1.3"]);
    assert_eq!(spoken(&[("ssl.enabled.protocols", "TLSv1.3")]), ["TLSv1.3"]);
    assert_eq!(spoken(&[("ssl.protocol", "TLSv1.2")]), ["TLSv1.2"]);
    assert_eq!(spoken(&[("ssl.protocol", "TLS"), ("ssl.enabled.protocols", "")]), ["TLSv1.2", "TLSv1.3"]);
    let old = [("ssl.enabled.protocols", "TLSv1.2,TLSv1.1,TLSv1")];
    assert_eq!(spoken(&old), ["TLSv1.2"]);
    assert!(warned(&with(&old), "ssl.enabled.protocols").contains("TLSv1.1, TLSv1 is left out"));
    for pairs in
        [("ssl.enabled.protocols", "TLSv1.1"), ("ssl.protocol", "SSLv3"), ("ssl.protocol", "TLSv1.4")]
    {
        let error = refused(&with(&[pairs]));
        assert!(error.key() == Some(pairs.0) && error.to_string().contains(pairs.1), "{error}");
    }
    assert_eq!(rule(&with(&[("ssl.protocol", "TLSv1.2"), ("ssl.enabled.protocols", "TLSv1.3")])), "V8");
}

// A9
#[test]
fn the_check_of_names_is_switched_off_by_an_empty_value_alone_and_told() {
    let key = "ssl.endpoint.identification.algorithm";
    assert!(tls(&[(key, "HTTPS")]).checks_names());
    assert!(!tls(&[(key, "")]).checks_names());
    assert!(warned(&with(&[(key, "")]), key).contains("any host"));
    assert_eq!(refused(&with(&[(key, "LDAPS")])).key(), Some(key));
}

// V11
#[test]
fn typed_calls_and_keys_do_not_say_the_same_twice() {
    let typed = config(&[]).security(Security::tls(Tls::new().trust(Trust::pem_file("/ca.pem"))));
    let came_to = typed.check_security().unwrap();
    assert_eq!(came_to.protocol, SecurityProtocol::Ssl);
    assert_eq!(came_to.tls.unwrap().trusted(), &Trust::pem_file("/ca.pem"));
    let with_sasl = typed.clone().sasl(Sasl::plain("a", "b")).check_security().unwrap();
    assert_eq!(with_sasl.protocol, SecurityProtocol::SaslSsl);
    let twice = config(&[("ssl.ca.location", "f")]).security(Security::tls(Tls::new()));
    assert_eq!(twice.check_security().unwrap_err().key(), Some("ssl.ca.location"));
    let contradicts = config(&[("security.protocol", "PLAINTEXT")]).security(Security::tls(Tls::new()));
    assert_eq!(contradicts.check_security().unwrap_err().key(), Some("security.protocol"));
}

#[test]
fn keys_of_a_jvm_and_keys_without_tls_are_warned_about() {
    assert!(warned(&with(&[("ssl.provider", "SunJSSE")]), "ssl.provider").contains("rustls"));
    assert!(warned(&[("ssl.protocol", "TLSv1.2")], "ssl.protocol").contains("nothing is encrypted"));
    assert!(warned(&[("ssl.ca.pem", "x")], "ssl.ca.pem").contains("nothing is encrypted"));
}

// A11
#[test]
fn a_password_of_a_store_can_stand_elsewhere() {
    let refusal = refused(&with(&[
        ("ssl.keystore.location", "f"),
        ("ssl.keystore.password", "${file:/nowhere/at/all}"),
    ]));
    assert_eq!(refusal.key(), Some("ssl.keystore.password"));
}
