//! The keys of SASL: what they come to, and what is wrong with them.

use std::task::{Context, Poll, Waker};

use kp_sasl::ScramHash;

use super::{config, refused, rule, warned};
use crate::*;

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required";
const OAUTH: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";
const PROTOCOL: (&str, &str) = ("security.protocol", "SASL_PLAINTEXT");

fn security(pairs: &[(&str, &str)]) -> SecurityConfig {
    config(pairs).check_security().unwrap()
}

fn sasl(mechanism: &str, line: &str) -> Sasl {
    security(&[PROTOCOL, ("sasl.mechanism", mechanism), ("sasl.jaas.config", line)])
        .sasl
        .expect("it was asked for")
}

fn error(pairs: &[(&str, &str)]) -> ConfigError {
    config(pairs).check_security().expect_err("the configuration should be refused")
}

fn error_of(mechanism: &str, line: &str) -> String {
    error(&[PROTOCOL, ("sasl.mechanism", mechanism), ("sasl.jaas.config", line)]).to_string()
}

#[test]
fn a_login_line_is_user_and_password_of_the_mechanism() {
    let of = |module: &str| format!(r#"{module} username="alice" password="alice-secret";"#);
    assert_eq!(sasl("PLAIN", &of(PLAIN)), Sasl::plain("alice", "alice-secret"));
    assert_eq!(sasl("SCRAM-SHA-256", &of(SCRAM)), Sasl::scram_sha256("alice", "alice-secret"));
    assert_eq!(sasl("SCRAM-SHA-512", &of(SCRAM)), Sasl::scram_sha512("alice", "alice-secret"));
    // As in Java, the module does not choose the mechanism.
    assert_eq!(sasl("SCRAM-SHA-512", &of(PLAIN)), Sasl::scram_sha512("alice", "alice-secret"));
    assert_eq!(sasl("PLAIN", &of(&format!("kafkashaded.{PLAIN}"))), Sasl::plain("alice", "alice-secret"));
}

// SE17
#[test]
fn a_login_line_can_have_a_delegation_token() {
    for (flag, expected) in [("true", true), ("TRUE", true), ("false", false), ("yes", false)] {
        let line = format!(r#"{SCRAM} username="id" password="hmac==" tokenauth="{flag}";"#);
        let Sasl::Scram { hash, delegation_token, .. } = sasl("SCRAM-SHA-256", &line) else {
            panic!("SCRAM")
        };
        assert_eq!((hash, delegation_token), (ScramHash::Sha256, expected), "{flag}");
    }
}

#[test]
fn tokens_without_a_signature_are_made_of_the_options() {
    let line = format!(r#"{OAUTH} unsecuredLoginStringClaim_sub="alice";"#);
    let tokens = sasl("OAUTHBEARER", &line);
    assert_eq!(tokens.mechanism(), "OAUTHBEARER");
    let Sasl::UnsecuredTokens(maker) = tokens else { panic!("tokens") };
    assert!(maker.token(kp_protocol::Timestamp(0)).is_ok());
    assert!(error_of("OAUTHBEARER", &format!("{OAUTH};")).contains("subject"));
    let endpoint = format!(r#"{OAUTH} clientId="id" clientSecret="s";"#);
    assert!(error_of("OAUTHBEARER", &endpoint).contains("token endpoint comes with a later version"));
    assert!(error_of("OAUTHBEARER", &format!("{PLAIN};")).contains("another mechanism than OAUTHBEARER"));
}

// A7
#[test]
fn a_login_line_that_cannot_be_used_says_why() {
    assert!(
        error_of("PLAIN", "x.y.LoginModule required;")
            .contains("it knows PlainLoginModule, ScramLoginModule")
    );
    assert!(error_of("PLAIN", "software.amazon.msk.auth.iam.IAMLoginModule required;").contains("MSK IAM"));
    assert!(error_of("PLAIN", "com.sun.security.auth.module.Krb5LoginModule required;").contains("Kerberos"));
    assert!(error_of("PLAIN", &format!(r#"{PLAIN} username="a";"#)).contains("no password"));
    assert!(error_of("PLAIN", &format!(r#"{PLAIN} password="a";"#)).contains("no username"));
    assert!(error_of("PLAIN", &format!(r#"{PLAIN} username="a" password="b""#)).contains("semicolon"));
    // SE10
    assert!(error_of("PLAIN", &format!(r#"{PLAIN} username="a" password="b\0";"#)).contains("NUL"));
    assert!(error_of("SCRAM-SHA-256", &format!(r#"{SCRAM} username="a" password="";"#)).contains("is empty"));
}

// A8
#[test]
fn user_and_password_have_keys_of_their_own_and_no_silent_winner() {
    let own = [
        PROTOCOL,
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "alice"),
        ("sasl.password", "alice-secret"),
    ];
    let plain = Some(Sasl::plain("alice", "alice-secret"));
    assert_eq!(security(&own).sasl, plain);
    let line = |password| format!(r#"{PLAIN} username="alice" password="{password}";"#);
    let with = |line: &'static str| [&own[..], &[("sasl.jaas.config", line)]].concat();
    assert_eq!(security(&with(line("alice-secret").leak())).sasl, plain);
    let differ = error(&with(line("another-secret").leak())).to_string();
    assert!(differ.contains("sasl.password and the password of sasl.jaas.config"), "{differ}");
    assert!(!differ.contains("another-secret") && !differ.contains("alice-secret"), "{differ}");
    let half = [
        PROTOCOL,
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "bob"),
        ("sasl.jaas.config", line("x").leak()),
    ];
    assert_eq!(rule(&half), "V11");
    assert_eq!(rule(&[&own[..], &[("sasl.mechanism", "SCRAM-SHA-256")]].concat()), "V11");
}

// V2
#[test]
fn a_mechanism_is_one_that_kp_has_letter_by_letter() {
    for name in ["plain", "SCRAM-SHA-1", "DIGEST-MD5"] {
        let error = error(&[PROTOCOL, ("sasl.mechanism", name)]).to_string();
        assert!(
            error.contains(name)
                && error.contains("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM"),
            "{error}"
        );
    }
}

#[test]
fn a_class_that_would_choose_the_credentials_is_refused_and_not_ignored() {
    for key in ["sasl.client.callback.handler.class", "sasl.login.callback.handler.class", "sasl.login.class"]
    {
        let error = error(&[PROTOCOL, ("sasl.mechanism", "PLAIN"), (key, "com.example.Mine")]);
        assert!(matches!(error, ConfigError::NotImplemented { .. }) && error.key() == Some(key), "{error}");
    }
    let line = format!(r#"{OAUTH} unsecuredLoginStringClaim_sub="alice";"#);
    let with = |class| {
        let handler = ("sasl.login.callback.handler.class", class);
        config(&[PROTOCOL, ("sasl.mechanism", "OAUTHBEARER"), ("sasl.jaas.config", &line), handler])
            .check_security()
    };
    let secured = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";
    assert!(with("a.b.OAuthBearerUnsecuredLoginCallbackHandler").is_ok());
    assert!(with(secured).unwrap_err().to_string().contains("token endpoint"));
}

#[test]
fn typed_calls_say_the_same_as_keys() {
    let alice = Sasl::scram_sha512("alice", "alice-secret");
    let typed = config(&[]).security(Security::plaintext()).sasl(alice.clone());
    let came_to = typed.check_security().unwrap();
    assert_eq!((came_to.protocol, came_to.sasl), (SecurityProtocol::SaslPlaintext, Some(alice.clone())));
    let by_key = config(&[PROTOCOL]).sasl(alice.clone()).check_security().unwrap();
    assert_eq!(by_key.sasl, Some(alice.clone()));
    let refusal =
        |config: ProducerConfig| config.sasl(alice.clone()).check_security().unwrap_err().to_string();
    assert!(refusal(config(&[])).contains("security.protocol=PLAINTEXT authenticates no client"));
    assert!(refusal(config(&[PROTOCOL, ("sasl.password", "x")])).contains("sasl.password"));
    assert!(refusal(config(&[PROTOCOL, ("sasl.mechanism", "PLAIN")])).contains("SCRAM-SHA-512"));
    let other = config(&[("security.protocol", "SSL")]).security(Security::plaintext());
    assert!(refusal(other).contains("typed calls make it SASL_PLAINTEXT"));
    assert!(config(&[]).security(Security::plaintext()).check().is_ok());
}

/// What a connection logs in with, now.
fn read(security: &SecurityConfig) -> Credentials {
    let Some(Sasl::Plain(Login::Provided(provider))) = &security.sasl else { panic!("not read again") };
    let mut asked = provider.credentials();
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(credentials)) => credentials,
        other => panic!("{other:?}"),
    }
}

// A11
#[test]
fn a_secret_can_stand_in_a_file_or_in_the_environment() {
    let folder = std::env::temp_dir().join(format!("kp-config-secrets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.display().to_string();
    std::fs::write(format!("{folder}/pw"), "alice-secret\n").unwrap();
    let alice = Credentials::new("alice", "alice-secret");
    std::fs::write(format!("{folder}/p.properties"), "user=alice\npw = first\npw = alice-secret\n").unwrap();
    for password in [
        format!("${{file:{folder}/pw}}"),
        format!("${{file:{folder}/p.properties:pw}}"),
        format!("${{directory:{folder}:pw}}"),
    ] {
        let line = format!(r#"{PLAIN} username="alice" password="{password}";"#);
        let in_line = [PROTOCOL, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", &line)];
        assert_eq!(read(&security(&in_line)), alice, "{line}");
        let own =
            [PROTOCOL, ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", &password)];
        assert_eq!(read(&security(&own)), alice, "{password}");
    }
    // It is read anew for each connection.
    let own = [PROTOCOL, ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice")];
    let elsewhere = format!("${{file:{folder}/pw}}");
    let kept = security(&[&own[..], &[("sasl.password", &elsewhere)]].concat());
    std::fs::write(format!("{folder}/pw"), "changed").unwrap();
    assert_eq!(read(&kept), Credentials::new("alice", "changed"));
    for (password, problem) in [
        (format!("${{file:{folder}/none}}"), "none"),
        (format!("${{file:{folder}/p.properties:other}}"), "has no key other"),
        (format!("${{file:{folder}}}"), "not a regular file"),
    ] {
        let error = error(&[
            PROTOCOL,
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "a"),
            ("sasl.password", &password),
        ]);
        assert_eq!(error.key(), Some("sasl.password"));
        assert!(error.to_string().contains(problem), "{error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

// H25
#[test]
fn a_password_that_goes_over_the_network_as_it_is_is_warned_about() {
    let with = |mechanism| {
        [PROTOCOL, ("sasl.mechanism", mechanism), ("sasl.username", "a"), ("sasl.password", "secret")]
    };
    let told = warned(&with("PLAIN"), "security.protocol");
    assert_eq!(
        told,
        "security.protocol: SASL_PLAINTEXT: the password goes to the broker as it is, for every host on the way to read"
    );
    assert!(config(&with("SCRAM-SHA-256")).check().unwrap().is_empty());
}

#[test]
fn keys_of_sasl_without_sasl_are_warned_about() {
    assert!(warned(&[("sasl.mechanism", "PLAIN")], "sasl.mechanism").contains("PLAINTEXT"));
    assert!(
        warned(&[("sasl.jaas.config", "nonsense")], "sasl.jaas.config")
            .contains("no client is authenticated")
    );
    assert!(warned(&[("kp.scram.max.iterations", "5000")], "kp.scram.max.iterations").contains("PLAINTEXT"));
    let plain = [PROTOCOL, ("sasl.mechanism", "PLAIN"), ("sasl.username", "a"), ("sasl.password", "secret")];
    let with = |key| warned(&[&plain[..], &[(key, "9000")]].concat(), key);
    assert!(with("ssl.truststore.location").contains("nothing is encrypted"));
    assert!(with("sasl.oauthbearer.scope").contains("not OAUTHBEARER"));
    assert!(with("kp.scram.max.iterations").contains("not SCRAM"));
    // The same keys with what they belong to: refused, and not ignored.
    let line = format!(r#"{OAUTH} unsecuredLoginStringClaim_sub="alice";"#);
    let tokens = [PROTOCOL, ("sasl.mechanism", "OAUTHBEARER"), ("sasl.jaas.config", &line)];
    let error = refused(&[&tokens[..], &[("sasl.oauthbearer.scope", "s")]].concat());
    assert!(matches!(error, ConfigError::NotImplemented { key: "sasl.oauthbearer.scope", .. }), "{error}");
}
