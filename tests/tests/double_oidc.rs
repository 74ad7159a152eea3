//! The producer in front of brokers that take tokens, with an issuer that gives them, or does not: over TCP, by keys alone.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord, SendError, SendErrorKind};
use kp_protocol::ApiKey;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{Fault, SaslSettings, SimMechanism};
use kp_tests::oidc_issuer::OidcIssuer;

const HANDLER: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";

fn broker() -> EmbeddedBroker {
    let sasl = SaslSettings::new([SimMechanism::OAuthBearer]).with_failure_delay(std::time::Duration::ZERO);
    EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(sasl)).expect("free ports")
}

fn producer(broker: &EmbeddedBroker, url: &str, more: &[(&str, &str)]) -> Producer {
    let line = format!(
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
         clientId='kp' clientSecret='{}' scope='kafka';",
        OidcIssuer::SECRET
    );
    let bootstrap = broker.bootstrap();
    let keys = [
        ("bootstrap.servers", bootstrap.as_str()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.login.callback.handler.class", HANDLER),
        ("sasl.oauthbearer.token.endpoint.url", url),
        ("sasl.jaas.config", &line),
        ("sasl.login.retry.backoff.max.ms", "0"),
    ];
    let config = ProducerConfig::from_map(keys.iter().chain(more).copied()).expect("values of their types");
    Producer::new(config).expect("the producer is built")
}

fn is_written(producer: &Producer) -> bool {
    let delivery = producer.send(ProducerRecord::to("t").partition(0).value("v"));
    delivery.is_ok_and(|delivery| delivery.wait().is_ok())
}

// SE44, A12
#[test]
fn records_are_written_with_one_token_for_all_connections() {
    let (broker, issuer) = (broker(), OidcIssuer::start(0));
    let producer = producer(&broker, &issuer.url("/unsigned"), &[]);
    assert!(is_written(&producer));
    let closing = Fault::Close { api: ApiKey::Produce, carried_out: false };
    broker.cluster().lock().inject(closing, 1);
    assert!(is_written(&producer), "over another connection");
    let logins = broker.cluster().lock().requests(ApiKey::SaslAuthenticate);
    assert!(logins >= 2, "{logins} logins");
    let asked = issuer.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].ends_with("\r\n\r\ngrant_type=client_credentials&scope=kafka"), "{asked:?}");
}

/// The error of a send that needs a token of this path, and gets none.
fn error_of_a_send(path: &str, limits: &[(&str, &str)]) -> SendError {
    let (broker, issuer) = (broker(), OidcIssuer::start(0));
    let producer = producer(&broker, &issuer.url(path), limits);
    let error = producer.send(ProducerRecord::to("t").value("v")).expect_err(path);
    let text = format!("{error} {error:?}");
    assert!(!text.contains(OidcIssuer::SECRET), "{path}: {text}");
    error
}

// H50, H51, H53, H55, H56, SE26
#[test]
fn an_issuer_that_will_give_no_token_is_told_to_a_waiting_send_at_once() {
    for (path, words) in [
        ("/400", "400, invalid_client: no such client"),
        ("/redirect", "redirects are not followed"),
        ("/html", "no JSON object"),
        ("/notoken", "no access_token"),
        ("/expired", "this machine's clock says"),
        ("/huge", "larger than 1048576 bytes"),
    ] {
        // The limit of a call would be heard of: it is an hour.
        let error = error_of_a_send(path, &[("max.block.ms", "3600000")]);
        assert!(matches!(error.kind(), SendErrorKind::Security(_)), "{path}: {error:?}");
        assert!(error.to_string().contains(words), "{path}: {error}");
    }
}

// H52, H54
#[test]
fn an_issuer_that_may_give_a_token_later_is_waited_for_and_named_at_the_end() {
    for (path, words) in
        [("/500", "refused to give a token: 500, server_error"), ("/slow", "no whole answer within 200 ms")]
    {
        let read = if path == "/slow" { "200" } else { "10000" };
        let error = error_of_a_send(path, &[("sasl.login.read.timeout.ms", read), ("max.block.ms", "1500")]);
        assert!(!matches!(error.kind(), SendErrorKind::Security(_)), "{path}: {error:?}");
        assert!(format!("{error} {error:?}").contains(words), "{path}: {error:?}");
    }
}

// SE25
#[test]
fn a_token_that_brokers_do_not_take_is_told_to_the_send_that_waits() {
    let (broker, issuer) = (broker(), OidcIssuer::start(0));
    // The double takes unsigned tokens alone.
    let producer = producer(&broker, &issuer.url("/token"), &[]);
    let error = producer.send(ProducerRecord::to("t").value("v")).expect_err("it is refused");
    assert!(matches!(error.kind(), SendErrorKind::Security(_)), "{error}");
    assert!(error.to_string().contains("invalid_token"), "{error}");
}

// H57
#[test]
fn an_endpoint_that_must_not_be_asked_is_refused_when_the_producer_is_built() {
    let keys = [
        ("bootstrap.servers", "b:1"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", "http://issuer.example/token"),
        ("sasl.oauthbearer.client.credentials.client.id", "kp"),
        ("sasl.oauthbearer.client.credentials.client.secret", OidcIssuer::SECRET),
    ];
    let config = ProducerConfig::from_map(keys).expect("values of their types");
    let error = Producer::new(config).expect_err("secrets would travel in the clear").to_string();
    assert!(error.contains("sasl.oauthbearer.token.endpoint.url") && error.contains("use https"), "{error}");
}
