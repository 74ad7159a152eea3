//! Secrets planted wherever a producer is given one, and every text that comes out of it searched: errors, reports, metrics,
//! notices, events and spans of every level, and what panics print. One test: what the process says belongs to all of it.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

mod heard;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kp_producer::blocking::Producer;
use kp_producer::config::{
    AwsCredentials, AwsCredentialsProvider, MskIam, Provided, ProviderError, TokenRequest,
};
use kp_producer::{
    Credentials, CredentialsProvider, Identity, ProducerConfig, ProducerRecord, Sasl, Secret, Security, Tls,
    Token, TokenProvider,
};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{SaslSettings, SimMechanism};
use kp_tests::oidc_issuer::OidcIssuer;
use std::fmt::{Debug, Display};
use std::time::{Duration, SystemTime};

const RIGHT: &str = "Right-Pa55word";
const WRONG: &str = "Wr0ng-Pa55word";
const HMAC: &str = "aG1hYy1vZi1hLXRva2Vu";
const AWS_KEY: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
const AWS_TOKEN: &str = "FwoGZXIvYXdzEOSESSIONTOKEN";
const KEY_PASSWORD: &str = "key-Pa55word";
const KEYTAB: &str = "keytab-Pa55word";
const IN_A_PANIC: &str = "panicked-Pa55word";

/// `{"alg":"none"}` and claims that the double does not take, for they are over.
fn over() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part(r#"{"alg":"none"}"#), part(r#"{"sub":"alice","iat":1,"exp":2}"#))
}

/// Every text that came out of one producer, or out of the attempt to build it.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn shown(&mut self, value: &(impl Debug + Display)) {
        self.0.push(format!("{value} {value:?} {value:#?}"));
    }

    fn debug(&mut self, value: &impl Debug) {
        self.0.push(format!("{value:?} {value:#?}"));
    }

    /// A producer is built, used as far as it goes, asked for all that it tells, and closed.
    fn of(config: ProducerConfig) -> Self {
        let mut said = Self::default();
        said.debug(&config);
        let builder = kp_producer::Producer::builder(config);
        said.debug(&builder);
        match builder.build() {
            Ok(producer) => said.used(&Producer::from(producer)),
            Err(error) => said.shown(&error),
        }
        said.0.extend(heard::taken());
        said
    }

    fn used(&mut self, producer: &Producer) {
        self.debug(producer);
        producer.warnings().iter().for_each(|warning| self.shown(warning));
        if let Err(error) = producer.connect() {
            self.shown(&error);
        }
        match producer.send(ProducerRecord::to("t").value("v")) {
            Ok(delivery) => self.debug(&delivery.wait().map_err(|error| format!("{error} {error:?}"))),
            Err(error) => self.shown(&error),
        }
        self.shown(&producer.security());
        self.shown(&producer.explain());
        self.debug(&producer.guarantees());
        self.debug(&producer.unreachable());
        self.debug(&producer.notices());
        producer.metrics().iter().for_each(|metric| self.shown(metric));
        self.debug(&producer.close(Duration::from_secs(10)));
        self.shown(&producer.security());
        self.debug(&producer.notices());
    }

    /// None of these secrets is in any of it, in the clear or as base64; and what is told of has `words` in it.
    #[track_caller]
    fn keeps(&self, secrets: &[&str], words: &str) {
        let all = self.0.join("\n");
        for secret in secrets {
            for form in [(*secret).to_owned(), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)] {
                let found = all.find(&form).map(|at| all[..at].lines().last().unwrap_or_default().to_owned());
                assert_eq!(found, None, "{secret} stands behind this");
            }
        }
        let heads: Vec<&str> = self.0.iter().map(|text| text.lines().next().unwrap_or_default()).collect();
        assert!(all.contains(words), "{words:?} is nowhere in: {heads:#?}");
    }
}

fn broker() -> EmbeddedBroker {
    let sasl = SaslSettings::new(SimMechanism::ALL).with_failure_delay(Duration::ZERO);
    let sasl = sasl.with_user("alice", RIGHT).with_aws_key("AKIDEXAMPLE", "another-key", "alice");
    EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(sasl)).expect("a port")
}

fn config(broker: &EmbeddedBroker, pairs: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    for (key, value) in pairs.iter().chain(&[
        ("max.block.ms", "1200"),
        ("delivery.timeout.ms", "3000"),
        ("request.timeout.ms", "2000"),
        ("linger.ms", "0"),
    ]) {
        config.set(*key, *value).expect("a good value");
    }
    config
}

fn login(broker: &EmbeddedBroker, sasl: Sasl) -> ProducerConfig {
    config(broker, &[]).security(Security::plaintext()).sasl(sasl)
}

/// Gives a token, an AWS key or credentials; or panics, with a secret in its words or without.
enum Source {
    Token(String),
    Aws,
    Panics(&'static str),
}

impl TokenProvider for Source {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        match self {
            Self::Token(token) => {
                let end = SystemTime::now() + Duration::from_secs(3600);
                let token = Token::new(token.as_str()).expires_at(end);
                Box::pin(async move { Ok(token) })
            }
            Self::Panics(words) => panic!("{words}"),
            Self::Aws => Box::pin(async { Err(ProviderError::from("not a token")) }),
        }
    }
}

impl CredentialsProvider for Source {
    fn credentials(&self) -> Provided<'_, Credentials> {
        match self {
            Self::Panics(words) => panic!("{words}"),
            Self::Token(_) | Self::Aws => Box::pin(async { Ok(Credentials::new("alice", WRONG)) }),
        }
    }
}

impl AwsCredentialsProvider for Source {
    fn aws_credentials(&self) -> Provided<'_, AwsCredentials> {
        let key = AwsCredentials::new("AKIDEXAMPLE", AWS_KEY).session_token(AWS_TOKEN);
        Box::pin(async { Ok(key) })
    }
}

