//! What `Producer::security` and `Producer::explain` say of real connections.

use crate::authority::Authority;
use crate::listener::TlsListener;
use crate::{config, delivered, producer};
use kp_producer::blocking::Producer;
use kp_producer::{
    BrokerSecurity, ConnectionState, Identity, MetricValue, NetworkThread, ProducerConfig, ProducerMetrics,
    Sasl, Secret, Security, SecurityReport, SecurityStage, Tls, Trust,
};
use kp_sim::tcp::EmbeddedOptions;
use kp_sim::{SaslSettings, SimMechanism};
use rustls::version::{TLS12, TLS13};
use std::time::{Duration, SystemTime};

const PASSWORD: &str = "alice-secret";

fn trusting(listener: &TlsListener, authority: &Authority) -> (ProducerConfig, Tls) {
    (config(&listener.bootstrap(), &[]), Tls::new().trust(Trust::pem(authority.pem())))
}

/// The one broker of the cluster, when it is the only one.
fn broker(report: &SecurityReport) -> &BrokerSecurity {
    assert_eq!(report.network_thread, NetworkThread::Answered);
    let [broker] = &*report.brokers else { panic!("{report}") };
    broker
}

// A12, SE51
#[test]
fn a_connection_with_tls_and_sasl_is_reported_with_all_that_is_known_of_it() {
    let authority = Authority::new("ours");
    let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", PASSWORD);
    let sasl = sasl.with_max_reauth(Duration::from_secs(3600));
    let options = EmbeddedOptions::new().with_sasl(sasl);
    let listener = TlsListener::before(options, authority.broker("localhost", &[&TLS13], false));
    let (config, tls) = trusting(&listener, &authority);
    let login = Sasl::scram_sha512("alice", Secret::from(PASSWORD));
    let producer = producer(config.security(Security::tls(tls)).sasl(login));
    assert_eq!(delivered(&producer), 0);
    let report = producer.security();
    let broker = broker(&report);
    assert_eq!((broker.broker.0, broker.protocol, broker.state), (1, "SASL_SSL", ConnectionState::Ready));
    assert_eq!(&*broker.address, listener.bootstrap());
    assert_eq!(broker.mechanism.as_deref(), Some("SCRAM-SHA-512"));
    assert_eq!(broker.principal.as_deref(), Some("alice"));
    let left = broker.session_ends_in.expect("the broker limits it");
    assert!(left > Duration::from_secs(3000) && left <= Duration::from_secs(3600), "{left:?}");
    let encryption = broker.encryption.as_ref().expect("it is encrypted");
    assert_eq!(encryption.protocol, "TLSv1.3");
    assert!(encryption.cipher.starts_with("TLS_AES_256_GCM"), "{}", encryption.cipher);
    let certificate = encryption.certificate.as_ref().expect("the broker showed one");
    assert_eq!(certificate.names, ["DNS:localhost"]);
    assert!(certificate.not_before < SystemTime::now() && SystemTime::now() < certificate.not_after);
    assert!(!encryption.shows_certificate && report.own_certificate.is_none() && report.tokens.is_none());
    assert_eq!(broker.last_failure, None);
    let line = report.to_string();
    assert!(
        line.contains("SASL_SSL, ready, TLSv1.3 TLS_AES_256_GCM_SHA384, certificate for DNS:localhost"),
        "{line}"
    );
    assert!(line.contains("SCRAM-SHA-512 as alice, session ends in 3") && !line.contains(PASSWORD), "{line}");
    let explained = producer.explain().to_string();
    assert!(
        explained.contains("security of broker 1 at localhost:") && explained.contains("session ends in"),
        "{explained}"
    );
    // A closed producer has no connections to tell of.
    let closed = producer.close(Duration::from_secs(10)).expect("not in a callback");
    assert_eq!(closed.undelivered, 0);
    assert_eq!(producer.security().network_thread, NetworkThread::Closed);
}

// A12, H49
#[test]
fn the_certificate_that_was_shown_is_reported_and_that_it_was_shown() {
    let authority = Authority::new("ours");
    let issued = authority.issue("client");
    for (version, asking) in [(&TLS12, true), (&TLS13, true), (&TLS13, false)] {
        let listener = TlsListener::start(authority.broker("localhost", &[version], asking));
        let (config, tls) = trusting(&listener, &authority);
        let tls = tls.identity(Identity::pem(issued.chain.clone(), issued.key.clone()));
        let producer = producer(config.security(Security::tls(tls)));
        assert_eq!(delivered(&producer), 0);
        let report = producer.security();
        let broker = broker(&report);
        assert_eq!((broker.protocol, broker.mechanism.as_deref()), ("SSL", None));
        let encryption = broker.encryption.as_ref().expect("it is encrypted");
        let named = if version.version == TLS12.version { "TLSv1.2" } else { "TLSv1.3" };
        assert_eq!((encryption.protocol, encryption.shows_certificate), (named, asking));
        let own = report.own_certificate.as_ref().expect("there is one");
        assert_eq!(own.names, ["DNS:client"]);
        assert_eq!(broker.principal.as_deref(), asking.then_some(&*own.subject));
        assert!(report.to_string().contains("\nown certificate: "), "{report}");
        assert_eq!(producer.explain().security, [], "nothing stands in the way");
    }
}

