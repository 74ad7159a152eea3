//! Every way into a secured Apache Kafka, with the files of client properties that a Java client takes as well: records are
//! read back by Java's consumer, who came in is judged by the broker's own authorizer. Needs Java 17, Maven, openssl and MIT's KDC.
//!
//! Kafka 4.3.0 unless `KP_FULL=1`: then 3.9.1 too, and 0.9.0.1 over TLS and by Kerberos.

use std::time::{Duration, Instant};

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord, SecurityStage, SendErrorKind};
use kp_sim::conformance::{self, Door, SaslCaseResult};

use crate::secured_cluster::{
    CLUSTERS, RECORDS, Way, assert_told, config, deliver, deliver_and_read_back, jaas, lines_of_records,
    start,
};
use crate::turn;

/// Those of whom no certificate is asked are taken for the broker's super user here, so that anyone may write.
const TLS: &[Way] = &[
    ("ssl", "User:ANONYMOUS"),
    ("tls12", "User:ANONYMOUS"),
    ("ec", "User:ANONYMOUS"),
    ("chain", "User:ANONYMOUS"),
    ("self_signed", "User:ANONYMOUS"),
    ("mtls", "User:CN=kp-client"),
    ("mtls-stores", "User:CN=kp-client"),
    ("mtls_asked", "User:CN=kp-client"),
];

const LOGINS_OVER_TLS: &[Way] = &[
    ("sasl_ssl-plain", "User:alice"),
    ("sasl_ssl-plain-stores", "User:alice"),
    ("sasl_ssl-scram-sha-256", "User:alice"),
    ("sasl_ssl-scram-sha-512", "User:alice"),
    ("sasl_ssl-scram-sha-512-stores", "User:alice"),
    ("sasl_ssl-oauthbearer", "User:alice"),
    ("reauth_ssl-plain", "User:alice"),
    ("reauth_ssl-scram-sha-256", "User:alice"),
    ("reauth_ssl-scram-sha-512", "User:alice"),
    ("reauth_ssl-oauthbearer", "User:alice"),
    ("oidc-oauthbearer", "User:kp-oidc"),
    ("kerberos_ssl-gssapi", "User:kp18"),
];

const LOGINS_WITHOUT_TLS: &[Way] = &[
    ("sasl_plaintext-plain", "User:alice"),
    ("sasl_plaintext-scram-sha-256", "User:alice"),
    ("sasl_plaintext-scram-sha-512", "User:alice"),
    ("sasl_plaintext-oauthbearer", "User:alice"),
    ("reauth-plain", "User:alice"),
    ("reauth-scram-sha-256", "User:alice"),
    ("reauth-scram-sha-512", "User:alice"),
    ("reauth-oauthbearer", "User:alice"),
    ("oidc_reauth-oauthbearer", "User:kp-oidc"),
    ("kerberos-gssapi", "User:kp18"),
    ("kerberos_reauth-gssapi", "User:kp18"),
];

// SE33, SE36, SE39, H8
#[test]
fn each_way_over_tls_delivers_with_each_codec_and_shows_its_certificate_where_it_is_asked_for() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        deliver_and_read_back(cluster, TLS);
    }
}

// SE9, SE10, SE11, SE14, SE18, SE39
#[test]
fn each_login_over_tls_delivers_with_each_codec_as_the_user_it_names() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        deliver_and_read_back(cluster, LOGINS_OVER_TLS);
    }
}

// SE9, SE10, SE11, SE14, SE18
#[test]
fn each_login_without_tls_delivers_with_each_codec_as_the_user_it_names() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        deliver_and_read_back(cluster, LOGINS_WITHOUT_TLS);
    }
}

/// A way in that is refused: its file, further lines, and words of what is told.
type Refusal<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

