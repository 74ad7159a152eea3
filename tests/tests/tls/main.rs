//! The facade over TLS: from the keys of the configuration to a broker, and back with what went wrong.

#![allow(clippy::disallowed_methods, reason = "a listener on a socket lives in real time")]

mod authority;
mod listener;
mod provided;
mod reported;

use authority::Authority;
use kp_producer::blocking::Producer;
use kp_producer::{
    BuildError, ErrorCode, Identity, ProducerConfig, ProducerRecord, Security, SecurityStage, SendErrorKind,
    Tls, Trust,
};
use listener::TlsListener;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

fn config(bootstrap: &str, pairs: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::default().bootstrap_servers(bootstrap);
    for (key, value) in pairs {
        config.set(*key, *value).expect("a good value");
    }
    config
}

fn producer(config: ProducerConfig) -> Producer {
    Producer::from(kp_producer::Producer::builder(config).build().expect("a good configuration"))
}

/// Sends one record and waits for its place in the log.
fn delivered(producer: &Producer) -> i64 {
    let delivery =
        producer.send(ProducerRecord::to("events").value(b"over TLS")).expect("the cluster is reached");
    delivery.wait().expect("it is acknowledged").offset().expect("brokers tell offsets")
}

/// Waits for metadata, and answers why there is none.
fn refusal(config: ProducerConfig) -> (SendErrorKind, Duration) {
    let (producer, begun) = (producer(config), Instant::now());
    let error = producer.connect().expect_err("the broker is not believed");
    (error.kind().clone(), begun.elapsed())
}

/// What is told at once, long before `max.block.ms`.
fn tls_failure(config: ProducerConfig) -> (String, Option<&'static str>) {
    let (kind, took) = refusal(config);
    let SendErrorKind::Security(error) = &kind else { panic!("{kind:?}") };
    assert_eq!((error.stage(), error.code()), (SecurityStage::TlsHandshake, None::<ErrorCode>));
    assert!(error.broker().starts_with("localhost:") && !error.is_retriable(), "{error}");
    assert!(took < LONG, "{took:?}");
    (error.to_string(), error.advice())
}

// SE36, SE38
#[test]
fn records_are_delivered_over_both_versions_of_tls_by_keys_and_by_typed_calls() {
    let authority = Authority::new("ours");
    for version in [&TLS12, &TLS13] {
        let listener = TlsListener::start(authority.broker("localhost", &[version], false));
        let by_keys = config(
            &listener.bootstrap(),
            &[
                ("security.protocol", "SSL"),
                ("ssl.truststore.type", "PEM"),
                ("ssl.truststore.certificates", &authority.pem()),
            ],
        );
        assert_eq!(delivered(&producer(by_keys)), 0);
        let tls = Tls::new().trust(Trust::pem(authority.pem()));
        let typed = config(&listener.bootstrap(), &[]).security(Security::tls(tls));
        assert_eq!(delivered(&producer(typed)), 1);
        assert_eq!(listener.records(), 2);
    }
}

// H48, H49
#[test]
fn a_client_shows_its_certificate_to_a_broker_that_asks() {
    let authority = Authority::new("ours");
    let issued = authority.issue("client");
    for version in [&TLS12, &TLS13] {
        let listener = TlsListener::start(authority.broker("localhost", &[version], true));
        let tls = Tls::new().trust(Trust::pem(authority.pem()));
        let with = |tls| config(&listener.bootstrap(), &[]).security(Security::tls(tls));
        let known = with(tls.clone().identity(Identity::pem(issued.chain.clone(), issued.key.clone())));
        assert_eq!(delivered(&producer(known)), 0);
        let (words, advice) = tls_failure(with(tls.clone()));
        assert!(words.contains("wants a certificate of this client"), "{words}");
        assert!(advice.is_some_and(|advice| advice.contains("ssl.keystore.location")), "{advice:?}");
        let stranger = Authority::new("theirs").issue("client");
        let (words, _) = tls_failure(with(tls.identity(Identity::pem(stranger.chain, stranger.key))));
        assert!(words.contains("refused the certificate of this client"), "{words}");
    }
}

// H1, SE25, SE26
#[test]
fn a_broker_that_is_not_believed_is_told_to_waiting_calls_at_once() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let listener = TlsListener::start(theirs.broker("localhost", &[&TLS13], false));
    let trusting = |authority: &Authority| {
        let tls = Tls::new().trust(Trust::pem(authority.pem()));
        config(&listener.bootstrap(), &[]).security(Security::tls(tls))
    };
    let (words, advice) = tls_failure(trusting(&ours));
    assert!(
        words
            .contains("TLS handshake failed: the broker's certificate is not signed by the one authority of"),
        "{words}"
    );
    assert!(advice.is_some_and(|advice| advice.contains("ssl.truststore.location")), "{advice:?}");
    assert_eq!(delivered(&producer(trusting(&theirs))), 0);
}

