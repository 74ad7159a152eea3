//! What signs, and for how long: keys of a provider whose moments the test says.

use super::*;
use crate::config::{AwsCredentialsProvider, Provided, ProviderError};
use kp_sasl::{SaslMechanism, SaslStep};
use std::sync::atomic::{AtomicU64, Ordering};

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
    let mut mechanism: Box<dyn SaslMechanism> = login.signed(iam, BROKER, || moment(seconds))?;
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

/// With a cryptography of its own, this build can ask for roles.
#[cfg(any(feature = "tls", feature = "tls-graviola"))]
#[test]
fn the_security_token_service_is_asked_by_https() {
    let url = kp_http::HttpUrl::parse("https://sts.eu-central-1.amazonaws.com/").expect("a URL");
    let client = client().expect("the system has authorities");
    assert_eq!(client.check(&url), Ok(()));
}
