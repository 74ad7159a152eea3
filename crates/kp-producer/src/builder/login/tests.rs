//! What the network is given for each exchange, from the first token to what is kept for the next connection.

use super::*;
use crate::config::{
    CredentialsProvider, ProducerConfig, Provided, Secret, Token, TokenProvider, TokenRequest,
};
use kp_sasl::SaslStep;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

/// A clock that stands at a moment of the epoch.
#[derive(Default)]
struct Standing(Mutex<i64>);

impl Clock for Standing {
    fn now(&self) -> Instant {
        unreachable!("only the time of day is asked for")
    }

    fn timestamp_ms(&self) -> i64 {
        *self.0.lock()
    }
}

fn login(sasl: Sasl) -> (ProducerLogin, Arc<Standing>) {
    let clock = Arc::new(Standing::default());
    let tokens = match &sasl {
        Sasl::Tokens(source) => {
            Some(TokenKeeper::new(Arc::clone(source.provider()), Arc::<Standing>::clone(&clock)))
        }
        _ => None,
    };
    (ProducerLogin::new(sasl, 1_000_000, Arc::<Standing>::clone(&clock), tokens), clock)
}

/// The login of a configuration.
fn configured(pairs: &[(&str, &str)]) -> ProducerLogin {
    let pairs =
        pairs.iter().copied().chain([("bootstrap.servers", "b:1"), ("security.protocol", "SASL_PLAINTEXT")]);
    let settings =
        ProducerConfig::from_map(pairs).and_then(|config| config.validate()).expect("it is good").settings;
    login(settings.security.sasl.expect("it has SASL")).0
}

/// The first token of an exchange, and whether work had to be done for it.
fn first_token(login: &ProducerLogin) -> (Result<String, SaslFailure>, bool) {
    let text = |step| match step {
        SaslStep::Send(token) => token.expose_text().expect("it is text").to_owned(),
        other => panic!("{other:?}"),
    };
    let mut mechanism = login.begin("broker-1").expect("there are credentials");
    match mechanism.step(None) {
        Ok(SaslStep::Pending(work)) => {
            let worked = work.run();
            login.worked(&worked);
            (mechanism.resume(worked).map(text), true)
        }
        other => (other.map(text), false),
    }
}

#[cfg(not(feature = "sasl-msk-iam"))]
#[test]
fn a_login_that_this_build_lacks_names_its_feature() {
    let error = check_features(&Sasl::msk_iam("eu-central-1")).expect_err("the feature is off");
    assert!(matches!(error, ConfigError::FeatureOff { feature: "sasl-msk-iam", .. }), "{error}");
}

#[cfg(not(feature = "sasl-gssapi"))]
#[test]
fn a_login_with_kerberos_that_this_build_lacks_names_its_feature() {
    let kerberos = Sasl::kerberos(crate::config::Kerberos::keytab("/etc/kp.keytab", "kp"));
    let error = check_features(&kerberos).expect_err("the feature is off");
    assert!(matches!(error, ConfigError::FeatureOff { feature: "sasl-gssapi", .. }), "{error}");
}

#[cfg(feature = "sasl-gssapi")]
#[test]
fn a_keytab_that_is_not_there_is_told_when_the_producer_is_built() {
    let conf = std::env::temp_dir().join(format!("kp-producer-krb5-{}.conf", std::process::id()));
    std::fs::write(&conf, "[libdefaults]\ndefault_realm = KP.TEST\n").expect("written");
    let kerberos = crate::config::Kerberos::keytab("/does/not/exist", "kp").config(&conf);
    let error = login(Sasl::kerberos(kerberos)).0.with_files().expect_err("no keytab");
    assert!(error.to_string().contains("the keytab /does/not/exist: No such file"), "{error}");
    // A ticket may come later: then a connection that finds none says so, on the thread for such work.
    let kerberos = crate::config::Kerberos::ticket_cache("/does/not/exist").config(&conf);
    let waiting = login(Sasl::kerberos(kerberos)).0.with_files().expect("it is read later");
    let (failure, is_work) = first_token(&waiting);
    let failure = failure.expect_err("no cache");
    assert!(
        is_work && failure.is_retriable() && failure.to_string().contains("the ticket cache"),
        "{failure}"
    );
    std::fs::remove_file(&conf).expect("removed");
}

