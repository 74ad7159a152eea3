//! A provider of credentials that blocks for long: its own connection is given up, what other connections carry goes on, and it is over when
//! the provider is in order again.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use kp_producer::blocking::Producer;
use kp_producer::config::{Provided, TokenRequest};
use kp_producer::{
    Certainty, ConnectionState, Credentials, CredentialsProvider, Delivery, ProducerConfig, ProducerRecord,
    Sasl, Security, Token, TokenProvider,
};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{SaslSettings, SimMechanism};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Blocks while it is told to hang; otherwise it is in order.
#[derive(Clone, Default)]
struct Source(Arc<(Mutex<bool>, Condvar)>);

impl Source {
    fn hangs(&self, hangs: bool) {
        *self.0.0.lock().expect("nothing panics with it") = hangs;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let hangs = self.0.0.lock().expect("nothing panics with it");
        drop(self.0.1.wait_while(hangs, |hangs| *hangs).expect("nothing panics with it"));
    }
}

impl CredentialsProvider for Source {
    fn credentials(&self) -> Provided<'_, Credentials> {
        Box::pin(async {
            self.wait();
            Ok(Credentials::new("alice", "alice-secret"))
        })
    }
}

impl TokenProvider for Source {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        Box::pin(async {
            self.wait();
            // {"alg":"none"} and {"sub":"alice","iat":1,"exp":99999999999}
            Ok(Token::new("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImlhdCI6MSwiZXhwIjo5OTk5OTk5OTk5OX0."))
        })
    }
}

fn send(producer: &Producer, partition: i32) -> Delivery {
    producer.send(ProducerRecord::to("t").partition(partition).value("v")).expect("its metadata is known")
}

/// A partition whose leader is connected, and one whose leader is not.
fn beside(producer: &Producer) -> (i32, i32) {
    let report = producer.security();
    let is_connected = |leader: i32| {
        let broker = report.brokers.iter().find(|broker| broker.broker.0 == leader);
        broker.is_some_and(|broker| broker.state == ConnectionState::Ready)
    };
    let partitions = producer.partitions_for("t").expect("its metadata is known");
    let led = |connected| {
        let partition = partitions
            .iter()
            .find(|partition| partition.leader.is_some_and(|leader| is_connected(leader) == connected));
        partition.expect("more leaders than connections").partition.0
    };
    (led(true), led(false))
}

/// Of many brokers a few are connected to before the provider hangs.
fn goes_on_beside(login: impl Fn(Source) -> Sasl) {
    let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret");
    let options = EmbeddedOptions::new().with_sasl(sasl).with_brokers(8).with_default_partitions(8);
    let broker = EmbeddedBroker::start(options).expect("free ports");
    let source = Source::default();
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    for (key, value) in [
        ("delivery.timeout.ms", "2000"),
        ("request.timeout.ms", "1500"),
        ("linger.ms", "0"),
        ("enable.idempotence", "false"),
        ("socket.connection.setup.timeout.ms", "300"),
        ("socket.connection.setup.timeout.max.ms", "300"),
    ] {
        config.set(key, value).expect("a good value");
    }
    let config = config.security(Security::plaintext()).sasl(login(source.clone()));
    let producer = Producer::new(config).expect("a good configuration");
    send(&producer, 0).wait().expect("its leader is reached");
    let (ready, other) = beside(&producer);
    source.hangs(true);
    let (begun, stuck) = (Instant::now(), send(&producer, other));
    for _ in 0..50 {
        send(&producer, ready).wait().expect("another connection is none of the provider's");
    }
    let told = producer.explain().to_string();
    let error = stuck.wait().expect_err("its leader cannot be reached");
    assert_eq!(error.certainty(), Certainty::NotWritten, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20) && error.to_string().contains("SASL"), "{error}");
    assert!(told.contains("waits for credentials") || told.contains("not connected"), "{told}");
    source.hangs(false);
    let over = (0..20).any(|_| send(&producer, other).wait().is_ok());
    assert!(over, "the provider answers again: {}", producer.security());
    let closed = producer.close(Duration::from_secs(5)).expect("not in a callback");
    assert_eq!(closed.undelivered, 0);
}

// H59, A4
#[test]
fn credentials_that_do_not_come_hold_up_their_own_connection_alone() {
    goes_on_beside(Sasl::plain_from);
}

// H59, A4
#[test]
fn a_token_that_does_not_come_holds_up_its_own_connection_alone() {
    goes_on_beside(Sasl::oauth);
}

// H59
#[test]
fn a_provider_of_which_three_calls_hang_is_told_in_one_line_that_it_is_not_asked_again() {
    let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret");
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(sasl)).expect("a port");
    let source = Source::default();
    source.hangs(true);
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    for (key, value) in [
        ("max.block.ms", "60000"),
        ("socket.connection.setup.timeout.ms", "100"),
        ("socket.connection.setup.timeout.max.ms", "100"),
    ] {
        config.set(key, value).expect("a good value");
    }
    let config = config.security(Security::plaintext()).sasl(Sasl::plain_from(source.clone()));
    let producer = Producer::new(config).expect("a good configuration");
    let line = "asking for credentials: 3 calls of the provider have not returned, and it is not asked again until one of \
                them does";
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| producer.connect());
        let is_told = || producer.explain().to_string().lines().any(|told| told.contains(line));
        let begun = Instant::now();
        while !is_told() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
        assert!(is_told(), "{}", producer.explain());
        assert_eq!(producer.notices(), [line]);
        source.hangs(false);
        waits.join().expect("it does not panic").expect("the provider answers again");
    });
}

// H59, SE32
#[test]
fn a_call_that_waits_for_credentials_and_a_close_meanwhile_are_bounded() {
    for login in [Sasl::plain_from as fn(Source) -> Sasl, Sasl::oauth] {
        let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret");
        let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(sasl)).expect("a port");
        let source = Source::default();
        source.hangs(true);
        let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
        for (key, value) in [("max.block.ms", "900"), ("socket.connection.setup.timeout.ms", "300")] {
            config.set(key, value).expect("a good value");
        }
        let config = config.security(Security::plaintext()).sasl(login(source.clone()));
        let producer = Producer::new(config).expect("a good configuration");
        let begun = Instant::now();
        let error = producer.connect().expect_err("there are no credentials").to_string();
        assert!(error.contains("the work for SASL was not done"), "{error}");
        let closed = producer.close(Duration::from_secs(5)).expect("not in a callback");
        assert_eq!(closed.undelivered, 0);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        source.hangs(false);
    }
}
