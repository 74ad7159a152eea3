//! What signs, and for how long: keys of a provider whose moments the test says.

use super::*;
use crate::config::{AwsCredentialsProvider, Provided, ProviderError};
use kp_sasl::{SaslMechanism, SaslStep};
use scripted_http::{Server, answer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

const BROKER: &str = "b-1.example.kafka.us-east-1.amazonaws.com";
const MINUTE: u64 = 60;

/// Gives a key of an hour each time it is asked, and counts.
#[derive(Clone, Default)]
struct Hourly {
    now: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
    fails: bool,
}

impl AwsCredentialsProvider for Hourly {
    fn aws_credentials(&self) -> Provided<'_, AwsCredentials> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let end = moment(self.now.load(Ordering::Relaxed) + 60 * MINUTE);
        let key = AwsCredentials::new(format!("AKID{number}"), "wJalrXUtnFEMI").expires_at(end);
        let answer = if self.fails { Err(ProviderError::from("the vault\nis sealed")) } else { Ok(key) };
        Box::pin(std::future::ready(answer))
    }
}

fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_796_000_000 + seconds)
}

/// The message of a login at a moment.
fn message(login: &MskIamLogin, source: &Hourly, iam: &MskIam, seconds: u64) -> Result<String, SaslFailure> {
    source.now.store(seconds, Ordering::Relaxed);
    let mut mechanism: Box<dyn SaslMechanism> =
        login.signed(iam, BROKER, &HandedCryptography::default(), || moment(seconds))?;
    match mechanism.step(None)? {
        SaslStep::Send(token) => Ok(token.expose_text().expect("it is text").to_owned()),
        other => panic!("{other:?}"),
    }
}

// U10
#[test]
fn a_renewal_asks_for_a_key_anew_once_half_of_its_time_is_over() {
    let (login, source) = (MskIamLogin::default(), Hourly::default());
    let iam = MskIam::new().credentials(source.clone());
    let signed_with = |seconds| {
        let message = message(&login, &source, &iam, seconds).expect("there is a key");
        let (_, rest) = message.split_once("\"AKID").expect("it has the id of a key");
        rest.split('/').next().unwrap_or_default().to_owned()
    };
    assert_eq!(signed_with(0), "0");
    assert_eq!(signed_with(29 * MINUTE), "0", "a thousand connections do not ask a thousand times");
    assert_eq!(signed_with(30 * MINUTE), "1");
    login.refused();
    assert_eq!(signed_with(31 * MINUTE), "2", "a broker refused the last one");
}

#[test]
fn a_source_that_has_nothing_is_told_in_its_own_words_on_one_line() {
    let source = Hourly { fails: true, ..Hourly::default() };
    let iam = MskIam::new().credentials(source.clone());
    let failure = message(&MskIamLogin::default(), &source, &iam, 0).expect_err("it fails");
    assert_eq!(failure.to_string(), "looking for credentials of AWS: the vault\\nis sealed");
    assert!(failure.is_retriable());
}

#[test]
fn a_token_is_made_anew_for_each_login_and_says_the_region_that_was_named() {
    let (login, source) = (MskIamLogin::default(), Hourly::default());
    let iam = MskIam::new().credentials(source.clone()).region("eu-central-1").as_token();
    let first = message(&login, &source, &iam, 0).expect("there is a key");
    let second = message(&login, &source, &iam, 1).expect("there is a key");
    assert!(first.starts_with("n,,\x01auth=Bearer aHR0cHM6Ly9rYWZrYS5ldS1jZW50cmFsLTEu"), "{first}");
    assert_ne!(first, second);
}

/// A login of a process with these variables.
fn with(variables: &[(&str, &str)]) -> MskIamLogin {
    let none = [("HOME", "/nonexistent"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let environment = AwsEnvironment::of([&none, variables].concat());
    MskIamLogin { environment, ..MskIamLogin::default() }
}

#[test]
fn a_profile_that_was_named_is_the_only_source() {
    let login = with(&[("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "of-env")]);
    let source = Hourly::default();
    let signed = message(&login, &source, &MskIam::new(), 0).expect("the environment has a key");
    assert!(signed.contains("\"AKIDENV/"), "{signed}");
    let failure =
        message(&login, &source, &MskIam::new().profile("streams"), 0).expect_err("it is not there");
    assert!(failure.to_string().contains("no profile streams in ~/.aws/credentials"), "{failure}");
}

#[test]
fn a_role_is_taken_on_and_its_key_signs_and_is_kept() {
    // One role, for an hour.
    let server = Server::answering([answer(
        "200 OK",
        "<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>ROLE/TOKEN</SessionToken><Expiration>2026-11-30T01:53:20Z</Expiration></Credentials>",
    )]);
    let (login, source) = (with(&[("AWS_ENDPOINT_URL_STS", &server.url(""))]), Hourly::default());
    let role = AwsRole::new("arn:aws:iam::123456789012:role/kp").external_id("e").sts_region("eu-west-1");
    let iam = MskIam::new().credentials(source.clone()).role(role);
    for seconds in [0, MINUTE] {
        let signed = message(&login, &source, &iam, seconds).expect("the role is granted");
        assert!(signed.contains("\"ASIAROLE/") && signed.contains("\"ROLE/TOKEN\""), "{signed}");
        assert!(signed.contains("/us-east-1/kafka-cluster/"), "the region of the broker: {signed}");
    }
    let asked = server.requests().remove(0);
    assert!(asked.starts_with("GET /?Action=AssumeRole&ExternalId=e&RoleArn=arn"), "{asked}");
    assert!(asked.contains("Credential=AKID0%2F20261130%2Feu-west-1%2Fsts%2F"), "{asked}");
}

/// With a cryptography of its own, this build can ask for roles.
#[cfg(any(feature = "tls", feature = "tls-graviola"))]
#[test]
fn the_security_token_service_is_asked_by_https() {
    let url = kp_http::HttpUrl::parse("https://sts.eu-central-1.amazonaws.com/").expect("a URL");
    let client = client(&HandedCryptography::default()).expect("the system has authorities");
    assert_eq!(client.check(&url), Ok(()));
}

// A12
#[cfg(feature = "tls")]
#[test]
fn the_security_token_service_is_asked_with_the_cryptography_that_the_builder_was_handed() {
    let mut unusable = (*kp_tls::ring()).clone();
    unusable.cipher_suites.clear();
    let handed = HandedCryptography::new(Some(&Arc::new(unusable)));
    let error = client(&handed).map(drop).expect_err("it has no cipher");
    assert!(error.contains("cipher"), "{error}");
    client(&HandedCryptography::default()).expect("the one that was built in has");
}
