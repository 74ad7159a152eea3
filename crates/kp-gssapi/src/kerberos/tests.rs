//! Exchanges with a KDC and a service that do one thing wrong at a time, and with any bytes.

use super::chance::Chance;
use super::context::{Begun, Established};
use super::credential::Credential;
use super::file::File;
use super::keytab::Keytab;
use super::login::log_in;
use super::moment::Moment;
use super::scripted_kdc::{Fault, NOW, ScriptedKdc, ScriptedService, ServiceFault, keytab};
use super::service_ticket::Asking;
use super::*;
use crate::KerberosFailure;
use proptest::prelude::*;

const MOMENT: Moment = Moment { seconds: NOW, micros: 123_456 };
const CHANCE: Chance = |bytes| {
    bytes.fill(0x5a);
    Ok(())
};

fn logged_in(kdc: &ScriptedKdc, etype: i32) -> Result<Credential, KerberosFailure> {
    let keytab = Keytab::parse(&File::of_bytes(&keytab("kp@KP.TEST", &[etype], 2))).expect("a keytab");
    log_in(kdc, &keytab, &"kp@KP.TEST".parse().expect("a name"), 36_000, MOMENT, CHANCE)
}

fn ticket(kdc: &ScriptedKdc, etype: i32) -> Result<Credential, KerberosFailure> {
    let granting = logged_in(kdc, etype)?;
    let service = Principal::service("kafka", "localhost", "KP.TEST");
    Asking { kdc, now: MOMENT, chance: CHANCE }.ticket_for(&service, &granting)
}

fn begun(etype: i32) -> (Begun, Vec<u8>) {
    let ticket = ticket(&ScriptedKdc::new(etype), etype).expect("a ticket");
    Begun::new(&ticket, MOMENT, CHANCE).expect("a context")
}

fn established(etype: i32, service: &ScriptedService) -> Established {
    let (begun, token) = begun(etype);
    begun.proved(&service.prove(&token, ServiceFault::None)).expect("the service is right")
}

#[test]
fn a_client_logs_in_and_gets_a_ticket_with_each_type_of_key() {
    for etype in etype::SPOKEN {
        let kdc = ScriptedKdc::new(etype);
        let ticket = ticket(&kdc, etype).expect("a ticket");
        assert_eq!(ticket.service.to_string(), "kafka/localhost@KP.TEST");
        assert_eq!(ticket.key.enctype().to_i32(), etype);
        assert_eq!((kdc.given(), ticket.life.end), ((1, 1), NOW + 36_000));
    }
}

#[test]
fn a_login_asks_for_the_types_of_its_keytab_first_and_for_the_others_too() {
    struct Looking(ScriptedKdc);
    impl Kdc for Looking {
        fn ask(&self, realm: &str, request: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
            let asked = kerbcore::messages::KdcReq::decode(request).expect("a request").req_body.etypes;
            assert_eq!(asked, [19, 18, 17, 20]);
            self.0.ask(realm, request)
        }
    }
    let keytab = Keytab::parse(&File::of_bytes(&keytab("kp@KP.TEST", &[19], 2))).expect("a keytab");
    let kp = "kp@KP.TEST".parse().expect("a name");
    let login = log_in(&Looking(ScriptedKdc::new(19)), &keytab, &kp, 36_000, MOMENT, CHANCE);
    assert_eq!(login.expect("a login").key.enctype().to_i32(), 19);
    // A KDC that has a key of another type alone says so.
    let failure =
        log_in(&Looking(ScriptedKdc::new(18)), &keytab, &kp, 36_000, MOMENT, CHANCE).expect_err("no key");
    assert!(failure.to_string().contains("none of a type that is in the keytab"), "{failure}");
}

