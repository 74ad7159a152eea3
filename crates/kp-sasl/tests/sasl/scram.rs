//! SCRAM: published and recorded exchanges, and every message that it must not believe.

use kp_sasl::{
    SaslFailure, SaslMechanism, SaslStep, Scram, ScramHash, ScramKeyCache, ScramKeys, ScramNonce, Secret,
    Worked,
};

use crate::broker::{ScramBroker, failure_of, sent, work};

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

fn scram(hash: ScramHash, user: &str, password: &str, nonce: &str) -> Scram {
    let nonce = ScramNonce::fixed(nonce).expect("it is a nonce");
    Scram::new(hash, user, &Secret::from(password), nonce).expect("they are legal")
}

fn pencil() -> Scram {
    scram(ScramHash::Sha256, "user", "pencil", NONCE)
}

/// The client's last message, after the work was done.
fn proof_of(scram: &mut Scram, server_first: &str) -> String {
    let work = work(scram.step(Some(server_first.as_bytes())));
    String::from_utf8(sent(scram.resume(work.run()))).expect("it is UTF-8")
}

/// The words of the failure when the broker's first message is this.
fn refused_first(message: &str) -> String {
    failure_of(&mut pencil(), &[message.as_bytes()]).to_string()
}

// SE11
#[test]
fn the_exchange_of_rfc_7677_comes_out_byte_by_byte() {
    let mut scram = pencil();
    assert_eq!(scram.name(), "SCRAM-SHA-256");
    assert_eq!(sent(scram.step(None)), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let last = proof_of(
        &mut scram,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    );
    assert_eq!(
        last,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    assert!(!scram.is_complete(), "the broker has proved nothing yet");
    let done = scram.step(Some(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    assert!(matches!(done, Ok(SaslStep::Done)), "{done:?}");
    assert!(scram.is_complete());
}

// SE11, SE12, SE17: the values are those of Python's hashlib and hmac.
#[test]
fn a_delegation_token_with_commas_and_letters_beyond_ascii_is_signed_as_others_sign_it() {
    let mut scram = scram(ScramHash::Sha512, "m=n,", "pä,ss=w°rd", "abc").with_delegation_token();
    assert_eq!(scram.name(), "SCRAM-SHA-512");
    assert_eq!(sent(scram.step(None)), b"n,,n=m=3Dn=2C,r=abc,tokenauth=true");
    assert_eq!(
        proof_of(&mut scram, "r=abcXYZ,s=c2FsdA==,i=8192"),
        "c=biws,r=abcXYZ,p=sAhmdWbbzp7Fwoapt9lqUS5dmVY+9sSSd1Vg5NaukoJGncgDjghu+ekK5xxKNIP10IjRpFFSDXw2Ko3KEJMGOA=="
    );
    let signature =
        b"v=cEPhlS4AMS8q/WYM9e4vvFq0I6vBWhX8icOKhtXJ5iQJv+iryrelBCaiJWRx8tLbwzn4M5i0bG8F97qN5TIJsw==";
    assert!(matches!(scram.step(Some(signature)), Ok(SaslStep::Done)));
}

// SE11: the nonces, salts and the beginnings of the signatures are those that brokers sent; the rest of the
// signatures is Python's.
#[test]
fn what_kafka_4_3_and_3_9_sent_for_alice_is_believed() {
    let recorded = [
        (
            ScramHash::Sha256,
            "ePAEBweNwqU9goCdHzG70B2HMlOc2us8",
            "r=ePAEBweNwqU9goCdHzG70B2HMlOc2us814rw8d26kbc4svy3dgub5979nf,s=MWNsOWs3OGZjdWlkODdoY3pudXo2cHh1bGw=,i=4096",
            "v=qsx05uekjlg+2duLkpUeuZU+ZkA29hS5CfKWQ7OtfGg=",
        ),
        (
            ScramHash::Sha512,
            "PDjpnUc1wA3MnDPxGLmfMtdkjWkAEXw0",
            "r=PDjpnUc1wA3MnDPxGLmfMtdkjWkAEXw012xoj1luabhp8c1houhrptvqoe,s=MTlucmM1OTh0Y3JmM2NhcDJyejR6ZjdqanY=,i=8192",
            "v=Z2OyzK/XGKx49DcxVOzbM4DJ9pV4HeX90QRMgaz/rZmMnd8hFnncmIw/UlGSXIQGqcsHjHT6/gqdP8WTdgDUPA==",
        ),
        (
            ScramHash::Sha256,
            "JBuv6GxwhZ9MHdMdh0BWWA9DMRwWbQ9c",
            "r=JBuv6GxwhZ9MHdMdh0BWWA9DMRwWbQ9cprxgfjj8h4pqnu4flz85an13u,s=MTc2anV1Y2VjdXI1dTZnMzFxbHJhZmVyMzQ=,i=4096",
            "v=JfBscyoafQnPgAu3b1P8k4oaUxN/P0/d2B38QZuNvL0=",
        ),
        (
            ScramHash::Sha512,
            "5l3HTcHmdWkG6Bo5J325EdjSUat8EvDi",
            "r=5l3HTcHmdWkG6Bo5J325EdjSUat8EvDi15th3vzziqfsortkxgn2gwsdq6,s=MWYwMnhmdjd6eDNmNGE1bGFqd3E4dmlmaXQ=,i=8192",
            "v=RnorznlSlMnYxztxX8YcUGKad4vVuEkwTlCyvsNFKfsl+egdsO/VdH8e9Oy0/kLR8nMtN2VMEAtN+IaRbT+i1w==",
        ),
    ];
    for (hash, nonce, first, last) in recorded {
        let mut scram = scram(hash, "alice", "alice-secret", nonce);
        let _ = sent(scram.step(None));
        let _ = proof_of(&mut scram, first);
        assert!(matches!(scram.step(Some(last.as_bytes())), Ok(SaslStep::Done)), "{first}");
    }
}

// A4
#[test]
fn keys_that_are_known_leave_no_work_and_others_do() {
    let broker = ScramBroker { password: "pencil", salt: b"salt", iterations: 4096 };
    let mut cache = ScramKeyCache::default();

    let mut first = pencil().known_keys(&cache);
    let hello = sent(first.step(None));
    let worked = work(first.step(Some(&broker.first(&hello)))).run();
    cache.keep(worked.result::<ScramKeys>().expect("it derived keys").clone());
    let proof = sent(first.resume(worked));
    assert!(matches!(first.step(Some(&broker.last(&hello, &proof))), Ok(SaslStep::Done)));

    let mut second = scram(ScramHash::Sha256, "user", "pencil", "another").known_keys(&cache);
    let hello = sent(second.step(None));
    let proof = sent(second.step(Some(&broker.first(&hello))));
    assert!(matches!(second.step(Some(&broker.last(&hello, &proof))), Ok(SaslStep::Done)));

    let others = [
        scram(ScramHash::Sha512, "user", "pencil", NONCE),
        scram(ScramHash::Sha256, "other", "pencil", NONCE),
        scram(ScramHash::Sha256, "user", "corrected", NONCE),
    ];
    for mut other in others.map(|scram| scram.known_keys(&cache)) {
        let hello = sent(other.step(None));
        let step = other.step(Some(&broker.first(&hello)));
        assert!(matches!(step, Ok(SaslStep::Pending(_))), "{other:?}");
    }
    let salted_anew = ScramBroker { salt: b"pepper", ..broker };
    let mut scram = pencil().known_keys(&cache);
    let hello = sent(scram.step(None));
    assert!(matches!(scram.step(Some(&salted_anew.first(&hello))), Ok(SaslStep::Pending(_))));
}

// A4
#[test]
fn the_work_of_another_exchange_is_not_taken() {
    let first = format!("r={NONCE}x,s=c2FsdA==,i=4096");
    let mut theirs = scram(ScramHash::Sha256, "user", "other", NONCE);
    let _ = sent(theirs.step(None));
    let theirs = work(theirs.step(Some(first.as_bytes()))).run();
    for worked in [theirs, Worked::done(5u32)] {
        let mut ours = pencil();
        let _ = sent(ours.step(None));
        drop(work(ours.step(Some(first.as_bytes()))));
        let failure = ours.resume(worked).expect_err("it is not ours");
        assert_eq!(failure.to_string(), "SCRAM-SHA-256: the work of another exchange came back");
    }
}

#[test]
fn work_that_failed_fails_the_exchange() {
    let mut scram = pencil();
    let _ = sent(scram.step(None));
    drop(work(scram.step(Some(format!("r={NONCE}x,s=c2FsdA==,i=4096").as_bytes()))));
    let why = SaslFailure::NoHandshake;
    assert_eq!(scram.resume(Worked::failed(why.clone())).expect_err("it failed"), why);
    assert!(scram.step(Some(b"")).is_err(), "nothing goes on");
}

// H29, SE13
#[test]
fn a_broker_that_does_not_know_the_keys_is_refused_although_it_says_that_all_is_well() {
    let first = format!("r={NONCE}x,s=c2FsdA==,i=4096");
    let last = |message: &str| failure_of(&mut pencil(), &[first.as_bytes(), message.as_bytes()]).to_string();
    let wrong = "SCRAM-SHA-256: the broker's signature is wrong: it does not know this user's keys";
    assert_eq!(last("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), wrong);
    assert_eq!(last("v="), wrong);
    assert_eq!(last("v=AAAA"), wrong);
    assert_eq!(last("e=other-error"), "SCRAM-SHA-256: the broker ended the exchange: other-error");
    assert_eq!(last("e="), "SCRAM-SHA-256: the broker ended the exchange: ");
    let malformed = "SCRAM-SHA-256: the broker's last SCRAM message ";
    assert_eq!(last("hello"), format!("{malformed}has neither a signature (v=) nor an error (e=)"));
    assert_eq!(last("v=%%%"), format!("{malformed}has a signature that is not base64"));
    assert_eq!(
        last(&format!("v={}", "A".repeat(1 << 20))),
        format!("{malformed}has a signature that is too long")
    );
}

// H36
#[test]
fn an_empty_answer_while_a_message_is_awaited_is_no_success() {
    let early = "SCRAM-SHA-256: the broker ended the exchange before it was over";
    assert_eq!(refused_first(""), early);
    let first = format!("r={NONCE}x,s=c2FsdA==,i=4096");
    assert_eq!(failure_of(&mut pencil(), &[first.as_bytes(), b""]).to_string(), early);
}

// H30
#[test]
fn too_few_iterations_are_refused() {
    for asked in ["0", "-1", "1", "4095", "-99999999999999999999"] {
        let failure = failure_of(&mut pencil(), &[format!("r={NONCE}x,s=c2FsdA==,i={asked}").as_bytes()]);
        assert!(matches!(failure, SaslFailure::TooFewIterations { .. }), "{asked}: {failure}");
    }
    assert_eq!(
        refused_first(&format!("r={NONCE}x,s=c2FsdA==,i=4095")),
        "SCRAM-SHA-256: the broker asks for 4095 iterations, fewer than 4096"
    );
}

// H31
#[test]
fn too_many_iterations_are_refused_before_any_work_is_handed_out() {
    // That no work was handed out is what `step` shows: it fails.
    let step = |scram: Scram, asked: &str| {
        let mut scram = scram;
        let _ = sent(scram.step(None));
        scram.step(Some(format!("r={NONCE}x,s=c2FsdA==,i={asked}").as_bytes()))
    };
    for asked in ["1000001", "2147483647", "4294967296", "99999999999999999999"] {
        let failure = step(pencil(), asked).expect_err("they are too many");
        assert!(matches!(failure, SaslFailure::TooManyIterations { .. }), "{asked}: {failure}");
    }
    assert_eq!(
        step(pencil(), "2147483647").expect_err("they are too many").to_string(),
        "SCRAM-SHA-256: the broker asks for 2147483647 iterations, more than 1000000 (kp.scram.max.iterations)"
    );
    assert!(matches!(step(pencil(), "1000000"), Ok(SaslStep::Pending(_))));
    assert!(step(pencil().max_iterations(5000), "5001").is_err());
}

// H32, H33
#[test]
fn a_nonce_that_is_not_ours_and_longer_is_refused() {
    let begins = "SCRAM-SHA-256: the broker's first SCRAM message ";
    let other = format!("{begins}does not begin with the nonce that was sent to it");
    assert_eq!(
        refused_first(&format!("r={NONCE},s=c2FsdA==,i=4096")),
        format!("{begins}adds nothing to the nonce that was sent to it")
    );
    assert_eq!(
        refused_first("r=,s=c2FsdA==,i=4096"),
        format!("{begins}has a nonce that is not printable ASCII")
    );
    // Recorded from an earlier exchange.
    assert_eq!(refused_first("r=ePAEBweNwqU914rw8d26k,s=c2FsdA==,i=4096"), other);
    assert_eq!(refused_first(&format!("r={},s=c2FsdA==,i=4096", &NONCE[1..])), other);
    assert_eq!(
        refused_first(&format!("r={NONCE}\u{7},s=c2FsdA==,i=4096")),
        format!("{begins}has a nonce that is not printable ASCII")
    );
}

// H34
#[test]
fn a_salt_that_is_none_an_unknown_demand_and_another_order_are_refused() {
    let huge = format!("r={NONCE}x,s={},i=4096", "A".repeat(1 << 20));
    for (message, problem) in [
        (format!("r={NONCE}x,s=,i=4096"), "has an empty salt"),
        (format!("r={NONCE}x,s=%%%,i=4096"), "has a salt that is not base64"),
        (huge, "has a salt of more than 1 KiB"),
        (format!("m=x,r={NONCE}x,s=c2FsdA==,i=4096"), "has an extension that must be understood (m=)"),
        (format!("r={NONCE}x,s=c2FsdA==,i=4096,m=x"), "has an extension that must be understood (m=)"),
        (format!("s=c2FsdA==,r={NONCE}x,i=4096"), "has no nonce (r=) at its beginning"),
        (format!("r={NONCE}x,i=4096,s=c2FsdA=="), "has no salt (s=) after the nonce"),
        (format!("r={NONCE}x,s=c2FsdA=="), "has no number of iterations (i=) after the salt"),
        (format!("r={NONCE}x,s=c2FsdA==,i=+4096"), "has a number of iterations that is no number"),
        (format!("r={NONCE}x,s=c2FsdA==,i="), "has a number of iterations that is no number"),
        (format!("r={NONCE}x,s=c2FsdA==,i=٤٠٩٦"), "has a number of iterations that is no number"),
        ("no SCRAM at all".to_owned(), "has no nonce (r=) at its beginning"),
    ] {
        assert_eq!(
            refused_first(&message),
            format!("SCRAM-SHA-256: the broker's first SCRAM message {problem}")
        );
    }
    let failure = failure_of(&mut pencil(), &[b"r=\xff"]);
    assert_eq!(failure.to_string(), "SCRAM-SHA-256: the broker's first SCRAM message is not UTF-8");
}

// H34
#[test]
fn extensions_that_need_not_be_understood_are_ignored() {
    let mut scram = pencil();
    let _ = sent(scram.step(None));
    let step = scram.step(Some(format!("r={NONCE}x,s=c2FsdA==,i=4096,x=y,z=").as_bytes()));
    assert!(matches!(step, Ok(SaslStep::Pending(_))), "{step:?}");
}

// H35
#[test]
fn a_signature_in_place_of_the_first_message_is_refused() {
    assert_eq!(
        refused_first("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
        "SCRAM-SHA-256: the broker's first SCRAM message is the last one: it skips the proof"
    );
}

#[test]
fn a_word_for_an_error_is_shown_without_what_it_does_to_a_terminal() {
    assert_eq!(
        refused_first("e=no\u{1b}[2J\nuser,x=y"),
        "SCRAM-SHA-256: the broker ended the exchange: no\\u{1b}[2J\\nuser"
    );
}

#[test]
fn steps_out_of_turn_are_refused_and_end_the_exchange() {
    assert!(pencil().step(Some(b"hello")).is_err(), "the broker spoke first");
    assert!(pencil().resume(Worked::done(())).is_err());
    let mut twice = pencil();
    let _ = sent(twice.step(None));
    assert!(twice.step(None).is_err());
    let first = format!("r={NONCE}x,s=c2FsdA==,i=4096");
    assert!(twice.step(Some(first.as_bytes())).is_err(), "it has failed");
    let mut impatient = pencil();
    let _ = sent(impatient.step(None));
    drop(work(impatient.step(Some(first.as_bytes()))));
    assert!(impatient.step(Some(first.as_bytes())).is_err(), "work is not done");
}

// SE11
#[test]
fn each_random_nonce_is_another_one_of_24_bytes() {
    let nonce = || {
        let nonce = ScramNonce::random().expect("there is randomness here");
        let mut scram =
            Scram::new(ScramHash::Sha256, "u", &Secret::from("p"), nonce).expect("they are legal");
        let message = String::from_utf8(sent(scram.step(None))).expect("it is UTF-8");
        message.strip_prefix("n,,n=u,r=").expect("it has a nonce").to_owned()
    };
    let (one, other) = (nonce(), nonce());
    assert_eq!((one.len(), other.len()), (32, 32));
    assert_ne!(one, other);
}

#[test]
fn credentials_that_no_broker_takes_are_refused_before_there_is_a_connection() {
    let failure = |user: &str, password: &str| {
        let nonce = ScramNonce::fixed("n").expect("it is a nonce");
        Scram::new(ScramHash::Sha512, user, &Secret::from(password), nonce)
            .expect_err("no broker")
            .to_string()
    };
    assert_eq!(failure("", "p"), "SCRAM-SHA-512: the user is empty");
    assert_eq!(failure("u", ""), "SCRAM-SHA-512: the password is empty");
    assert_eq!(failure(&"u".repeat(65_537), "p"), "SCRAM-SHA-512: the user is longer than 64 KiB");
    for nonce in ["", "a,b", "a b", "ä"] {
        assert!(ScramNonce::fixed(nonce).is_err(), "{nonce}");
    }
}
