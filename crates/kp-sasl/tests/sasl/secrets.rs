//! Secrets planted everywhere, and a broker that repeats all that it was sent: no text may have one in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kp_protocol::ErrorCode;
use kp_sasl::{
    JwtClaims, OAuthBearer, Plain, SaslDialect, SaslExchange, SaslExtensions, SaslFailure, SaslMechanism,
    SaslOutput, Scram, ScramHash, ScramKeyCache, ScramKeys, ScramNonce, Secret, UnsecuredJwt,
};

use crate::broker::{ScramBroker, mechanisms, refusal, token_answer};

const PASSWORD: &str = "Tr0ub4dor-and-3";
const TOKEN: &str = "eyJhbGciOiJub25l.c2VjcmV0.dG9rZW4";
const MODERN: SaslDialect = SaslDialect::Authenticate { version: 2 };

fn password() -> Secret {
    Secret::from(PASSWORD)
}

fn scram() -> Scram {
    let nonce = ScramNonce::fixed("fyko-nonce").expect("it is a nonce");
    Scram::new(ScramHash::Sha256, "alice", &password(), nonce).expect("they are legal")
}

/// A new mechanism, and the secret that it sends or proves.
type Case = (fn() -> Box<dyn SaslMechanism>, &'static str);

const CASES: [Case; 3] = [
    (|| Box::new(Plain::new("alice", &password()).expect("they are legal")), PASSWORD),
    (|| Box::new(scram()), PASSWORD),
    (|| Box::new(OAuthBearer::new(&Secret::from(TOKEN)).expect("it is a token")), TOKEN),
];

/// What a broker may say that repeats a secret, in the form of each message that there is.
fn answers_with(secret: &str) -> Vec<String> {
    vec![
        secret.to_owned(),
        format!("no user alice with password {secret}!"),
        format!("e={secret}"),
        format!("r=fyko-noncex{secret},s={secret},i={secret}"),
        format!("r=fyko-noncex,s=c2FsdA==,i=4096,x={secret}"),
        format!(
            r#"{{"status":"{secret}","scope":"a {secret}","openid-configuration":"https://x/{secret}"}}"#
        ),
        format!("\0alice\0{secret}"),
        // Where it would be cut in two.
        format!("{}{secret}", "x".repeat(455)),
        format!("{}{secret}", "x".repeat(31)),
        format!("{secret}{}", "x".repeat(1_000)),
        secret.repeat(100),
    ]
}

/// All that was printed.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn debug(&mut self, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{value:?}\n{value:#?}\n"));
    }

    fn failure(&mut self, failure: &SaslFailure) {
        self.debug(failure);
        self.0.push_str(&format!("{failure}\n"));
    }

    fn assert_clean(&self) {
        assert!(!self.0.is_empty());
        let bytes = |text: &str| format!("{:?}", text.as_bytes());
        for secret in [PASSWORD, TOKEN] {
            // Not even a part of one, as a text that was cut in the wrong place would have.
            assert!(!self.0.contains(&secret[..8]), "{secret} in:\n{}", self.0);
            let forms = [
                secret.to_owned(),
                STANDARD.encode(secret),
                bytes(secret).trim_matches(['[', ']']).to_owned(),
            ];
            for form in forms {
                assert!(!self.0.contains(&form), "{form} in:\n{}", self.0);
            }
        }
    }
}

/// An exchange told `answer` at each point where it waits, printed at each step.
fn printed_with(mechanism: Box<dyn SaslMechanism>, answer: &str, code: ErrorCode) -> Printed {
    let mut printed = Printed::default();
    printed.debug(&mechanism);
    let mut exchange = SaslExchange::new(mechanism, MODERN);
    let mut output = exchange.begin();
    for round in 0..8 {
        printed.debug(&exchange);
        printed.debug(&output);
        let said = if round < 2 { ErrorCode::NONE } else { code };
        output = match output {
            Ok(SaslOutput::Handshake { .. }) => {
                exchange.on_handshake(&mechanisms(ErrorCode::NONE, &[answer]))
            }
            Ok(SaslOutput::Authenticate { .. }) if said.is_ok() => {
                exchange.on_authenticate(&token_answer(answer.as_bytes()))
            }
            Ok(SaslOutput::Authenticate { .. }) => exchange.on_authenticate(&refusal(said, Some(answer))),
            Ok(SaslOutput::Work(work)) => {
                let worked = work.run();
                printed.debug(&worked);
                exchange.on_worked(worked)
            }
            Ok(_) => break,
            Err(failure) => {
                printed.failure(&failure);
                break;
            }
        };
    }
    printed.debug(&exchange.on_closed());
    printed
}

// H28, H37
#[test]
fn no_text_has_a_secret_in_it_whatever_the_broker_repeats() {
    for (mechanism, secret) in CASES {
        for answer in &answers_with(secret) {
            for code in [ErrorCode::NONE, ErrorCode::SASL_AUTHENTICATION_FAILED] {
                printed_with(mechanism(), answer, code).assert_clean();
            }
            refused_at(0, mechanism(), answer).assert_clean();
            refused_at(1, mechanism(), answer).assert_clean();
        }
    }
}

