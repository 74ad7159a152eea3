//! Kerberos against MIT's KDC and a listener of Apache Kafka: keytabs with each type of key, a cache of `kinit`, tickets that end.
//! Needs Java 17, Maven, openssl and MIT's KDC.
//!
//! Kafka 4.3.0 unless `KP_FULL=1`: then 3.9.1 too.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kp_producer::blocking::Producer;
use kp_producer::config::{Kerberos, KerberosSource};
use kp_producer::{ProducerConfig, ProducerRecord, Sasl, Security};
use kp_tests::java_reader::read_topics;
use xtask::kafka::{KafkaCluster, Kdc, Options, SecuredOptions};

use crate::turn;

const LISTENER: &str = "SASL_PLAINTEXT";

/// The KDC, and one broker of each version; they end with this process.
static REALM: LazyLock<(Kdc, Vec<KafkaCluster>)> = LazyLock::new(|| {
    let kdc = Kdc::start().expect("the KDC starts");
    let older: &[&str] = if std::env::var_os("KP_FULL").is_some() { &["3.9.1"] } else { &[] };
    let clusters = ["4.3.0"].iter().chain(older).map(|version| start(version, &kdc)).collect();
    (kdc, clusters)
});

fn start(version: &str, kdc: &Kdc) -> KafkaCluster {
    let keytab = kdc.keytab("kafka");
    let login = format!(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true doNotPrompt=true keyTab=\"{}\" \
         principal=\"kafka/localhost@KP.TEST\";",
        keytab.display()
    );
    let options = Options { version: version.to_owned(), ..Options::default() }
        .secured(SecuredOptions::Named(vec![LISTENER]))
        .setting("listener.name.sasl_plaintext.sasl.enabled.mechanisms", "GSSAPI")
        .setting("listener.name.sasl_plaintext.gssapi.sasl.jaas.config", &login)
        .setting("listener.name.sasl_plaintext.gssapi.connections.max.reauth.ms", "3000")
        .setting("sasl.kerberos.service.name", "kafka")
        .java_flag(&format!("-Djava.security.krb5.conf={}", kdc.conf().display()));
    KafkaCluster::start(&options).expect("Kafka starts")
}

fn config(cluster: &KafkaCluster, kerberos: Kerberos) -> ProducerConfig {
    ProducerConfig::default()
        .bootstrap_servers(cluster.bootstrap_at(LISTENER).expect("a listener"))
        .security(Security::plaintext())
        .sasl(Sasl::kerberos(kerberos.config(REALM.0.conf())))
}

/// Sends `records` records, one every `pause`, and reads them back with Java's consumer.
fn deliver(
    cluster: &KafkaCluster,
    topic: &str,
    user: &str,
    kerberos: Kerberos,
    records: usize,
    pause: Duration,
) {
    cluster.create_topic(topic, 1, 1).expect("a topic");
    cluster.let_only(&format!("User:{user}"), topic).expect("a rule");
    let producer =
        Producer::new(config(cluster, kerberos)).unwrap_or_else(|error| panic!("{topic}: {error}"));
    for number in 0..records {
        let text = number.to_string();
        let record = ProducerRecord::to(topic).key("k").value(&text);
        let delivery = producer.send(record).unwrap_or_else(|error| panic!("{topic}: {error}"));
        delivery.wait().unwrap_or_else(|error| panic!("{topic}: {error}"));
        std::thread::sleep(pause);
    }
    let closed = producer.close(Duration::from_secs(10)).expect("it ends");
    assert_eq!(closed.undelivered, 0, "{topic}");
    let read = read_topics(cluster, &[topic.to_owned()]);
    let values: Vec<_> = read[topic].iter().map(|record| record.value.clone()).collect();
    assert_eq!(values, (0..records).map(|number| number.to_string()).collect::<Vec<_>>(), "{topic}");
}

// SE15
#[test]
fn a_client_with_a_keytab_of_each_type_and_one_with_a_ticket_of_kinit_deliver() {
    let _turn = turn::shared();
    let (kdc, clusters) = &*REALM;
    for cluster in clusters {
        for user in ["kp18", "kp17", "kp20"] {
            let kerberos = Kerberos::keytab(kdc.keytab(user), user);
            deliver(cluster, user, user, kerberos, 20, Duration::ZERO);
        }
        let cache = kdc.ticket_cache("kp18").expect("kinit logs in");
        deliver(cluster, "cache", "kp18", Kerberos::ticket_cache(cache), 20, Duration::ZERO);
    }
}

// SE48, SE19
#[test]
fn a_client_whose_tickets_end_after_20_seconds_delivers_for_a_minute_over_sessions_of_three() {
    // It takes no turn: it waits nearly all of its time, and four records a second disturb no other test.
    let (kdc, clusters) = &*REALM;
    let kerberos =
        Kerberos::keytab(kdc.keytab("shorty"), "shorty").least_between_logins(Duration::from_secs(1));
    deliver(&clusters[0], "shorty", "shorty", kerberos, 240, Duration::from_millis(250));
}

// SE15, H62
#[test]
fn a_service_that_the_kdc_does_not_know_is_told_by_its_name_at_once() {
    let _turn = turn::shared();
    let (kdc, clusters) = &*REALM;
    let source = KerberosSource::Keytab { path: Some(kdc.keytab("kp18")), principal: None };
    let kerberos = Kerberos::of(source).service("nobody");
    let producer = Producer::new(config(&clusters[0], kerberos)).expect("a producer");
    let started = Instant::now();
    let refused = producer.send(ProducerRecord::to("kp18").value("x")).expect_err("no ticket").to_string();
    assert!(refused.contains("KDC_ERR_S_PRINCIPAL_UNKNOWN (7) for nobody/localhost@KP.TEST"), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(30), "not after max.block.ms");
}
