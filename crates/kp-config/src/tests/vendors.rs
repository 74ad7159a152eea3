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
fn the_file_of_a_service_with_a_token_endpoint_is_read_as_it_is() {
    let Some(Sasl::Oidc(login)) = sasl(vendor!("confluent-cloud-oauth")) else { panic!("an endpoint") };
    let extensions = [("logicalCluster", "lkc-1"), ("identityPoolId", "pool-1")];
    let expected = Oidc::new("https://idp.example.com/oauth2/token")
        .client("client-id", "client/secret==")
        .scope("kafka")
        .extensions(SaslExtensions::new(extensions).expect("extensions"));
    assert_eq!(*login, expected);
}

// A6
#[test]
fn files_of_services_with_certificates_are_read_as_they_are() {
    let java = Trust::java_store("client.truststore.jks", "changeit");
    for (text, trust, identity) in [
        (
            vendor!("aiven-mtls"),
            java,
            Some(Identity::pkcs12("client.keystore.p12", "changeit").key_password("changeit")),
        ),
        (
            vendor!("msk-mtls"),
            // A file without a password; what is in it is told by its content.
            Trust::pem_file("/tmp/kafka.client.truststore.jks"),
            Some(Identity::java_store("/tmp/kafka.client.keystore.jks", "changeit").key_password("changeit")),
        ),
        (vendor!("strimzi-scram"), Trust::java_store("/opt/kafka/cluster-ca/ca.p12", "changeit"), None),
        (
            vendor!("heroku"),
            Trust::pem("-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----"),
            Some(Identity::pem(
                "-----BEGIN CERTIFICATE----- MIIC -----END CERTIFICATE-----",
                "-----BEGIN PRIVATE KEY----- MIIE -----END PRIVATE KEY-----",
            )),
        ),
    ] {
        let validated = read(text).validate().unwrap_or_else(|error| panic!("{error}"));
        let tls = validated.settings.security.tls.clone().expect("it asks for TLS");
        assert_eq!((tls.trusted(), tls.shown()), (&trust, identity.as_ref()), "{text}");
        // Heroku's certificates are for no host.
        assert_eq!(tls.checks_names(), !text.contains("algorithm=\n"), "{text}");
        let secrets = format!("{validated:?}");
        assert!(!secrets.contains("changeit") && !secrets.contains("MIIE"), "{secrets}");
    }
    let librdkafka = read(vendor!("librdkafka-mtls")).validate().unwrap_or_else(|error| panic!("{error}"));
    let tls = librdkafka.settings.security.tls.expect("it asks for TLS");
    assert_eq!(
        tls.shown(),
        Some(&Identity::pem_files("/etc/ssl/client.pem", "/etc/ssl/client.key").key_password("changeit"))
    );
    // The file with the password is not here.
    let strimzi = read(vendor!("strimzi")).check().expect_err("its password stands in a file of its machine");
    assert_eq!(strimzi.key(), Some("ssl.keystore.password"));
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
fn a_file_of_cloudera_is_read_as_it_is() {
    let keytab = Kerberos::keytab("/etc/security/keytabs/kafka_client.keytab", "kafka-client-1@EXAMPLE.COM");
    assert_eq!(sasl(vendor!("cloudera")), Some(Sasl::kerberos(keytab)));
}
