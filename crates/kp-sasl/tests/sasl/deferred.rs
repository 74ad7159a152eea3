//! Mechanisms whose credentials are fetched first.

use kp_sasl::{Deferred, Plain, SaslFailure, SaslMechanism, SaslStep, Secret, Worked};

fn fetched() -> Deferred {
    Deferred::new("PLAIN", "reading the password", || {
        Ok(Box::new(Plain::new("alice", &Secret::from("alice-secret"))?))
    })
}

// A4
#[test]
fn credentials_are_fetched_by_work_and_then_the_exchange_goes_on() {
    let mut mechanism = fetched();
    assert!(!mechanism.is_complete() && !mechanism.is_secret_in("alice-secret"));
    let Ok(SaslStep::Pending(work)) = mechanism.step(None) else { panic!("it reads first") };
    let Ok(SaslStep::Send(token)) = mechanism.resume(work.run()) else { panic!("then it sends") };
    assert_eq!(token.expose(), b"\0alice\0alice-secret");
    assert!(mechanism.is_complete() && mechanism.is_secret_in("it is alice-secret"));
    assert!(!format!("{mechanism:?}").contains("alice-secret"));
    assert!(matches!(mechanism.step(Some(&[])), Ok(SaslStep::Done)));
}

#[test]
fn what_cannot_be_fetched_fails_the_exchange() {
    let failure =
        SaslFailure::WorkFailed { what: "reading the password", problem: "no such file".to_owned() };
    let told = failure.clone();
    let mut mechanism = Deferred::new("PLAIN", "reading the password", move || Err(failure));
    let Ok(SaslStep::Pending(work)) = mechanism.step(None) else { panic!("it reads first") };
    assert_eq!(mechanism.resume(work.run()).map(drop), Err(told));
}

#[test]
fn a_step_out_of_turn_is_refused() {
    assert!(fetched().step(Some(b"x")).is_err());
    assert!(fetched().resume(Worked::done(7)).is_err());
    let mut twice = fetched();
    assert!(twice.step(None).is_ok());
    assert!(twice.step(None).is_err());
}
