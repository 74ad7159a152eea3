//! Heavy work: it is handed to the selector, and the connection goes on with what comes out of it.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn scram() -> SaslCredentials {
    SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from("alice-secret"))
}

fn challenge(token: &[u8], iterations: i64) -> SaslAuthenticateResponse {
    let token = std::str::from_utf8(token).unwrap();
    let (_, nonce) = token.split_once(",r=").unwrap();
    let text = format!("r={nonce}server,s=c2FsdHNhbHQ=,i={iterations}");
    SaslAuthenticateResponse { auth_bytes: text.into_bytes().into(), ..Default::default() }
}

/// A connection on which the broker has asked for a proof.
fn challenged(stage: &mut Stage) -> ConnectionNumber {
    let number = stage.shaken("SCRAM-SHA-256");
    let (header, token) = stage.token(number);
    stage.give(number, &header, &challenge(&token, 4096));
    assert!(stage.turn().is_empty());
    number
}

// A4
#[test]
fn keys_are_derived_elsewhere_and_only_for_the_first_connection() {
    let mut stage = Stage::with(with(scram()));
    let number = challenged(&mut stage);
    assert!(stage.net.taken(number).is_empty(), "the proof needs the keys");
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    assert_eq!(stage.net.do_work(), [number]);
    assert!(stage.turn().is_empty());
    let (_, proof) = stage.token(number);
    assert!(proof.starts_with(b"c=biws,r="));
    stage.net.give(number, Vec::new());
    stage.turn();
    stage.clock.advance(MS(100));
    let number = challenged(&mut stage);
    assert!(stage.net.do_work().is_empty());
    assert!(stage.token(number).1.starts_with(b"c=biws,r="));
}

// H29
#[test]
fn a_signature_that_is_wrong_is_a_failure_although_the_broker_says_all_is_well() {
    for last in ["v=AAAA", "", "e=unknown-user"] {
        let mut stage = Stage::with(with(scram()));
        let number = challenged(&mut stage);
        stage.net.do_work();
        stage.turn();
        let auth_bytes = Bytes::from_static(last.as_bytes());
        let answer = SaslAuthenticateResponse { auth_bytes, ..Default::default() };
        let failure = security(&stage.judged(number, &answer));
        assert_eq!(failure.stage(), SecurityStage::SaslToken);
        assert!(!stage.net.is_open(number));
    }
}

// H30, H31
#[test]
fn no_work_is_done_for_a_number_of_iterations_that_is_too_small_or_too_large() {
    for iterations in [0, 1, 4095, 1_000_001, 2_147_483_647] {
        let mut stage = Stage::with(with(scram()));
        let number = stage.shaken("SCRAM-SHA-256");
        let (header, token) = stage.token(number);
        stage.give(number, &header, &challenge(&token, iterations));
        security(&stage.turn());
        assert!(stage.net.do_work().is_empty());
    }
}

// H27
#[test]
fn work_that_takes_longer_than_the_set_up_may_ends_the_attempt_but_its_keys_are_kept() {
    let mut stage = Stage::with(with(scram()));
    challenged(&mut stage);
    let reason = broken(&stage.poll(None)).2;
    assert_eq!(reason, DisconnectReason::SetupTimeout(SetupStage::SaslWork));
    stage.net.do_work();
    assert!(stage.turn().is_empty(), "what it was for has ended");
    stage.clock.advance(MS(100));
    let number = challenged(&mut stage);
    assert!(stage.token(number).1.starts_with(b"c=biws,r="));
}

#[test]
fn a_frame_that_comes_while_the_client_works_answers_nothing() {
    let mut stage = Stage::with(with(scram()));
    let number = challenged(&mut stage);
    stage.net.give(number, b"\0\0\0\x08\0\0\0\x01\0\0\0\0".to_vec());
    assert!(protocol_error(&stage.turn()).contains("answers no request"));
}

/// Fetches its token by work, as a client of an identity provider does.
#[derive(Debug)]
struct Fetches(Mutex<Vec<Result<&'static str, &'static str>>>, AtomicUsize);

#[derive(Debug)]
struct Fetching(Option<Result<&'static str, &'static str>>, bool);

impl SaslMechanism for Fetching {
    fn name(&self) -> &str {
        "OAUTHBEARER"
    }

    fn step(&mut self, _: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        let found = self.0.take().expect("one step is enough");
        Ok(SaslStep::Pending(Work::new("fetch a token", move || match found {
            Ok(token) => Worked::done(token),
            Err(why) => {
                Worked::failed(SaslFailure::WorkFailed { what: "fetch a token", problem: why.to_owned() })
            }
        })))
    }

    fn resume(&mut self, worked: Worked) -> Result<SaslStep, SaslFailure> {
        self.1 = true;
        Ok(SaslStep::Send(Secret::from(worked.take::<&str>("OAUTHBEARER")?)))
    }

    fn is_complete(&self) -> bool {
        self.1
    }
}

impl crate::SaslProvider for Fetches {
    fn begin(&self, _: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        Ok(Box::new(Fetching(Some(self.0.lock().unwrap().remove(0)), false)))
    }

    fn worked(&self, _: &Worked) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_token_that_must_be_fetched_first_is_work_too_and_a_failure_of_it_is_told() {
    let fetches =
        Arc::new(Fetches(Mutex::new(vec![Err("401 from the provider"), Ok("a.b.c")]), AtomicUsize::new(0)));
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::clone(&fetches) as _), ..settings() });
    let number = stage.shaken("OAUTHBEARER");
    stage.net.do_work();
    let failure = security(&stage.turn());
    assert!(failure.is_retriable() && failure.to_string().contains("401 from the provider"), "{failure}");
    assert!(!stage.net.is_open(number));
    stage.clock.advance(MS(100));
    let number = stage.shaken("OAUTHBEARER");
    stage.net.do_work();
    assert!(stage.turn().is_empty());
    assert_eq!(&stage.token(number).1[..], b"a.b.c");
    assert_eq!(fetches.1.load(Ordering::SeqCst), 2);
}
