//! PLAIN.

use kp_sasl::{Plain, SaslMechanism, SaslStep, Secret};

use crate::broker::sent;

fn plain(user: &str, password: &str) -> Plain {
    Plain::new(user, &Secret::from(password)).expect("they are legal")
}

// SE10
#[test]
fn the_token_is_user_and_password_each_behind_a_nul() {
    let mut plain = plain("älice", "p w=;,");
    assert!(!plain.is_complete());
    assert_eq!(sent(plain.step(None)), "\0älice\0p w=;,".as_bytes());
    assert!(plain.is_complete());
}

// H38
#[test]
fn an_answer_with_something_in_it_is_ignored() {
    let mut plain = plain("alice", "alice-secret");
    let _ = sent(plain.step(None));
    assert!(matches!(plain.step(Some(b"who asked?")), Ok(SaslStep::Done)));
}

// SE10
#[test]
fn what_plain_cannot_send_is_refused_before_there_is_a_connection() {
    let failure = |user: &str, password: &[u8]| {
        Plain::new(user, &Secret::from(password.to_vec())).expect_err("it cannot be sent").to_string()
    };
    assert_eq!(failure("a\0b", b"pw"), "PLAIN: the user has a NUL character in it, which PLAIN cannot send");
    assert_eq!(
        failure("a", b"p\0w"),
        "PLAIN: the password has a NUL character in it, which PLAIN cannot send"
    );
    assert_eq!(failure("", b"pw"), "PLAIN: the user is empty");
    assert_eq!(failure("a", b""), "PLAIN: the password is empty");
    assert_eq!(failure("a", b"\xff\xfe"), "PLAIN: the password is not UTF-8");
    assert_eq!(failure("a", &[b'x'; 65_537]), "PLAIN: the password is longer than 64 KiB");
}