/// What a call is told at once of a listener that speaks another protocol.
fn assert_wrong_listener(kind: &SendErrorKind, words: &[&str]) {
    let SendErrorKind::Security(error) = kind else { panic!("{kind:?}") };
    assert_eq!((error.stage(), error.is_retriable()), (SecurityStage::Connection, false));
    for words in words {
        assert!(error.to_string().contains(words), "{words:?} is missing in: {error}");
    }
}

// SE30, H16
#[test]
fn a_listener_without_tls_is_told_to_waiting_calls_at_once() {
    let broker = kp_sim::tcp::EmbeddedBroker::start(kp_sim::tcp::EmbeddedOptions::new()).expect("a port");
    let config = config(&broker.bootstrap(), &[("security.protocol", "SSL")]);
    let (kind, took) =
        refusal(config.security(Security::tls(Tls::new().trust(Trust::pem(Authority::new("a").pem())))));
    assert_wrong_listener(&kind, &["listener without TLS", "set security.protocol=PLAINTEXT or"]);
    assert!(took < LONG, "{took:?}");
}

// SE30, H17
#[test]
fn a_listener_with_tls_is_told_at_once_to_calls_that_wait_without_it() {
    let listener = TlsListener::start(Authority::new("a").broker("localhost", &[&TLS13], false));
    let login =
        r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";"#;
    let sasl =
        [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", login)];
    for pairs in [&[][..], &sasl] {
        let (kind, took) = refusal(config(&listener.bootstrap(), pairs));
        assert_wrong_listener(&kind, &["a TLS listener", "set security.protocol=SSL or SASL_SSL"]);
        assert!(took < LONG, "{took:?}");
    }
}

// SE26, SE30
#[test]
fn a_listener_that_wants_a_login_is_told_at_once_to_calls_without_one_with_tls_and_without() {
    use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions, EmbeddedTls};
    let authority = Authority::new("ours");
    let issued = authority.issue("localhost");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls =
        EmbeddedTls::new(provider, issued.chain.as_bytes(), issued.key.as_bytes()).expect("it is shown");
    let sasl = kp_sim::SaslSettings::new(kp_sim::SimMechanism::ALL).with_user("alice", "alice-secret");
    let options = EmbeddedOptions::new().with_sasl(sasl);
    let plain = EmbeddedBroker::start(options.clone()).expect("a port");
    let (kind, took) = refusal(config(&plain.bootstrap(), &[]));
    assert_wrong_listener(&kind, &["it offers PLAIN, ", "set security.protocol=SASL_PLAINTEXT and"]);
    assert!(took < LONG, "{took:?}");
    let encrypted = EmbeddedBroker::start(options.with_tls(tls)).expect("a port");
    let bootstrap = encrypted.bootstrap().replace("127.0.0.1", "localhost");
    let trusting = Security::tls(Tls::new().trust(Trust::pem(authority.pem())));
    let (kind, took) = refusal(config(&bootstrap, &[]).security(trusting));
    assert_wrong_listener(&kind, &["it offers PLAIN, ", "set security.protocol=SASL_SSL and"]);
    assert!(took < LONG, "{took:?}");
}

// SE27, SE30
#[test]
fn accepted_records_go_on_when_a_listener_speaks_tls_again() {
    let authority = Authority::new("ours");
    let listener = TlsListener::start(authority.broker("localhost", &[&TLS13], false));
    let tls = Tls::new().trust(Trust::pem(authority.pem()));
    let producer = producer(config(&listener.bootstrap(), &[]).security(Security::tls(tls)));
    assert_eq!(delivered(&producer), 0);
    listener.be_plain(true);
    let accepted = producer.send(ProducerRecord::to("events").value(b"kept")).expect("it is accepted");
    let told = producer.partitions_for("another").expect_err("no broker is to be had");
    assert_wrong_listener(told.kind(), &["listener without TLS"]);
    listener.be_plain(false);
    assert_eq!(accepted.wait().expect("it is acknowledged").offset(), Some(1));
}