// SE9, SE25, SE26
#[test]
fn a_login_that_is_refused_is_told_within_a_second_with_the_key_to_change() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let (plain, scram) = ("sasl_plaintext-plain", "sasl_plaintext-scram-sha-512");
        let wrong = jaas("plain.PlainLoginModule", "alice", "wrong-secret");
        let words = ["localhost", "(58)", "Invalid username or password", "sasl.jaas.config"];
        let started = Instant::now();
        assert_told(cluster, plain, &[("sasl.jaas.config", &wrong)], &words);
        // Before, three seconds went by at each of the two calls.
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        for user in ["alice", "unheard-of"] {
            let wrong = jaas("scram.ScramLoginModule", user, "wrong-secret");
            let words = ["localhost", "(58)", "SCRAM-SHA-512", "sasl.jaas.config"];
            assert_told(cluster, scram, &[("sasl.jaas.config", &wrong)], &words);
        }
    }
}

// SE30
#[test]
fn a_client_with_a_login_at_a_listener_of_another_kind_is_told_to_look_at_security_protocol() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let plain = "sasl_plaintext-plain";
        let without = cluster.bootstrap();
        assert_told(
            cluster,
            plain,
            &[("bootstrap.servers", &without)],
            &["security.protocol", "without SASL"],
        );
        let encrypted = cluster.bootstrap_at("SSL").expect("a listener");
        let words = ["security.protocol", "a TLS listener"];
        assert_told(cluster, plain, &[("bootstrap.servers", &encrypted)], &words);
        assert_told(
            cluster,
            plain,
            &[("bootstrap.servers", &encrypted), ("security.protocol", "PLAINTEXT")],
            &words,
        );
    }
}

/// The broker has answered each case as the double does.
fn assert_alike(results: &[SaslCaseResult]) {
    let different: Vec<String> =
        results.iter().filter(|result| result.outcome.is_err()).map(ToString::to_string).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

// SE17
#[test]
fn a_delegation_token_logs_in_as_the_user_that_it_was_made_for() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let file = cluster.client_file("sasl_plaintext-scram-sha-256").expect("a file");
        let bootstrap = cluster.bootstrap_at("SASL_PLAINTEXT").expect("a listener");
        let file = file.display().to_string();
        let args = ["--bootstrap-server", &bootstrap, "--command-config", &file, "--create"];
        let args =
            [&args[..], &["--max-life-time-period", "-1", "--renewer-principal", "User:alice"]].concat();
        let said = cluster.tool("org.apache.kafka.tools.DelegationTokenCommand", &args).expect("a token");
        let said = String::from_utf8_lossy(&said).into_owned();
        let lines = said.lines().skip_while(|line| !line.starts_with("TOKENID"));
        let made: Vec<&str> = lines.skip(1).flat_map(str::split_whitespace).take(2).collect();
        let [id, hmac] = made[..] else { panic!("no token: {said}") };
        let login = jaas("scram.ScramLoginModule", id, hmac).replace(';', " tokenauth=\"true\";");
        for (way, topic) in
            [("sasl_plaintext-scram-sha-256", "by-token-256"), ("sasl_ssl-scram-sha-512", "by-token-512")]
        {
            cluster.create_topic(topic, 3, 1).expect("a topic");
            cluster.let_only("User:alice", topic).expect("a rule");
            deliver(config(cluster, way, &[("sasl.jaas.config", &login)]), topic);
        }
        // The broker has heard of the token by now.
        let address = bootstrap.replace("localhost", "127.0.0.1").parse().expect("an address");
        assert_alike(&conformance::run_delegation(address, id, &hmac.into()).expect("it answers"));
        // Without the extension it is a user that there is not.
        let without = login.replace(" tokenauth=\"true\"", "");
        let words = ["(58)", "SCRAM-SHA-256"];
        assert_told(cluster, "sasl_plaintext-scram-sha-256", &[("sasl.jaas.config", &without)], &words);
    }
}

