//! Kerberos against MIT's KDC and a listener of Apache Kafka: keytabs with each type of key, a cache of `kinit`, tickets that end.
//! Needs Java 17, Maven, openssl and MIT's KDC.
//!
//! Kafka 4.3.0 unless `KP_FULL=1`: then 3.9.1 too.

use std::time::{Duration, Instant};

use kp_producer::blocking::Producer;
use kp_producer::config::{Kerberos, KerberosSource};
use kp_producer::{ProducerConfig, ProducerRecord, Sasl, Security};
use kp_tests::java_reader::read_topics;
use xtask::kafka::{KafkaCluster, Kdc};

use crate::secured_cluster::CLUSTERS;
use crate::turn;

/// Kerberos with sessions of three seconds.
const LISTENER: &str = "KERBEROS_REAUTH";

fn kdc_of(cluster: &KafkaCluster) -> Kdc {
    cluster.kdc().expect("MIT's KDC is installed: krb5-kdc, krb5-admin-server, krb5-user")
}

fn config(cluster: &KafkaCluster, kerberos: Kerberos) -> ProducerConfig {
    ProducerConfig::default()
        .bootstrap_servers(cluster.bootstrap_at(LISTENER).expect("a listener"))
        .security(Security::plaintext())
        .sasl(Sasl::kerberos(kerberos.config(kdc_of(cluster).conf())))
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
    for cluster in CLUSTERS.iter() {
        let kdc = kdc_of(cluster);
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
    let cluster = &CLUSTERS[0];
    let keytab = kdc_of(cluster).keytab("shorty");
    let kerberos = Kerberos::keytab(keytab, "shorty").least_between_logins(Duration::from_secs(1));
    deliver(cluster, "shorty", "shorty", kerberos, 240, Duration::from_millis(250));
}

// SE15, H62
#[test]
fn a_service_that_the_kdc_does_not_know_is_told_by_its_name_at_once() {
    let _turn = turn::shared();
    let cluster = &CLUSTERS[0];
    let source = KerberosSource::Keytab { path: Some(kdc_of(cluster).keytab("kp18")), principal: None };
    let kerberos = Kerberos::of(source).service("nobody");
    let producer = Producer::new(config(cluster, kerberos)).expect("a producer");
    let started = Instant::now();
    let refused = producer.send(ProducerRecord::to("kp18").value("x")).expect_err("no ticket").to_string();
    assert!(refused.contains("KDC_ERR_S_PRINCIPAL_UNKNOWN (7) for nobody/localhost@KP.TEST"), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(30), "not after max.block.ms");
}

// SE15, SE49
#[test]
fn an_address_gets_a_ticket_by_its_canonical_name_and_by_no_other() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let kdc = kdc_of(cluster);
        let bootstrap = cluster.bootstrap_at(LISTENER).expect("a listener").replace("localhost", "127.0.0.1");
        let by_address = |lookup: &str| {
            let kerberos = Kerberos::keytab(kdc.keytab("kp18"), "kp18");
            let mut config = config(cluster, kerberos).bootstrap_servers(&bootstrap);
            config.set("client.dns.lookup", lookup).expect("a good value");
            Producer::new(config).expect("a producer")
        };
        // The KDC knows kafka/localhost, and no service by the address.
        let refused = by_address("use_all_dns_ips").connect().expect_err("no such service").to_string();
        assert!(refused.contains("KDC_ERR_S_PRINCIPAL_UNKNOWN (7) for kafka/127.0.0.1@KP.TEST"), "{refused}");
        cluster.create_topic("canonical", 1, 1).expect("a topic");
        cluster.let_only("User:kp18", "canonical").expect("a rule");
        let producer = by_address("resolve_canonical_bootstrap_servers_only");
        let delivery = producer.send(ProducerRecord::to("canonical").value("v")).expect("a ticket");
        delivery.wait().expect("it is written");
    }
}
