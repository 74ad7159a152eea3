//! The `.properties` of the services that people run, in the form that their guides have (`testdata/vendors`): what each comes to here.
//! Where something is not there yet, its key is named.

use kp_sasl::ScramHash;

use crate::*;

macro_rules! vendor {
    ($name:literal) => {
        include_str!(concat!("../../testdata/vendors/", $name, ".properties"))
    };
}

fn read(text: &str) -> ProducerConfig {
    ProducerConfig::from_properties_str(text).expect("it is a .properties file")
}

fn sasl(text: &str) -> Option<Sasl> {
    read(text).check_security().unwrap_or_else(|error| panic!("{error}")).sasl
}

/// The key that is refused.
fn refused(text: &str) -> String {
    let error = read(text).check().expect_err("kp does not have it yet");
    assert!(matches!(error, ConfigError::NotImplemented { .. }), "{error}");
    error.key().unwrap_or_default().to_owned()
}

// A6
#[test]
fn files_of_services_with_passwords_are_read_as_they_are() {
    for (text, expected) in [
        (vendor!("confluent-cloud"), Sasl::plain("CLUSTERAPIKEY", "cluster/api+secret==")),
        (vendor!("msk-scram"), Sasl::scram_sha512("alice", "alice-secret")),
        (vendor!("aiven-scram"), Sasl::scram_sha256("avnadmin", "AVNS_alice-secret")),
        (vendor!("redpanda"), Sasl::scram_sha256("alice", "alice-secret")),
        (
            vendor!("event-hubs"),
            Sasl::plain(
                "$ConnectionString",
                "Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;\
                 SharedAccessKey=a/b+c=",
            ),
        ),
    ] {
        let validated = read(text).validate().unwrap_or_else(|error| panic!("{error}"));
        let security = validated.settings.security;
        assert_eq!((security.protocol, security.sasl), (SecurityProtocol::SaslSsl, Some(expected)), "{text}");
        assert!(security.tls.is_some_and(|tls| tls.checks_names()));
    }
}

// A6
#[test]
fn files_without_tls_work_as_they_are() {
    for (text, expected) in [
        (vendor!("databricks-shaded"), Sasl::plain("alice", "alice-secret")),
        (vendor!("librdkafka"), Sasl::scram_sha512("alice", "alice-secret")),
    ] {
        let validated = read(text).validate().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(validated.settings.security.protocol, SecurityProtocol::SaslPlaintext);
        assert_eq!(validated.settings.security.sasl, Some(expected), "{text}");
    }
    let Some(Sasl::Scram { hash, .. }) = sasl(vendor!("librdkafka")) else { panic!("SCRAM") };
    assert_eq!(hash, ScramHash::Sha512);
}

// A6
#[test]
fn files_of_amazon_msk_with_iam_are_read_as_they_are() {
    assert_eq!(sasl(vendor!("msk-iam")), Some(Sasl::MskIam(MskIam::new())));
    assert_eq!(sasl(vendor!("msk-iam-oauth")), Some(Sasl::MskIam(MskIam::new().as_token())));
    for text in [vendor!("msk-iam"), vendor!("msk-iam-oauth")] {
        // Their handlers are not warned of: what they do is done.
        let validated = read(text).validate().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(validated.warnings, [], "{text}");
    }
}

// A6
#[test]
fn files_of_services_whose_way_to_log_in_comes_later_name_the_key() {
    assert_eq!(refused(vendor!("confluent-cloud-oauth")), "sasl.oauthbearer.token.endpoint.url");
}

// A6
#[test]
fn a_file_of_cloudera_is_read_as_it_is() {
    let keytab = Kerberos::keytab("/etc/security/keytabs/kafka_client.keytab", "kafka-client-1@EXAMPLE.COM");
    assert_eq!(sasl(vendor!("cloudera")), Some(Sasl::kerberos(keytab)));
}