#[test]
fn each_mechanism_of_the_keys_begins_with_its_own_token() {
    let alice = r#" required username="alice" password="alice-secret";"#;
    let of = |mechanism, module: &str, options: &str| {
        let line = format!("org.apache.kafka.common.security.{module}{options}");
        let (token, works) =
            first_token(&configured(&[("sasl.mechanism", mechanism), ("sasl.jaas.config", &line)]));
        assert!(!works);
        token.expect("it begins")
    };
    assert_eq!(of("PLAIN", "plain.PlainLoginModule", alice), "\0alice\0alice-secret");
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        assert!(of(mechanism, "scram.ScramLoginModule", alice).starts_with("n,,n=alice,r="));
    }
    let delegated = r#" required username="id" password="hmac" tokenauth="true";"#;
    assert!(of("SCRAM-SHA-256", "scram.ScramLoginModule", delegated).ends_with(",tokenauth=true"));
    let unsecured =
        r#" required unsecuredLoginStringClaim_sub="alice" unsecuredLoginExtension_cluster="c1";"#;
    let token = of("OAUTHBEARER", "oauthbearer.OAuthBearerLoginModule", unsecured);
    assert!(
        token.starts_with("n,,\x01auth=Bearer ey") && token.ends_with("\x01cluster=c1\x01\x01"),
        "{token}"
    );
}

#[test]
fn a_secret_in_a_file_is_read_by_work_for_each_connection() {
    let file = std::env::temp_dir().join(format!("kp-producer-password-{}", std::process::id()));
    std::fs::write(&file, "first\n").expect("it can be written");
    let password = format!("${{file:{}}}", file.display());
    let login =
        configured(&[("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", &password)]);
    assert_eq!(first_token(&login), (Ok("\0alice\0first".to_owned()), true));
    std::fs::write(&file, "second\n").expect("it can be written");
    assert_eq!(first_token(&login).0.as_deref(), Ok("\0alice\0second"));
    std::fs::remove_file(&file).expect("it is there");
    let gone = first_token(&login).0.expect_err("there is no file").to_string();
    assert!(
        gone.starts_with("asking for credentials: sasl.password: ") && !gone.contains("second"),
        "{gone}"
    );
}

struct Vault(AtomicUsize);

impl CredentialsProvider for Vault {
    fn credentials(&self) -> Provided<'_, Credentials> {
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if asked == 0 {
                Ok(Credentials::new("alice", "rotated"))
            } else {
                Err("the vault is sealed".into())
            }
        })
    }
}

#[test]
fn a_provider_is_asked_for_each_connection_and_its_words_are_told() {
    let (login, _) = login(Sasl::plain_from(Vault(AtomicUsize::new(0))));
    assert_eq!(first_token(&login), (Ok("\0alice\0rotated".to_owned()), true));
    let failure = first_token(&login).0.expect_err("the vault is sealed");
    assert_eq!(failure.to_string(), "asking for credentials: the vault is sealed");
    assert!(failure.is_retriable(), "the vault may open again");
}

/// Gives tokens that live for 100 seconds, numbered; each has to be asked for twice.
struct Issuer(AtomicUsize);

impl TokenProvider for Issuer {
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> Provided<'a, Token> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut is_there = false;
        Box::pin(async move {
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut is_there, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            let end = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * (number as u64 + 1));
            Ok(Token::new(Secret::from(format!("token{number}-{}", request.host()))).expires_at(end))
        })
    }
}

// A12
#[test]
fn a_token_serves_later_connections_for_four_fifths_of_its_life() {
    let (login, clock) = login(Sasl::oauth(Issuer(AtomicUsize::new(0))));
    let token = || first_token(&login).0.expect("there is one");
    for (at, number) in [(0, 0), (79_999, 0), (80_000, 1), (80_001, 1)] {
        *clock.0.lock() = at;
        let expected = format!("auth=Bearer token{number}-broker-1\x01");
        assert!(token().contains(&expected), "{number} at {at}");
    }
}

/// Keeps what it was told of refused tokens, and gives tokens that live for an hour.
#[derive(Default)]
struct Stubborn(Mutex<Vec<Option<Secret>>>);

