//! The producer in front of brokers that take IAM as Amazon MSK does, over TCP: what is signed is taken, and a key that is exchanged
//! while the producer runs is the one that the next login signs with.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kp_producer::blocking::Producer;
use kp_producer::config::{AwsCredentials, AwsCredentialsProvider, MskIam, Provided};
use kp_producer::{ProducerConfig, ProducerRecord, Sasl, Secret, Security, SendErrorKind};
use kp_protocol::ApiKey;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions, EmbeddedTls};
use kp_sim::{Fault, SaslSettings, SimMechanism};
use tempfile::TempDir;

const OLD: (&str, &str) = ("AKIDOLD", "old+secret/key");
const NEW: (&str, &str) = ("AKIDNEW", "new+secret/key");

/// A source whose key can be exchanged.
#[derive(Clone)]
struct Vault(Arc<Mutex<(AwsCredentials, u32)>>);

impl Vault {
    fn with((id, secret): (&str, &str)) -> Self {
        Self(Arc::new(Mutex::new((AwsCredentials::new(id, secret).session_token("SESSION/TOKEN+=="), 0))))
    }

    fn exchange(&self, (id, secret): (&str, &str)) {
        self.0.lock().expect("no holder panics").0 = AwsCredentials::new(id, secret);
    }

    fn asked(&self) -> u32 {
        self.0.lock().expect("no holder panics").1
    }
}

impl AwsCredentialsProvider for Vault {
    fn aws_credentials(&self) -> Provided<'_, AwsCredentials> {
        let mut vault = self.0.lock().expect("no holder panics");
        vault.1 += 1;
        Box::pin(std::future::ready(Ok(vault.0.clone())))
    }
}

fn broker(mechanism: SimMechanism, change: impl Fn(SaslSettings) -> SaslSettings) -> EmbeddedBroker {
    let sasl = SaslSettings::new([mechanism]).with_aws_key(OLD.0, OLD.1, "kp-role");
    EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(change(sasl))).expect("free ports")
}

fn producer(broker: &EmbeddedBroker, iam: MskIam) -> Producer {
    let config = ProducerConfig::default()
        .bootstrap_servers(broker.bootstrap())
        .security(Security::plaintext())
        .sasl(Sasl::MskIam(iam.region("eu-central-1")));
    Producer::new(config).expect("the producer is built")
}

fn is_written(producer: &Producer) -> bool {
    let delivery = producer.send(ProducerRecord::to("t").partition(0).value("v"));
    delivery.is_ok_and(|delivery| delivery.wait().is_ok())
}

fn exchange(broker: &EmbeddedBroker, vault: &Vault) {
    let mut cluster = broker.cluster().lock();
    cluster.set_aws_key(OLD.0, None);
    cluster.set_aws_key(NEW.0, Some((Secret::from(NEW.1), "kp-role".to_owned())));
    vault.exchange(NEW);
}

// SE16
#[test]
fn records_are_written_after_a_login_with_iam_in_both_forms() {
    for mechanism in [SimMechanism::AwsMskIam, SimMechanism::OAuthBearer] {
        let broker = broker(mechanism, |sasl| sasl);
        let iam = MskIam::new().credentials(Vault::with(OLD));
        let iam = if mechanism == SimMechanism::OAuthBearer { iam.as_token() } else { iam };
        assert!(is_written(&producer(&broker, iam)), "{mechanism:?}");
    }
}

// U10
#[test]
fn a_key_that_was_exchanged_is_the_one_that_the_next_connection_signs_with() {
    let (broker, vault) = (broker(SimMechanism::AwsMskIam, |sasl| sasl), Vault::with(OLD));
    let producer = producer(&broker, MskIam::new().credentials(vault.clone()));
    assert!(is_written(&producer));
    exchange(&broker, &vault);
    let closing = Fault::Close { api: ApiKey::Produce, carried_out: false };
    broker.cluster().lock().inject(closing, 1);
    assert!(is_written(&producer), "it is sent again over a connection of the new key");
}

