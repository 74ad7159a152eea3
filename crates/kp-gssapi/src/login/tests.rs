//! A login over a KDC that does what a test says, and over a clock that a test moves.

use super::*;
use crate::kerberos::scripted_kdc::{
    Fault, NOW, ScriptedKdc, ScriptedService, ServiceFault, keytab, ticket_cache,
};
use kp_sasl::{SaslFailure, SaslStep, Secret};
use kp_time::ManualClock;
use std::path::PathBuf;
use std::time::Duration;

/// A login from a keytab in a folder of its own, and all that is around it.
struct Scene {
    kdc: ScriptedKdc,
    clock: Arc<ManualClock>,
    login: KerberosLogin,
    folder: PathBuf,
}

impl Scene {
    fn new(name: &str) -> Self {
        Self::with(name, |settings| settings)
    }

    fn with(name: &str, change: impl FnOnce(Kerberos) -> Kerberos) -> Self {
        let folder = std::env::temp_dir().join(format!("kp-gssapi-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("kp.keytab"), keytab("kp@KP.TEST", &[18], 2)).expect("written");
        let settings = change(Kerberos::keytab(folder.join("kp.keytab"), "kp"));
        let conf = Krb5Conf::parse("[libdefaults]\ndefault_realm = KP.TEST\n").expect("a krb5.conf");
        let (kdc, clock) = (ScriptedKdc::new(18), Arc::new(ManualClock::new()));
        let (boxed, shared) = (Box::new(kdc.clone()), Arc::clone(&clock) as Arc<dyn Clock>);
        let login = KerberosLogin::over(settings, Arc::new(conf), boxed, shared, chance::of_the_system);
        Self { kdc, clock, login: login.expect("it is right"), folder }
    }

    fn goes_by(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.kdc.clock_is_at(self.clock.timestamp_ms() / 1000);
    }

    /// The first token for a broker.
    fn begun(&self, host: &str) -> Result<(Box<dyn SaslMechanism>, Vec<u8>), SaslFailure> {
        let mut mechanism = self.login.mechanism(host);
        let SaslStep::Pending(work) = mechanism.step(None)? else {
            panic!("a ticket has to be fetched first")
        };
        let token = sent(mechanism.resume(work.run())?);
        Ok((mechanism, token))
    }

    /// A whole exchange.
    fn authenticated(&self, host: &str) -> Result<(), SaslFailure> {
        let (mut mechanism, token) = self.begun(host)?;
        let service = ScriptedService::new(18, None);
        let empty = sent(mechanism.step(Some(&service.prove(&token, ServiceFault::None)))?);
        assert!(empty.is_empty() && !mechanism.is_complete());
        let choice = sent(mechanism.step(Some(&service.wrap(&[1, 0xff, 0xff, 0xff], 0)))?);
        assert_eq!(service.unwrap(&choice), [1, 0, 0, 0]);
        assert!(mechanism.is_complete());
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn sent(step: SaslStep) -> Vec<u8> {
    let SaslStep::Send(token) = step else { panic!("a token is to be sent: {step:?}") };
    token.expose().to_vec()
}

// SE15
#[test]
fn an_exchange_is_a_ticket_an_empty_token_and_the_choice_of_no_layer() {
    Scene::new("exchange").authenticated("broker.example").expect("all is right");
}

// H63
// A17
#[test]
fn the_service_and_the_types_of_keys_are_told_once_there_is_a_ticket() {
    let scene = Scene::new("facts");
    assert!(scene.login.mechanism("broker.kp.test").facts().is_empty());
    let (mechanism, _) = scene.begun("localhost").expect("a ticket");
    let facts = mechanism.facts();
    let told: Vec<_> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let etype = "aes256-cts-hmac-sha1-96 (18)";
    let expected = [
        ("service", "kafka/localhost@KP.TEST"),
        ("client", "kp@KP.TEST"),
        ("ticket", etype),
        ("session key", etype),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_broker_that_offers_other_layers_alone_is_refused() {
    let scene = Scene::new("layers");
    let service = ScriptedService::new(18, None);
    for offer in
        [&[2, 0, 0, 0][..], &[4, 0, 0, 0], &[6, 0, 0, 0], &[0, 0, 0, 0], &[1, 0, 0], &[], &[1, 0, 0, 0, 0]]
    {
        let (mut mechanism, token) = scene.begun("b").expect("a ticket");
        let _ = mechanism.step(Some(&service.prove(&token, ServiceFault::None))).expect("a proof");
        let failure = mechanism.step(Some(&service.wrap(offer, 0))).expect_err("no layer that Kafka has");
        assert!(failure.to_string().starts_with("GSSAPI: the broker's offer of layers has"), "{failure}");
        assert!(!mechanism.is_complete() && !failure.is_retriable());
    }
}

// H63
#[test]
fn a_broker_that_ends_the_exchange_early_proves_nothing() {
    let scene = Scene::new("early");
    let (mut mechanism, _) = scene.begun("b").expect("a ticket");
    assert!(mechanism.step(Some(b"")).is_err());
    assert!(!mechanism.is_complete());
    assert!(mechanism.step(Some(b"")).is_err() && mechanism.step(None).is_err());
}

#[test]
fn connections_share_one_login_and_a_ticket_that_the_broker_took() {
    let scene = Scene::new("share");
    for _ in 0..3 {
        scene.authenticated("a").expect("all is right");
    }
    scene.authenticated("b").expect("all is right");
    assert_eq!(scene.kdc.given(), (1, 2));
    assert_eq!(scene.kdc.asked(), ["kafka/a@KP.TEST", "kafka/b@KP.TEST"]);
}

#[test]
fn a_ticket_that_a_broker_does_not_take_any_more_is_used_no_second_time() {
    let scene = Scene::new("rejected");
    scene.authenticated("a").expect("all is right");
    // The broker got another key: it closes, and the exchange ends here.
    drop(scene.begun("a").expect("the ticket of before"));
    assert_eq!(scene.kdc.given(), (1, 1));
    scene.authenticated("a").expect("with a new one");
    assert_eq!(scene.kdc.given(), (1, 2));
}

// SE48
#[test]
fn the_client_logs_in_again_when_four_fifths_of_its_ticket_are_over() {
    let scene = Scene::new("renewal");
    scene.authenticated("a").expect("all is right");
    scene.goes_by(36_000 * 79 / 100);
    scene.authenticated("b").expect("all is right");
    assert_eq!(scene.kdc.given().0, 1);
    scene.goes_by(36_000 * 7 / 100);
    scene.authenticated("c").expect("all is right");
    assert_eq!(scene.kdc.given().0, 2);
}

// SE48
#[test]
fn a_login_that_fails_leaves_the_old_ticket_in_use_and_is_not_tried_at_once_again() {
    let scene = Scene::new("old");
    scene.authenticated("a").expect("all is right");
    scene.goes_by(36_000 * 9 / 10);
    scene.kdc.login_goes_wrong(Fault::Error(6));
    scene.authenticated("b").expect("the old ticket is good for an hour");
    scene.kdc.login_goes_wrong(Fault::None);
    scene.authenticated("c").expect("the old ticket is good for an hour");
    // Two logins: the first, and the one that failed.
    assert_eq!(scene.kdc.given().0, 2);
    scene.goes_by(61);
    scene.authenticated("d").expect("all is right");
    assert_eq!(scene.kdc.given().0, 3);
}

// SE48
#[test]
fn without_a_ticket_that_is_good_each_connection_logs_in() {
    let scene = Scene::new("short");
    scene.kdc.gives_life(20);
    scene.authenticated("a").expect("all is right");
    scene.kdc.login_goes_wrong(Fault::Silent);
    scene.goes_by(21);
    let failure = scene.begun("a").map(drop).expect_err("the ticket is over, and no KDC answers");
    assert_eq!(failure.to_string(), "GSSAPI: no KDC of KP.TEST answers: silent");
    assert!(failure.is_retriable());
    scene.kdc.login_goes_wrong(Fault::None);
    scene.authenticated("a").expect("the KDC is there again");
}

#[test]
fn a_ticket_for_a_broker_is_fetched_anew_before_it_ends() {
    let scene = Scene::new("fresh");
    scene.authenticated("a").expect("all is right");
    scene.goes_by(36_000 * 81 / 100);
    scene.authenticated("a").expect("all is right");
    assert_eq!(scene.kdc.given().1, 2);
}

#[test]
fn a_keytab_that_was_written_anew_is_read_anew() {
    let scene = Scene::new("rekeyed");
    scene.authenticated("a").expect("all is right");
    std::fs::write(scene.folder.join("kp.keytab"), keytab("kq@KP.TEST", &[18], 2)).expect("written");
    scene.goes_by(36_001);
    let failure = scene.begun("b").map(drop).expect_err("the key is gone");
    assert!(failure.to_string().contains("has no key of kp@KP.TEST"), "{failure}");
}

#[test]
fn what_is_wrong_with_the_keytab_is_told_when_the_login_is_made() {
    let make = |settings: Kerberos| {
        let clock = Arc::new(ManualClock::new());
        let conf = Arc::new(Krb5Conf::default());
        KerberosLogin::over(settings, conf, Box::new(ScriptedKdc::new(18)), clock, chance::of_the_system)
            .map(drop)
            .expect_err("it is wrong")
            .to_string()
    };
    let text = make(Kerberos::keytab("/does/not/exist", "kp@R"));
    assert!(text.starts_with("the keytab /does/not/exist: No such file"), "{text}");
    let scene = Scene::new("realm");
    let text = make(Kerberos::keytab(scene.folder.join("kp.keytab"), "kp"));
    assert_eq!(text, "no realm: write kp@REALM (principal), or default_realm in krb5.conf");
    let text = make(Kerberos::keytab("/tmp", "kp@R"));
    assert!(text.contains("is no regular file"), "{text}");
}

// SE48
#[test]
fn a_cache_is_read_before_each_use_and_its_end_is_told() {
    let scene = Scene::with("cache", |_| Kerberos::ticket_cache("/does/not/exist"));
    let failure = scene.begun("a").map(drop).expect_err("there is no cache");
    assert!(failure.to_string().contains("the ticket cache /does/not/exist: No such file"), "{failure}");
    assert!(failure.is_retriable());
}

// SE48
#[test]
fn a_ticket_of_a_cache_is_renewed_at_the_kdc_and_a_newer_one_in_the_file_wins() {
    let path = std::env::temp_dir().join(format!("kp-gssapi-cache-{}.ccache", std::process::id()));
    let write = |end, until| std::fs::write(&path, ticket_cache(18, NOW, end, until)).expect("written");
    write(NOW + 1000, NOW + 100_000);
    let scene = Scene::with("renewed", |_| Kerberos::ticket_cache(&path));
    scene.authenticated("a").expect("all is right");
    assert_eq!(scene.kdc.asked(), ["kafka/a@KP.TEST"]);
    scene.goes_by(900);
    scene.authenticated("b").expect("all is right");
    assert_eq!(scene.kdc.asked()[1..], ["krbtgt/KP.TEST@KP.TEST", "kafka/b@KP.TEST"]);
    // The old end is past: the renewed ticket is in use, and is not renewed again.
    scene.goes_by(200);
    scene.authenticated("c").expect("all is right");
    assert_eq!(scene.kdc.asked()[3..], ["kafka/c@KP.TEST"]);
    // kinit wrote one that lives longer, and that cannot be renewed: it is used to its end, and then that is told.
    write(NOW + 50_000, NOW + 50_000);
    scene.goes_by(48_000);
    scene.authenticated("d").expect("all is right");
    assert_eq!(scene.kdc.asked()[4..], ["kafka/d@KP.TEST"]);
    scene.goes_by(2_000);
    let failure = scene.begun("e").map(drop).expect_err("it is over").to_string();
    assert!(
        failure.ends_with("the ticket of kp@KP.TEST ended at 2023-11-15 12:06:40 UTC: run kinit"),
        "{failure}"
    );
    assert_eq!(scene.kdc.given().0, 0);
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn no_key_and_no_ticket_is_in_the_debug_of_a_login() {
    let scene = Scene::new("debug");
    scene.authenticated("a").expect("all is right");
    let (mechanism, token) = scene.begun("a").expect("a ticket");
    let text = format!("{:?} {mechanism:?}", scene.login);
    assert!(!text.contains("51, 51"), "{text}");
    assert!(!Secret::from(token).is_in(&text));
}
