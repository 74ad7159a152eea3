//! A certificate that the program gives, for each connection anew.

use crate::authority::{Authority, Issued, provider};
use crate::wire::Stage;
use kp_network::Secret;
use kp_time::{Clock, ManualClock};
use kp_tls::{ClientIdentity, FileLooks, Reload, StoreSource, TlsClient, TlsFailure, TlsFailureKind};
use rustls::version::TLS13;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Gives what it holds.
#[derive(Clone)]
struct Agent(Arc<Mutex<(String, String)>>);

impl Agent {
    fn holding(issued: &Issued) -> Self {
        Self(Arc::new(Mutex::new((issued.pem.clone(), issued.key.serialize_pem()))))
    }

    fn hold(&self, chain: &Issued, key: &Issued) {
        *self.0.lock().unwrap() = (chain.pem.clone(), key.key.serialize_pem());
    }

    fn client(&self, authority: &Authority) -> TlsClient {
        let agent = self.clone();
        let settings = authority.trusted().identified_by_asking(move || {
            let (chain, key) = agent.0.lock().unwrap().clone();
            let inline = |name, text| StoreSource::inline(name, Secret::from(text));
            Ok(ClientIdentity::parts(
                inline("ssl.keystore.certificate.chain", chain),
                inline("ssl.keystore.key", key),
            ))
        });
        TlsClient::new(&settings, &provider()).unwrap()
    }
}

/// Connects once more, and shakes hands.
fn connected(stage: &mut Stage, authority: &Authority) -> Result<(), TlsFailure> {
    stage.dial(authority.asking_broker(&[&TLS13]), "broker");
    shaken(stage)
}

/// Asks for the certificate, and shakes hands.
fn shaken(stage: &mut Stage) -> Result<(), TlsFailure> {
    assert_eq!(stage.do_work(), 1);
    stage.shake()
}

/// What has been told of answers.
type Told = Arc<Mutex<Vec<Reload>>>;

/// A client that has begun to connect, and was not given a certificate yet.
fn stage(agent: &Agent, authority: &Authority) -> (Stage, Told) {
    let told = Told::default();
    let heard = Arc::clone(&told);
    let looks =
        FileLooks::every(Duration::ZERO, Arc::new(ManualClock::new()) as Arc<dyn Clock>, move |reload| {
            heard.lock().unwrap().push(reload.clone());
        });
    let stage = Stage::new(agent.client(authority), authority.asking_broker(&[&TLS13]), "broker");
    (stage.looking(looks), told)
}

// A13, H61
#[test]
fn an_answer_that_cannot_be_used_leaves_the_certificate_of_before_and_is_told() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(&["first"], |_| ()), authority.issue(&["second"], |_| ()));
    let agent = Agent::holding(&first);
    let (mut stage, told) = stage(&agent, &authority);
    shaken(&mut stage).unwrap();
    assert!(told.lock().unwrap().is_empty());
    // An agent that writes one after the other.
    agent.hold(&second, &first);
    connected(&mut stage, &authority).unwrap();
    assert_eq!(stage.broker.peer_certificates().unwrap(), &first.chain[..]);
    let heard = std::mem::take(&mut *told.lock().unwrap());
    let [Reload::Kept(error)] = &heard[..] else { panic!("{heard:?}") };
    assert!(error.to_string().contains("the key is not that of the first certificate"), "{error}");
    agent.hold(&second, &second);
    connected(&mut stage, &authority).unwrap();
    assert_eq!(stage.broker.peer_certificates().unwrap(), &second.chain[..]);
    assert!(told.lock().unwrap().is_empty());
}

// A13
#[test]
fn an_answer_that_cannot_be_used_is_an_attempt_that_failed_if_there_is_none_of_before() {
    let authority = Authority::new();
    let (one, other) = (authority.issue(&["one"], |_| ()), authority.issue(&["other"], |_| ()));
    let agent = Agent::holding(&one);
    agent.hold(&one, &other);
    let (mut stage, told) = stage(&agent, &authority);
    let failure = shaken(&mut stage).unwrap_err();
    assert_eq!(failure.kind(), TlsFailureKind::Lost, "{failure}");
    assert!(failure.to_string().contains("the key is not that of the first certificate"), "{failure}");
    assert!(told.lock().unwrap().is_empty(), "the connection itself says so");
    agent.hold(&one, &one);
    connected(&mut stage, &authority).unwrap();
}