impl TokenProvider for Stubborn {
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> Provided<'a, Token> {
        let mut asked = self.0.lock();
        asked.push(request.refused().cloned());
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        let token = Token::new(Secret::from(format!("token{}", asked.len()))).expires_at(end);
        Box::pin(async move { Ok(token) })
    }
}

/// An exchange that has come to its first token.
fn shown(login: &ProducerLogin) -> Box<dyn SaslMechanism> {
    let mut mechanism = login.begin("broker-1").expect("there are credentials");
    if let SaslStep::Pending(work) = mechanism.step(None).expect("it begins") {
        let _ = mechanism.resume(work.run()).expect("there is one");
    }
    mechanism
}

// A12, SE3
#[test]
fn a_token_that_is_kept_is_sent_at_once_and_one_that_is_due_or_was_refused_is_work() {
    let provider = Arc::new(Stubborn::default());
    let (login, clock) = login(Sasl::oauth(Arc::clone(&provider)));
    let sent = |seconds: i64, number: u32, is_work: bool| {
        *clock.0.lock() = seconds * 1000;
        let (token, works) = first_token(&login);
        let token = token.expect("there is one");
        assert!(token.contains(&format!("auth=Bearer token{number}\x01")), "{token} after {seconds} s");
        assert_eq!(works, is_work, "after {seconds} s");
    };
    sent(0, 1, true);
    sent(1, 1, false);
    sent(2879, 1, false);
    sent(2880, 2, true);
    login.refused(&*shown(&login));
    sent(2881, 3, true);
    sent(2882, 3, false);
}

// A12, SE25
#[test]
fn a_token_that_a_broker_refuses_is_not_shown_again_and_its_provider_is_told() {
    let provider = Arc::new(Stubborn::default());
    let (login, _) = login(Sasl::oauth(Arc::clone(&provider)));
    let is_shown = |mechanism: &dyn SaslMechanism, token: &str| mechanism.is_secret_in(token);
    let (first, second) = (shown(&login), shown(&login));
    assert!(is_shown(&*first, "token1") && is_shown(&*second, "token1"));
    login.refused(&*first);
    let third = shown(&login);
    assert!(is_shown(&*third, "token2"), "the refused token is kept for four fifths of its life");
    // Another connection learns late that the first token is no good: the newer one stays.
    login.refused(&*second);
    assert!(is_shown(&*shown(&login), "token2"));
    assert_eq!(*provider.0.lock(), [None, Some(Secret::from("token1"))]);
}

// A13
#[test]
fn a_token_is_asked_for_anew_after_a_reload() {
    let provider = Arc::new(Stubborn::default());
    let (login, _) = login(Sasl::oauth(Arc::clone(&provider)));
    assert!(shown(&login).is_secret_in("token1"));
    login.reload();
    assert!(shown(&login).is_secret_in("token2") && shown(&login).is_secret_in("token2"));
    assert_eq!(*provider.0.lock(), [None, None], "none was refused");
}

#[test]
fn no_text_of_a_builder_has_a_secret_in_it() {
    let secret = "hunter2-planted";
    let line = format!(r#"a.PlainLoginModule required username="a" password="{secret}";"#);
    let config = || {
        ProducerConfig::default()
            .bootstrap_servers("b:1")
            .security(crate::config::Security::plaintext())
            .sasl(Sasl::scram_sha256("alice", secret))
    };
    let mut wrong = config();
    wrong.set("sasl.jaas.config", line).expect("it is text");
    let builder = crate::Producer::builder(wrong);
    let printed = format!("{builder:?} {builder:#?}");
    let error = builder.build().expect_err("the credentials stand in two places");
    let texts = format!("{printed} {error} {error:?} {:?}", crate::Producer::builder(config()));
    assert!(!texts.contains(secret), "{texts}");
    assert!(error.to_string().contains("V11"), "{error}");
}

#[test]
fn no_text_of_a_login_has_a_secret_in_it() {
    let secret = "hunter2-planted";
    for sasl in [Sasl::plain("alice", secret), Sasl::scram_sha512("alice", secret)] {
        let (login, _) = login(sasl);
        let mechanism = login.begin("broker-1").expect("there are credentials");
        let texts = format!("{login:?} {login:#?} {mechanism:?}");
        assert!(!texts.contains(secret), "{texts}");
    }
}