// H62
#[test]
fn an_answer_that_does_not_belong_to_the_question_is_refused() {
    let faults = [
        (Fault::WrongNonce, "its nonce is another"),
        (Fault::WrongRealm, "a ticket of another realm"),
        (Fault::OtherEtype, "a ticket with a key of arcfour-hmac (23), which was not asked for"),
        (Fault::OtherService, "a ticket for host/evil@KP.TEST, and not for"),
        (Fault::OtherClient, "the ticket is for another client"),
        (Fault::OtherTicketOutside, "the ticket is not the one that the answer is about"),
        (Fault::Ended, "a ticket that ended at 2023-11-14 22:08"),
        (Fault::WrongKey, "cannot be decrypted"),
        (Fault::Garbage(b"HTTP/1.1 400".to_vec()), "no answer that can be read"),
        (Fault::Garbage(Vec::new()), "no answer that can be read"),
    ];
    for (fault, words) in faults {
        for is_login in [true, false] {
            let kdc = ScriptedKdc::new(18);
            if is_login {
                kdc.login_goes_wrong(fault.clone())
            } else {
                kdc.ticket_goes_wrong(fault.clone())
            }
            let failure = ticket(&kdc, 18).expect_err("it is wrong");
            assert!(failure.to_string().contains(words), "{fault:?}: {failure}");
            assert!(!failure.is_retriable(), "{failure}");
        }
    }
}

// H62, SE15
#[test]
fn an_error_of_a_kdc_is_told_by_its_name_with_what_to_change() {
    let text = |code| {
        let kdc = ScriptedKdc::new(18);
        kdc.ticket_goes_wrong(Fault::Error(code));
        ticket(&kdc, 18).expect_err("refused").to_string()
    };
    assert_eq!(
        text(7),
        "the KDC of KP.TEST answers KDC_ERR_S_PRINCIPAL_UNKNOWN (7) for kafka/localhost@KP.TEST: words\\u{1b}[31m; the KDC \
         knows no such service (sasl.kerberos.service.name, or the name that the broker advertises)"
    );
    let kdc = ScriptedKdc::new(18);
    kdc.clock_is_at(NOW + 600);
    kdc.login_goes_wrong(Fault::Error(37));
    let failure = logged_in(&kdc, 18).expect_err("refused");
    assert!(
        failure
            .to_string()
            .contains("KRB_AP_ERR_SKEW (37) for kp@KP.TEST: the clocks are too far apart: here it is 2023-")
    );
    for (code, retriable) in [
        (21, true),
        (33, true),
        (34, true),
        (37, false),
        (6, false),
        (24, false),
        (-1, false),
        (i32::MAX, false),
    ] {
        kdc.login_goes_wrong(Fault::Error(code));
        assert_eq!(logged_in(&kdc, 18).expect_err("refused").is_retriable(), retriable, "{code}");
    }
    kdc.login_goes_wrong(Fault::Silent);
    assert!(logged_in(&kdc, 18).expect_err("nobody answers").is_retriable());
}

// H62
#[test]
fn referrals_are_followed_through_five_realms_and_not_in_a_circle() {
    let text = |realms| {
        let kdc = ScriptedKdc::new(18);
        kdc.ticket_goes_wrong(Fault::Referrals(realms));
        let failure = ticket(&kdc, 18).expect_err("no end").to_string();
        (failure, kdc.asked().len())
    };
    let (failure, asked) = text(3);
    assert!(failure.contains("which sent us here") && asked == 4, "{failure} {asked}");
    let (failure, asked) = text(1000);
    assert!(failure.contains("no end after 5 realms") && asked == 6, "{failure} {asked}");
}

#[test]
fn a_service_of_another_realm_is_asked_for_there() {
    let kdc = ScriptedKdc::new(18);
    let granting = logged_in(&kdc, 18).expect("a login");
    let service = Principal::service("kafka", "localhost", "OTHER.TEST");
    let ticket =
        Asking { kdc: &kdc, now: MOMENT, chance: CHANCE }.ticket_for(&service, &granting).expect("a ticket");
    assert_eq!(ticket.service.to_string(), "kafka/localhost@OTHER.TEST");
    assert_eq!(kdc.asked(), ["krbtgt/OTHER.TEST@KP.TEST", "kafka/localhost@OTHER.TEST"]);
}

#[test]
fn a_context_wraps_and_unwraps_with_and_without_a_key_of_the_service() {
    for etype in etype::SPOKEN {
        for subkey in [None, Some(17), Some(20)] {
            let service = ScriptedService::new(etype, subkey);
            let mut context = established(etype, &service);
            for rotation in [0, 1, 12, 16, 65_535] {
                assert_eq!(context.unwrap(&service.wrap(&[1, 2, 3, 4], rotation)), Ok(vec![1, 2, 3, 4]));
            }
            assert_eq!(context.unwrap(&service.wrap(&[], 3)), Ok(Vec::new()));
            assert_eq!(service.unwrap(&context.wrap(b"hello")), b"hello");
        }
    }
}