/// The failure of an exchange whose handshake (0) or first token (1) is refused with `answer`.
fn refused_at(step: u32, mechanism: Box<dyn SaslMechanism>, answer: &str) -> Printed {
    let mut printed = Printed::default();
    let mut exchange = SaslExchange::new(mechanism, MODERN);
    let _ = exchange.begin();
    let code = if step == 0 { ErrorCode::UNSUPPORTED_SASL_MECHANISM } else { ErrorCode::NONE };
    let mut output = exchange.on_handshake(&mechanisms(code, &[answer, "PLAIN"]));
    if step == 1 {
        output = exchange.on_authenticate(&refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(answer)));
    }
    printed.failure(&output.expect_err("it is refused"));
    printed
}

#[test]
fn a_text_that_is_withheld_says_so_and_kafkas_own_is_shown_to_a_password_that_is_a_word_of_it() {
    let words = |password: &str, message: &str| {
        let plain = Plain::new("alice", &Secret::from(password)).expect("they are legal");
        let mut exchange = SaslExchange::new(Box::new(plain), MODERN);
        let _ = exchange.begin();
        let _ = exchange.on_handshake(&mechanisms(ErrorCode::NONE, &["PLAIN"]));
        let answer = refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(message));
        exchange.on_authenticate(&answer).expect_err("it is refused").to_string()
    };
    let withheld = "PLAIN: refused by the broker: SASL_AUTHENTICATION_FAILED (58): (withheld: the broker's text repeats a secret)";
    assert_eq!(words(PASSWORD, &format!("wrong: {PASSWORD}")), withheld);
    let kafkas = "Authentication failed: Invalid username or password";
    assert!(words("password", kafkas).ends_with(kafkas));
    let kafkas =
        "Authentication failed during authentication due to invalid credentials with SASL mechanism PLAIN";
    assert!(words("authentication", kafkas).ends_with(kafkas));
    assert_eq!(words("authentication", &kafkas.replace("PLAIN", "authentication")), withheld);
}

#[test]
fn an_honest_exchange_prints_no_secret_at_any_step() {
    let broker = ScramBroker { password: PASSWORD, salt: b"salt", iterations: 4096 };
    let mut printed = Printed::default();
    let mut cache = ScramKeyCache::default();
    let mut exchange = SaslExchange::new(Box::new(scram()), MODERN);
    let _ = exchange.begin();
    let output = exchange.on_handshake(&mechanisms(ErrorCode::NONE, &["SCRAM-SHA-256"]));
    printed.debug(&output);
    let Ok(SaslOutput::Authenticate { token: first, .. }) = output else { panic!("no token") };
    let output = exchange.on_authenticate(&token_answer(&broker.first(first.expose())));
    printed.debug(&output);
    let Ok(SaslOutput::Work(work)) = output else { panic!("no work") };
    printed.debug(&exchange);
    let worked = work.run();
    let keys = worked.result::<ScramKeys>().expect("it derived keys").clone();
    assert_eq!((keys.hash(), keys.user(), keys.iterations()), (ScramHash::Sha256, "alice", 4096));
    cache.keep(keys.clone());
    printed.debug(&(worked, keys, cache));
    printed.assert_clean();
    let all = printed.0;
    assert!(all.contains("***") && all.contains("deriving keys from a password"), "{all}");
}

#[test]
fn types_that_hold_secrets_and_failures_about_them_do_not_print_them() {
    let mut printed = Printed::default();
    let extensions = SaslExtensions::new([("pool", PASSWORD)]).expect("it is legal");
    let bearer =
        OAuthBearer::new(&Secret::from(TOKEN)).expect("it is a token").extensions(extensions.clone());
    printed.debug(&(password(), extensions, bearer, ScramNonce::fixed(PASSWORD)));

    let (long, nul) = ("x".repeat(70_000) + PASSWORD, format!("{PASSWORD}\0"));
    let failures = [
        Plain::new("alice", &Secret::from(long.as_str())).map(drop),
        Plain::new("alice", &Secret::from(nul.as_str())).map(drop),
        OAuthBearer::new(&Secret::from(format!("{TOKEN} {TOKEN}"))).map(drop),
        JwtClaims::read(&Secret::from(TOKEN)).map(drop),
        JwtClaims::read(&Secret::from(format!("{TOKEN}.x"))).map(drop),
        SaslExtensions::new([("pool", nul.as_str())]).map(drop),
        SaslExtensions::new([("pool", long.as_str())]).map(drop),
        UnsecuredJwt::from_options([("unsecuredLoginNumberClaim_a", PASSWORD)]).map(drop),
        UnsecuredJwt::from_options([("unsecuredLoginLifetimeSeconds", PASSWORD)]).map(drop),
        ScramNonce::fixed(&nul).map(drop),
    ];
    for failure in failures {
        printed.failure(&failure.expect_err("it is refused"));
    }
    printed.assert_clean();
}