// SE50
#[test]
fn who_may_not_write_to_a_topic_is_told_at_once_and_the_topic_is_named() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let topic = "of-bob";
        cluster.create_topic(topic, 1, 1).expect("a topic");
        cluster.let_only("User:bob", topic).expect("a rule");
        let bob = jaas("scram.ScramLoginModule", "bob", "bob-secret");
        deliver(config(cluster, "sasl_plaintext-scram-sha-256", &[("sasl.jaas.config", &bob)]), topic);
        let alice = config(cluster, "sasl_plaintext-scram-sha-256", &[("max.block.ms", "60000")]);
        let alice = Producer::new(alice).expect("the settings are lawful");
        let started = Instant::now();
        let told = alice.send(ProducerRecord::to(topic).value("v")).err().map(|error| error.to_string());
        let told = told.unwrap_or_else(|| panic!("a record was taken"));
        assert!(told.contains("TOPIC_AUTHORIZATION_FAILED") && told.contains(topic), "{told}");
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

// SE1, SE2, SE4, SE8, SE9, SE10, SE11, SE14, SE18, SE20, SE21, SE22
#[test]
fn the_broker_answers_every_case_about_logins_as_the_double_does() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let port_of = |listener| {
            let bootstrap = cluster.bootstrap_at(listener).expect("a listener");
            bootstrap.replace("localhost", "127.0.0.1")
        };
        let doors = [
            (Door::Open, cluster.bootstrap()),
            (Door::Login, port_of("SASL_PLAINTEXT")),
            (Door::Sessions, port_of("REAUTH")),
        ];
        let mut asked = 0;
        for (door, address) in doors {
            let results =
                conformance::run_sasl(address.parse().expect("an address"), door).expect("it answers");
            asked += results.len();
            assert_alike(&results);
        }
        eprintln!("    {asked} cases about logins");
    }
}

// SE33, H1, H2, H3, H4, H5, H6, H7, H8
#[test]
fn a_certificate_that_is_not_good_is_told_at_once_with_what_is_wrong_with_it() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let by_address =
            cluster.bootstrap_at("DNS_ONLY").expect("a listener").replace("localhost", "127.0.0.1");
        let by_address = [("bootstrap.servers", by_address.as_str())];
        let rows: [Refusal<'_>; 9] = [
            ("expired", &[], &["expired on 2021-01-01", "the clock of this machine"]),
            ("not_yet", &[], &["not valid before 2045-01-01", "the clock of this machine"]),
            ("wrong_host", &[], &["not for localhost", "other.example", "subjectAltName"]),
            ("cn_only", &[], &["no subjectAltName", "CN=localhost"]),
            ("dns_only", &by_address, &["not for 127.0.0.1", "localhost", "subjectAltName"]),
            ("other_ca", &[], &["not signed by the one authority", "ssl.truststore.location", "otherca"]),
            ("client_eku", &[], &["not for servers", "serverAuth"]),
            ("no_chain", &[], &["issued by CN=between", "sent no certificate of its issuer"]),
            ("v1", &[], &["version 1", "subjectAltName"]),
        ];
        let started = Instant::now();
        for (file, more, words) in rows {
            assert_told(cluster, file, more, words);
        }
        // Waiting for `max.block.ms` would take 54 s.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

// SE31, H48, H49
#[test]
fn a_broker_that_refuses_the_clients_certificate_is_told_with_the_keys_of_the_key_store() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let words = ["the broker wants a certificate of this client", "ssl.keystore.location"];
        let mtls = cluster.bootstrap_at("MTLS").expect("a listener");
        assert_told(cluster, "ssl", &[("bootstrap.servers", &mtls)], &words);
        let other = cluster.certificates().join("client-otherca-all.pem").display().to_string();
        let words = ["the broker refused", "certificate"];
        assert_told(cluster, "mtls", &[("ssl.keystore.location", &other)], &words);
    }
}