// SE28
#[test]
fn files_and_keys_that_cannot_be_used_are_errors_of_the_build() {
    let error = |pairs: &[(&str, &str)]| {
        let pairs = [&[("security.protocol", "SSL")], pairs].concat();
        let built = kp_producer::Producer::builder(config("localhost:1", &pairs)).build();
        let error = built.map(drop).expect_err("it is refused");
        assert!(matches!(error, BuildError::Tls(_)), "{error:?}");
        error.to_string()
    };
    let missing = error(&[("ssl.truststore.location", "/nowhere/ca.pem")]);
    assert!(missing.starts_with("ssl.truststore.location: /nowhere/ca.pem: "), "{missing}");
    // SE37
    let unsound = error(&[
        ("ssl.ca.pem", &Authority::new("a").pem()),
        ("ssl.cipher.suites", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ]);
    assert!(unsound.starts_with("ssl.cipher.suites: none of"), "{unsound}");
}

// SE37
#[test]
fn a_suite_that_is_left_out_is_warned_about() {
    let suites = "TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA";
    let config = config(
        "localhost:1",
        &[
            ("security.protocol", "SSL"),
            ("ssl.ca.pem", &Authority::new("a").pem()),
            ("ssl.cipher.suites", suites),
            ("ssl.endpoint.identification.algorithm", ""),
        ],
    );
    let producer = producer(config);
    let told: Vec<String> = producer.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("ssl.endpoint.identification.algorithm: the names"), "{told:?}");
    assert!(told[1].starts_with("ssl.cipher.suites: TLS_RSA_WITH_AES_128_CBC_SHA is left out"), "{told:?}");
}

// SE39, A10
#[test]
fn stores_of_java_are_opened_by_the_build_and_an_entry_is_named() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/kp-tls/tests/fixtures");
    let built = |alias: &str, password: &str| {
        let keys = format!("{fixtures}/two-keys.jks");
        let pairs = [
            ("security.protocol", "SSL"),
            ("ssl.truststore.location", &format!("{fixtures}/trust.jks")),
            ("ssl.truststore.password", "changeit"),
            ("ssl.keystore.location", &keys),
            ("ssl.keystore.password", password),
            ("kp.ssl.keystore.alias", alias),
        ];
        kp_producer::Producer::builder(config("localhost:1", &pairs)).build().map(drop)
    };
    let wrong = built("none of them", "changeit").expect_err("there is no such entry").to_string();
    assert!(wrong.contains("none of them") && wrong.contains("two-keys.jks"), "{wrong}");
    let wrong = built("none of them", "wrong-secret").expect_err("the password is another").to_string();
    assert!(wrong.starts_with("ssl.keystore") && !wrong.contains("wrong-secret"), "{wrong}");
}

// A14
#[test]
fn a_finished_configuration_of_rustls_takes_the_place_of_every_key() {
    let authority = Authority::new("ours");
    let listener = TlsListener::start(authority.broker("localhost", &[&TLS13], false));
    let finished = authority.client();
    let with = |pairs: &[(&str, &str)]| {
        kp_producer::Producer::builder(config(&listener.bootstrap(), pairs)).rustls(finished.clone()).build()
    };
    let ssl = ("security.protocol", "SSL");
    assert_eq!(delivered(&Producer::from(with(&[ssl]).expect("a good configuration"))), 0);
    let twice = with(&[ssl, ("ssl.ca.location", "f")]).map(drop).expect_err("two places").to_string();
    assert!(twice.starts_with("ssl.ca.location is set"), "{twice}");
    let unused = with(&[]).map(drop).expect_err("nothing is encrypted").to_string();
    assert!(unused.contains("say SSL or SASL_SSL"), "{unused}");
}

// A12, SE44
#[test]
fn a_token_endpoint_is_asked_with_the_cryptography_that_the_builder_was_handed() {
    let pairs = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", "https://localhost:1/token"),
        (
            "sasl.jaas.config",
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
             clientId='kp' clientSecret='kp-secret';",
        ),
        (
            "sasl.login.callback.handler.class",
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
        ),
    ];
    let built = |provider| {
        let config = config("localhost:1", &pairs);
        kp_producer::Producer::builder(config).crypto_provider(Arc::new(provider)).build().map(drop)
    };
    let usable = rustls::crypto::ring::default_provider();
    built(usable.clone()).expect("the endpoint is asked later");
    let unusable = CryptoProvider { cipher_suites: Vec::new(), ..usable };
    let error = built(unusable).expect_err("it has no cipher").to_string();
    assert!(error.contains("cipher") && !error.contains("kp-secret"), "{error}");
}