fn passwords(broker: &EmbeddedBroker) {
    let secrets = [RIGHT, WRONG];
    for (sasl, name) in [
        (Sasl::plain as fn(String, Secret) -> Sasl, "PLAIN"),
        (Sasl::scram_sha256, "SCRAM-SHA-256"),
        (Sasl::scram_sha512, "SCRAM-SHA-512"),
    ] {
        Said::of(login(broker, sasl("alice".into(), RIGHT.into())))
            .keeps(&secrets, &format!("{name} as alice"));
        let refused = Said::of(login(broker, sasl("alice".into(), WRONG.into())));
        refused.keeps(&secrets, "SASL authentication failed");
    }
    Said::of(login(broker, Sasl::plain_from(Source::Aws))).keeps(&secrets, "SASL authentication failed");
    let line = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"{WRONG}\";"
    );
    let keys =
        [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", &line)];
    Said::of(config(broker, &keys)).keeps(&secrets, "SASL authentication failed");
    let half = line.replace("\";", "");
    let keys =
        [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", &half)];
    Said::of(config(broker, &keys)).keeps(&secrets, "sasl.jaas.config");
    let token = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"id\" password=\"{HMAC}\" \
         tokenauth=\"true\";"
    );
    let keys = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.jaas.config", &token),
    ];
    Said::of(config(broker, &keys)).keeps(&[HMAC], "SASL authentication failed");
}

fn tokens(broker: &EmbeddedBroker) {
    let token = over();
    let refused = Said::of(login(broker, Sasl::oauth(Source::Token(token.clone()))));
    refused.keeps(&[&token, token.split('.').nth(1).expect("it has claims")], "the broker refused the token");
    let issuer = OidcIssuer::start(0);
    for path in ["/400", "/html", "/500", "/unsigned", "/token"] {
        let line = format!(
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId='kp' \
             clientSecret='{}';",
            OidcIssuer::SECRET
        );
        let keys = [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "OAUTHBEARER"),
            (
                "sasl.login.callback.handler.class",
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
            ),
            ("sasl.oauthbearer.token.endpoint.url", &issuer.url(path)),
            ("sasl.jaas.config", &line),
            ("sasl.login.retry.backoff.max.ms", "0"),
        ];
        Said::of(config(broker, &keys)).keeps(&[OidcIssuer::SECRET], "OAUTHBEARER");
    }
    let iam = Sasl::MskIam(MskIam::new().region("eu-central-1").credentials(Source::Aws));
    Said::of(login(broker, iam)).keeps(&[AWS_KEY, AWS_TOKEN], "AWS_MSK_IAM");
}

fn files(broker: &EmbeddedBroker) {
    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/kp-tls/tests/fixtures");
    let read = |name: &str| std::fs::read_to_string(format!("{FIXTURES}/{name}")).expect(name);
    let (chain, key) = (read("certificate.pem"), read("key.pem"));
    let line_of_key = key.lines().nth(1).expect("it has lines").to_owned();
    let trusted = kp_producer::Trust::pem(read("ca.pem"));
    // The listener speaks no TLS: whatever is said of the handshake, the key is not in it.
    let tls = Tls::new().trust(trusted.clone()).identity(Identity::pem(chain.clone(), key.clone()));
    Said::of(config(broker, &[]).security(Security::tls(tls))).keeps(&[&line_of_key], "own certificate");
    let halved = key.replace(&line_of_key, &line_of_key[1..]);
    let tls = Tls::new().trust(trusted.clone()).identity(Identity::pem(chain.clone(), halved));
    Said::of(config(broker, &[]).security(Security::tls(tls)))
        .keeps(&[&line_of_key[1..]], "ssl.keystore.key");
    let keys = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.location", &format!("{FIXTURES}/trust.jks")),
        ("ssl.truststore.password", KEY_PASSWORD),
        ("ssl.keystore.location", &format!("{FIXTURES}/client-keypw.jks")),
        ("ssl.keystore.password", "changeit"),
        ("ssl.key.password", KEY_PASSWORD),
    ];
    Said::of(config(broker, &keys)).keeps(&[KEY_PASSWORD], "trust.jks");
    let pem = tempfile::NamedTempFile::new().expect("a place");
    std::fs::write(&pem, format!("\x05\x02\0\0\0\x20{KEYTAB}")).expect("written");
    let kerberos = kp_producer::config::Kerberos::keytab(pem.path(), "kp@KP.TEST");
    Said::of(login(broker, Sasl::kerberos(kerberos))).keeps(&[KEYTAB], "Kerberos");
}

fn panics(broker: &EmbeddedBroker) {
    for (words, is_secret_in_them) in [("out of order", false), (IN_A_PANIC, true)] {
        for sasl in [Sasl::oauth(Source::Panics(words)), Sasl::plain_from(Source::Panics(words))] {
            let mut said = Said::of(login(broker, sasl));
            // What a provider panics with, the hook prints; it is the provider's, and nothing of kp's repeats it.
            let own = said.0.extract_if(.., |line| line.starts_with("panic ")).collect::<Vec<_>>();
            assert!(!own.is_empty() && own.iter().all(|line| line.contains(words)), "{own:?}");
            said.keeps(&[words], "it panicked");
            assert_eq!(is_secret_in_them, own.iter().any(|line| line.contains(IN_A_PANIC)));
        }
    }
}

// A12, A14, U12, U19
#[test]
fn no_secret_is_in_anything_that_a_producer_or_the_process_says() {
    heard::listen();
    let broker = broker();
    passwords(&broker);
    tokens(&broker);
    files(&broker);
    panics(&broker);
}
