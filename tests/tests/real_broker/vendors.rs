//! The files that services hand to their customers (A6), each against a listener that is set up as the service is. Unchanged but
//! for what is of one place: names of hosts, paths of files, certificates, the realm. Amazon's IAM has no broker outside of Amazon;
//! `double_msk_iam` has its files.

use std::fs;
use std::path::Path;

use kp_producer::ProducerConfig;
use kp_tests::java_reader::read_topics;
use tempfile::TempDir;
use xtask::kafka::{KafkaCluster, STORE_PASSWORD};

use crate::secured_cluster::{CLUSTERS, assert_whole, deliver};
use crate::turn;

/// A service: its file, the listener that is like it, and whom the broker takes its client for.
type Vendor = (&'static str, &'static str, &'static str);

/// Certificates of these are signed by an authority of the system's; ours is none, so their files get a trust store more.
const OF_PUBLIC_AUTHORITIES: &[Vendor] = &[
    ("confluent-cloud", "SASL_SSL", "User:CLUSTERAPIKEY"),
    ("confluent-cloud-oauth", "OIDC", "User:kp-oidc"),
    ("event-hubs", "SASL_SSL", "User:$ConnectionString"),
    ("msk-scram", "SASL_SSL", "User:alice"),
    ("redpanda", "SASL_SSL", "User:alice"),
    ("cloudera", "KERBEROS_SSL", "User:kafka-client-1"),
];

const OF_THEIR_OWN_AUTHORITY: &[Vendor] = &[
    ("aiven-scram", "SASL_SSL", "User:avnadmin"),
    ("aiven-mtls", "MTLS", "User:CN=kp-client"),
    ("msk-mtls", "MTLS", "User:CN=kp-client"),
    ("strimzi", "MTLS", "User:CN=kp-client"),
    ("strimzi-scram", "SASL_SSL", "User:my-user"),
    ("heroku", "MTLS", "User:CN=kp-client"),
    ("librdkafka-mtls", "MTLS", "User:CN=kp-client"),
];

const WITHOUT_TLS: &[Vendor] =
    &[("databricks-shaded", "SASL_PLAINTEXT", "User:alice"), ("librdkafka", "SASL_PLAINTEXT", "User:alice")];

/// What is where on this machine.
struct Place<'a> {
    cluster: &'a KafkaCluster,
    /// Of this test's own files.
    dir: &'a Path,
}

impl Place<'_> {
    fn certificate(&self, name: &str) -> String {
        self.cluster.certificates().join(name).display().to_string()
    }

    /// The lines between the first header and footer of a PEM file, as a `.properties` file goes on over lines.
    fn inline(&self, name: &str) -> String {
        let text = fs::read_to_string(self.certificate(name)).expect("a file of PEM");
        let lines = text.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
        lines.take_while(|line| !line.starts_with("-----END")).collect::<Vec<_>>().join(" \\\n")
    }

    /// What stands in files of vendors for something of their place, and what is here.
    fn replaced(&self) -> Vec<(&'static str, String)> {
        let password = self.dir.join("user.password");
        fs::write(&password, STORE_PASSWORD).expect("a temporary file");
        let mut replaced = vec![
            // Longer names before those that are a part of them.
            ("/tmp/kafka.client.truststore.jks", self.certificate("truststore.jks")),
            ("/tmp/kafka.client.keystore.jks", self.certificate("client.jks")),
            ("client.truststore.jks", self.certificate("truststore.jks")),
            ("client.keystore.p12", self.certificate("client.p12")),
            ("/opt/kafka/cluster-ca/ca.crt", self.certificate("ca.pem")),
            ("/opt/kafka/cluster-ca/ca.p12", self.certificate("truststore.p12")),
            ("/opt/kafka/user/user.p12", self.certificate("client.p12")),
            ("/opt/kafka/user/user.password", password.display().to_string()),
            ("/etc/ssl/ca.pem", self.certificate("ca.pem")),
            ("/etc/ssl/client.pem", self.certificate("client.pem")),
            ("/etc/ssl/client.key", self.certificate("client.key")),
            ("MIIB", self.inline("ca.pem")),
            ("MIIC", self.inline("client.pem")),
            ("MIIE", self.inline("client.key")),
        ];
        let issuer = self.cluster.issuer().expect("it has an issuer");
        replaced.push(("https://idp.example.com/oauth2", issuer));
        let kdc = self.cluster.kdc().expect("MIT's KDC is installed");
        let keytab = kdc.keytab("kafka-client-1").display().to_string();
        replaced.push(("/etc/security/keytabs/kafka_client.keytab", keytab));
        replaced.push(("EXAMPLE.COM", "KP.TEST".to_owned()));
        replaced
    }

    /// The vendor's file for this place; lines further down win.
    fn config(&self, (name, listener, _): Vendor, more: &[(&str, String)]) -> ProducerConfig {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/kp-config/testdata/vendors");
        let mut text = fs::read_to_string(folder.join(format!("{name}.properties"))).expect("its file");
        for (there, here) in self.replaced() {
            text = text.replace(there, &here);
        }
        let bootstrap = self.cluster.bootstrap_at(listener).expect("a listener");
        text += &format!("\nbootstrap.servers={bootstrap}\n");
        more.iter().for_each(|(key, value)| text += &format!("{key}={value}\n"));
        ProducerConfig::from_properties_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// Sends by each vendor's file, as whom the broker must take it for, and reads back.
fn deliver_by_files_of(vendors: &[Vendor], more: impl Fn(&Place<'_>) -> Vec<(&'static str, String)>) {
    let _turn = turn::shared();
    let dir = TempDir::new().expect("a temporary folder");
    for cluster in CLUSTERS.iter() {
        let place = Place { cluster, dir: dir.path() };
        let mut topics = Vec::new();
        for vendor in vendors {
            let topic = format!("of-{}", vendor.0);
            cluster.create_topic(&topic, 3, 1).expect("a topic");
            cluster.let_only(vendor.2, &topic).expect("a rule");
            deliver(place.config(*vendor, &more(&place)), &topic);
            topics.push(topic);
        }
        for (topic, records) in &read_topics(cluster, &topics) {
            assert_whole(topic, records);
        }
    }
}

// A6
#[test]
fn the_files_of_services_with_public_certificates_get_in_with_only_a_trust_store_more() {
    deliver_by_files_of(OF_PUBLIC_AUTHORITIES, |place| {
        let realm = place.cluster.kdc().expect("MIT's KDC is installed").conf();
        vec![
            ("ssl.truststore.location", place.certificate("truststore.jks")),
            ("ssl.truststore.password", STORE_PASSWORD.to_owned()),
            // For a Java client a flag of its JVM.
            ("kp.kerberos.config", realm.display().to_string()),
        ]
    });
}

// A6
#[test]
fn the_files_of_services_with_certificates_of_their_own_get_in_with_nothing_added() {
    deliver_by_files_of(OF_THEIR_OWN_AUTHORITY, |_| Vec::new());
}

// A6
#[test]
fn files_without_tls_get_in_with_nothing_added() {
    deliver_by_files_of(WITHOUT_TLS, |_| Vec::new());
}