// SE30, H16
#[test]
fn a_client_of_tls_at_a_listener_without_tls_is_told_to_look_at_security_protocol() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        for bootstrap in [cluster.bootstrap(), cluster.bootstrap_at("SASL_PLAINTEXT").expect("a listener")] {
            let words = ["a listener without TLS", "security.protocol"];
            assert_told(cluster, "ssl", &[("bootstrap.servers", &bootstrap)], &words);
        }
    }
}

/// What waiting calls are told of the listener at `bootstrap`, long before `max.block.ms` is over.
fn told_at_once(config: ProducerConfig, bootstrap: &str) -> String {
    let mut config = config.bootstrap_servers(bootstrap);
    config.set("max.block.ms", "60000").expect("a good value");
    let (producer, started) = (Producer::new(config).expect("the settings are lawful"), Instant::now());
    let connect = producer.connect().expect_err("it is the wrong door").to_string();
    let refused = producer.send(ProducerRecord::to("refused").value("v")).expect_err("it still is");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?} for: {refused}");
    let SendErrorKind::Security(error) = refused.kind() else { panic!("{refused:?}") };
    assert_eq!((error.stage(), error.is_retriable()), (SecurityStage::Connection, false), "{error}");
    assert!(connect.contains(&error.to_string()), "{connect}; {error}");
    error.to_string()
}

// SE26, SE30, H16, H17
#[test]
fn a_listener_of_another_kind_is_asked_what_it_is_and_waiting_calls_are_told_the_value_to_set() {
    let _turn = turn::shared();
    for cluster in CLUSTERS.iter() {
        let at = |listener| cluster.bootstrap_at(listener).expect("a listener");
        let plain = ProducerConfig::default;
        let tls = || config(cluster, "ssl", &[]);
        let rows: [(ProducerConfig, String, &[&str]); 6] = [
            // Without a login, at listeners that want one: each mechanism of the broker's is named.
            (plain(), at("SASL_PLAINTEXT"), &["set security.protocol=SASL_PLAINTEXT and", "SCRAM-SHA-512"]),
            (tls(), at("SASL_SSL"), &["set security.protocol=SASL_SSL and", "PLAIN", "OAUTHBEARER"]),
            // TLS at listeners without, with a login behind it and without one.
            (tls(), cluster.bootstrap(), &["set security.protocol=PLAINTEXT or SASL_PLAINTEXT"]),
            (tls(), at("SASL_PLAINTEXT"), &["set security.protocol=PLAINTEXT or SASL_PLAINTEXT"]),
            // The reverse.
            (plain(), at("SSL"), &["set security.protocol=SSL or SASL_SSL"]),
            (plain(), at("SASL_SSL"), &["set security.protocol=SSL or SASL_SSL"]),
        ];
        for (config, bootstrap, words) in rows {
            let told = told_at_once(config, &bootstrap);
            for word in words {
                assert!(told.contains(word), "{bootstrap}: {word:?} is missing in: {told}");
            }
        }
    }
}

// SE5, SE15, SE36
#[test]
fn a_broker_of_0_9_is_reached_over_tls_and_by_kerberos_with_bare_tokens() {
    if std::env::var_os("KP_FULL").is_none() {
        return;
    }
    let _turn = turn::alone();
    let cluster = start("0.9.0.1");
    for file in ["ssl", "sasl_plaintext-gssapi", "sasl_ssl-gssapi"] {
        cluster.create_topic(file, 1, 1).expect("a topic");
        // It takes no ApiVersions and is silent then, so the client says what it meets.
        let old = [("broker.version.fallback", "0.9.0"), ("enable.idempotence", "false")];
        deliver(config(&cluster, file, &old), file);
        let read = cluster.consume(file, RECORDS as u64, &["print.key=true", "key.separator=\t"]);
        let read = String::from_utf8(read.expect("the console consumer runs")).expect("text");
        assert_eq!(read, lines_of_records(), "{file}");
    }
    cluster.stop().expect("Kafka stops");
}