// U10
#[test]
fn a_session_is_renewed_with_the_key_of_the_moment_and_on_its_connection() {
    let of_a_second_and_a_half = |sasl: SaslSettings| sasl.with_max_reauth(Duration::from_millis(1500));
    let broker = broker(SimMechanism::AwsMskIam, of_a_second_and_a_half);
    let vault = Vault::with(OLD);
    let producer = producer(&broker, MskIam::new().credentials(vault.clone()));
    assert!(is_written(&producer));
    exchange(&broker, &vault);
    let asked = |api| broker.cluster().lock().requests(api);
    let (logins, connections, keys) =
        (asked(ApiKey::SaslAuthenticate), asked(ApiKey::ApiVersions), vault.asked());
    while asked(ApiKey::SaslAuthenticate) < logins + 2 {
        assert!(is_written(&producer));
    }
    assert_eq!(asked(ApiKey::ApiVersions), connections, "no connection was lost");
    assert!(vault.asked() > keys, "the source was asked for the renewal");
}

#[test]
fn a_key_that_brokers_do_not_know_is_told_to_the_send_that_waits() {
    let broker = broker(SimMechanism::AwsMskIam, |sasl| sasl.with_failure_delay(Duration::ZERO));
    let producer = producer(&broker, MskIam::new().credentials(Vault::with(NEW)));
    let refused = producer.send(ProducerRecord::to("t").value("v")).expect_err("the key is not known");
    assert!(matches!(refused.kind(), SendErrorKind::Security(_)), "{refused}");
    let text = format!("{refused} {refused:?}");
    assert!(text.contains("Access denied") && !text.contains(NEW.1), "{text}");
}

/// Set in the run of this program that has keys of AWS in its environment.
const HAS_KEYS: &str = "KP_TEST_HAS_AWS_KEYS";

/// A broker of TLS and IAM, and its certificate.
fn broker_with_tls(mechanism: SimMechanism) -> (EmbeddedBroker, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = EmbeddedTls::new(provider, certificate.as_bytes(), key.as_bytes()).expect("it can be shown");
    let sasl = SaslSettings::new([mechanism]).with_aws_key(OLD.0, OLD.1, "kp-role");
    let options = EmbeddedOptions::new().with_sasl(sasl).with_tls(tls);
    let broker = EmbeddedBroker::start(options).expect("free ports");
    let (id, address) = broker.addresses().next().expect("one broker");
    broker.cluster().lock().advertise(id, "localhost", address.port()).expect("it is there");
    (broker, certificate)
}

// A6, SE16
#[test]
fn the_files_of_amazon_msk_get_in_unchanged_with_the_keys_of_the_environment() {
    if std::env::var_os(HAS_KEYS).is_none() {
        // The environment of a process is its own from the start, so this test runs itself.
        let mut again = Command::new(std::env::current_exe().expect("this program"));
        let this = "the_files_of_amazon_msk_get_in_unchanged_with_the_keys_of_the_environment";
        again.args(["--exact", this, "--nocapture"]).env(HAS_KEYS, "1").env("AWS_REGION", "eu-central-1");
        again.env("AWS_ACCESS_KEY_ID", OLD.0).env("AWS_SECRET_ACCESS_KEY", OLD.1);
        assert!(again.status().expect("it runs").success());
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/kp-config/testdata/vendors");
    for (name, mechanism) in
        [("msk-iam", SimMechanism::AwsMskIam), ("msk-iam-oauth", SimMechanism::OAuthBearer)]
    {
        let (broker, certificate) = broker_with_tls(mechanism);
        let dir = TempDir::new().expect("a temporary folder");
        let trust = dir.path().join("trust.pem");
        std::fs::write(&trust, certificate).expect("a temporary file");
        let mut text = std::fs::read_to_string(folder.join(format!("{name}.properties"))).expect("its file");
        // Where the broker is, and the authority that is none of the system's; a line further down wins.
        let (_, address) = broker.addresses().next().expect("one broker");
        text += &format!("\nbootstrap.servers=localhost:{}\nssl.truststore.type=PEM\n", address.port());
        text += &format!("ssl.truststore.location={}\n", trust.display());
        let config =
            ProducerConfig::from_properties_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(is_written(&Producer::new(config).expect("the producer is built")), "{name}");
        assert!(broker.cluster().lock().requests(ApiKey::SaslAuthenticate) >= 1, "{name}");
    }
}