// H63
#[test]
fn a_service_that_does_not_prove_itself_is_not_believed() {
    for (fault, words) in [
        (ServiceFault::OtherMoment, "does not repeat our moment"),
        (ServiceFault::WrongKey, "does not know the ticket's key"),
        (ServiceFault::NoReply, "is a token of another kind"),
        (ServiceFault::Refuses, "is the error KRB_AP_ERR_SKEW (37)"),
    ] {
        let (begun, token) = begun(18);
        let failure =
            begun.proved(&ScriptedService::new(18, None).prove(&token, fault)).expect_err("no proof");
        assert!(failure.to_string().contains(words), "{failure}");
    }
    // One for an earlier context is none for this: its moment is another.
    let service = ScriptedService::new(18, None);
    let (_, token) = begun(18);
    let old = service.prove(&token, ServiceFault::None);
    let credential = ticket(&ScriptedKdc::new(18), 18).expect("a ticket");
    let later = Moment { seconds: NOW + 1, ..MOMENT };
    let (begun, _) = Begun::new(&credential, later, CHANCE).expect("a context");
    assert!(begun.proved(&old).is_err());
}

// H63
#[test]
fn a_wrapped_message_that_was_changed_is_refused() {
    let service = ScriptedService::new(18, None);
    let context = established(18, &service);
    let right = service.wrap(&[1, 0, 0, 0], 0);
    for at in 0..right.len() {
        let mut changed = right.clone();
        // Turned round by 256 bytes, a message of 16 is as it was.
        changed[at] ^= if at == 6 { 0x80 } else { 1 };
        changed[7] ^= u8::from(at == 6);
        assert!(context.unwrap(&changed).is_err(), "{at}");
        assert!(context.unwrap(&right[..at]).is_err(), "{at}");
    }
    // Our own message, sent back.
    let mut ours = established(18, &service);
    let token = ours.wrap(&[1, 0, 0, 0]);
    assert!(context.unwrap(&token).is_err());
}

#[test]
fn a_moment_and_chance_make_each_token_another() {
    let credential = ticket(&ScriptedKdc::new(18), 18).expect("a ticket");
    let token = |now| Begun::new(&credential, now, chance::of_the_system).expect("a context").1;
    assert_ne!(token(MOMENT), token(MOMENT));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_answer_of_a_kdc_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), tag in 0x60..0x7f_u8) {
        for bytes in [bytes.clone(), kerbcore::der::tlv(tag, &kerbcore::der::encode_sequence(&bytes))] {
            let kdc = ScriptedKdc::new(17);
            kdc.ticket_goes_wrong(Fault::Garbage(bytes));
            prop_assert!(ticket(&kdc, 17).is_err());
        }
    }

    #[test]
    fn any_token_of_a_broker_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let service = ScriptedService::new(17, None);
        let context = established(17, &service);
        prop_assert!(context.unwrap(&bytes).is_err());
        prop_assert!(context.unwrap(&[&[5, 4, 1, 0xff], &bytes[..]].concat()).is_err());
        let framed = kerbcore::gss::initial_context_token([2, 0], &bytes);
        prop_assert!(begun(17).0.proved(&bytes).is_err());
        prop_assert!(begun(17).0.proved(&framed).is_err());
    }

    #[test]
    fn an_answer_with_one_byte_changed_is_refused_or_means_the_same(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        // The answer to a request is always the same here, since moment and chance are.
        struct Changing(ScriptedKdc, prop::sample::Index, u8);
        impl Kdc for Changing {
            fn ask(&self, realm: &str, request: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
                let mut answer = self.0.ask(realm, request)?;
                let at = self.1.index(answer.len());
                answer[at] = self.2;
                Ok(answer)
            }
        }
        let kdc = Changing(ScriptedKdc::new(18), at, to);
        let keytab = Keytab::parse(&File::of_bytes(&keytab("kp@KP.TEST", &[18], 2))).expect("a keytab");
        let kp: Principal = "kp@KP.TEST".parse().expect("a name");
        if let Ok(granting) = log_in(&kdc, &keytab, &kp, 36_000, MOMENT, CHANCE) {
            prop_assert_eq!(granting.client, kp);
            prop_assert_eq!(granting.service.to_string(), "krbtgt/KP.TEST@KP.TEST");
        }
    }
}
