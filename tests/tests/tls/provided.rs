//! A certificate that the program gives: asked for each connection anew, on a thread where it may wait.

use crate::authority::{Authority, Issued};
use crate::listener::TlsListener;
use crate::{config, delivered, producer};
use kp_producer::config::{Provided, ProviderError};
use kp_producer::{
    ConnectionState, Identity, IdentityProvider, ProducerConfig, Security, SetupStage, Tls, Trust,
};
use rustls::version::TLS13;
use std::sync::{Arc, Mutex};

/// Gives what it holds, and notes on which threads it was asked.
#[derive(Clone, Default)]
struct Agent(Arc<Mutex<(Option<Identity>, Vec<String>)>>);

impl Agent {
    fn holds(&self, issued: &Issued) {
        let identity = Identity::pem(issued.chain.clone(), issued.key.clone());
        self.0.lock().expect("nothing panics with it").0 = Some(identity);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("nothing panics with it").1)
    }
}

impl IdentityProvider for Agent {
    fn identity(&self) -> Provided<'_, Identity> {
        let mut held = self.0.lock().expect("nothing panics with it");
        held.1.push(std::thread::current().name().unwrap_or_default().to_owned());
        let given = held.0.clone().ok_or_else(|| ProviderError::from("the agent\nis sealed"));
        Box::pin(async { given })
    }
}

fn shown_by(
    agent: &Agent,
    listener: &TlsListener,
    authority: &Authority,
    pairs: &[(&str, &str)],
) -> ProducerConfig {
    let tls = Tls::new().trust(Trust::pem(authority.pem())).identity(Identity::provider(agent.clone()));
    config(&listener.bootstrap(), pairs).security(Security::tls(tls))
}

// A13
#[test]
fn a_certificate_is_asked_for_by_each_connection_and_not_on_the_network_thread() {
    let authority = Authority::new("ours");
    let listener = TlsListener::start(authority.broker("localhost", &[&TLS13], true));
    let agent = Agent::default();
    agent.holds(&authority.issue("client"));
    let producer = producer(shown_by(&agent, &listener, &authority, &[("client.id", "mine")]));
    assert_eq!(delivered(&producer), 0);
    let asked = agent.asked();
    assert!(
        asked.len() >= 2 && asked.iter().all(|name| name.starts_with("kafka-producer-cred")),
        "{asked:?}"
    );
    let own = producer.security().own_certificate.expect("it was given");
    assert_eq!(own.names, ["DNS:client"]);
    // Connections that are made anew show what is given then.
    agent.holds(&authority.issue("renewed"));
    producer.reload_credentials(kp_producer::Reconnect::Yes);
    while agent.asked().is_empty() {
        delivered(&producer);
    }
    delivered(&producer);
    assert_eq!(producer.security().own_certificate.expect("it was given").names, ["DNS:renewed"]);
}

// A13
#[test]
fn a_certificate_that_cannot_be_had_or_used_is_told_and_tried_again() {
    let authority = Authority::new("ours");
    let listener = TlsListener::start(authority.broker("localhost", &[&TLS13], true));
    let agent = Agent::default();
    let quick = [("max.block.ms", "2000"), ("reconnect.backoff.max.ms", "50")];
    let producer = producer(shown_by(&agent, &listener, &authority, &quick));
    let error = producer.connect().expect_err("there is none").to_string();
    assert!(error.contains("asking for the certificate of this client: the agent\\nis sealed"), "{error}");
    let (one, other) = (authority.issue("client"), authority.issue("client"));
    agent.0.lock().expect("nothing panics with it").0 = Some(Identity::pem(one.chain.clone(), other.key));
    let error = producer.connect().expect_err("the key is another's").to_string();
    assert!(error.contains("ssl.keystore") && error.contains("cannot be used"), "{error}");
    agent.holds(&one);
    // A refusal is told at once until the next attempt, so many may be told of this one.
    let is_over = (0..1_000_000).any(|_| producer.connect().is_ok());
    assert!(is_over, "{}", producer.security());
}

/// Never answers.
struct Silent;

impl IdentityProvider for Silent {
    fn identity(&self) -> Provided<'_, Identity> {
        Box::pin(std::future::pending())
    }
}

// A12, A13
#[test]
fn a_certificate_that_is_awaited_is_told_and_not_taken_for_a_socket_that_does_not_connect() {
    let authority = Authority::new("ours");
    let listener = TlsListener::start(authority.broker("localhost", &[&TLS13], true));
    let tls = Tls::new().trust(Trust::pem(authority.pem())).identity(Identity::provider(Silent));
    let config = config(&listener.bootstrap(), &[("max.block.ms", "1000")]);
    let producer = producer(config.security(Security::tls(tls)));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| producer.connect().expect_err("there is none"));
        let awaited = ConnectionState::SettingUp(SetupStage::ClientCertificate);
        let is_awaited = || producer.security().brokers.iter().any(|broker| broker.state == awaited);
        let seen = std::iter::repeat_with(is_awaited).take_while(|_| !waits.is_finished()).any(|seen| seen);
        let explained = producer.explain().to_string();
        assert!(seen, "{explained}");
        waits.join().expect("it does not panic");
    });
    let explained = producer.explain().to_string();
    let line = "SSL, waits for the certificate of this client (Identity::provider)";
    assert!(explained.contains(line), "{explained}");
}