// A12, A14, U19
#[test]
fn a_refusal_is_reported_with_its_one_line_until_it_is_over() {
    let authority = Authority::new("ours");
    let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", PASSWORD);
    let options = EmbeddedOptions::new().with_sasl(sasl);
    let listener = TlsListener::before(options, authority.broker("localhost", &[&TLS13], false));
    let (config, tls) = trusting(&listener, &authority);
    let login = Sasl::plain("alice", Secret::from("wrong-secret"));
    let producer = producer(config.security(Security::tls(tls)).sasl(login));
    producer.connect().expect_err("the password is another");
    let report = producer.security();
    let broker = broker(&report);
    assert_eq!((broker.broker.0, broker.protocol), (-1, "SASL_SSL"));
    let failure = broker.refusal().expect("it refused");
    assert_eq!(failure.stage(), SecurityStage::SaslToken);
    for line in [report.to_string(), producer.explain().to_string()] {
        assert!(line.contains("refused") && line.contains(&failure.to_string()), "{line}");
        assert!(!line.contains("wrong-secret"), "{line}");
    }
}

/// The metrics, once the network thread has told them of an encrypted connection; that takes a tenth of a second.
fn measured(producer: &Producer, cipher: &str) -> ProducerMetrics {
    for _ in 0..100_000 {
        let metrics = producer.metrics();
        if metrics.of_cipher("TLSv1.3", cipher, "connections") == Some(MetricValue::Gauge(1.0)) {
            return metrics;
        }
        delivered(producer);
    }
    panic!("{:?}", producer.metrics());
}

// SE51
#[test]
fn metrics_tell_ciphers_and_how_long_both_certificates_are_valid() {
    const CIPHER: &str = "TLS_AES_256_GCM_SHA384";
    const YEAR: f64 = 365.0 * 24.0 * 3600.0;
    let authority = Authority::new("ours");
    let issued = authority.issue("client");
    let listener = TlsListener::start(authority.broker("localhost", &[&TLS13], true));
    let (config, tls) = trusting(&listener, &authority);
    let tls = tls.identity(Identity::pem(issued.chain, issued.key));
    let producer = producer(config.security(Security::tls(tls)));
    let metrics = measured(&producer, CIPHER);
    let own = metrics.gauge("certificate-expires-in-seconds").expect("it has one");
    let peer = metrics.of_node(1, "certificate-expires-in-seconds").and_then(MetricValue::as_gauge);
    // rcgen's are valid for two thousand years.
    assert!(own > YEAR && peer.is_some_and(|peer| peer > YEAR), "{own} {peer:?}");
    assert_eq!(metrics.gauge("token-expires-in-seconds"), None, "there are no tokens");
    assert_eq!(metrics.counter("token-refresh-total"), Some(0));
    let named = metrics.iter().find(|metric| metric.name() == "connections").expect("there is one");
    let labels: Vec<_> = named.labels().skip(1).collect();
    assert_eq!(labels, [("cipher", CIPHER.to_owned()), ("protocol", "TLSv1.3".to_owned())]);
    let closed = producer.close(Duration::from_secs(10)).expect("not in a callback");
    assert_eq!(closed.undelivered, 0);
    let over = producer.metrics().of_cipher("TLSv1.3", CIPHER, "connections");
    assert_eq!(over, Some(MetricValue::Gauge(0.0)), "it is closed");
}

#[test]
fn a_connection_in_the_clear_is_reported_as_that_and_not_explained() {
    let broker = kp_sim::tcp::EmbeddedBroker::start(EmbeddedOptions::new()).expect("a port");
    let producer = producer(config(&broker.bootstrap(), &[]));
    assert_eq!(delivered(&producer), 0);
    let report = producer.security();
    let told = self::broker(&report);
    assert_eq!((told.protocol, told.state), ("PLAINTEXT", ConnectionState::Ready));
    assert!(told.encryption.is_none() && told.mechanism.is_none() && told.principal.is_none());
    assert_eq!(producer.explain().security, []);
}
