//! Keys from endpoints over sockets of this machine: what each is asked, and what is made of answers that keep to no rule.

mod faults;
mod order;
mod roles;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kp_msk_iam::{AwsChain, AwsEnvironment};
use scripted_http::answer;

const KEY: &str = r#"{"Code":"Success","AccessKeyId":"ASIAKEY","SecretAccessKey":"of/the+role","Token":"TOKEN==","Expiration":"2026-11-30T08:18:43Z"}"#;

/// 2026-11-30T02:18:43Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_796_005_123)
}

/// A chain that sees these variables alone; nothing but what they name is asked.
fn chain(variables: &[(&str, &str)]) -> AwsChain {
    let none =
        [("HOME", "/nonexistent"), ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_REGION", "eu-central-1")];
    AwsChain::new(AwsEnvironment::of([&none, variables].concat()))
}

/// Id, secret and session token, or what is said in their place.
fn found(chain: &AwsChain) -> Result<String, String> {
    let key = chain.find(now()).map_err(|failure| failure.to_string())?;
    let token = key.token().and_then(|token| token.expose_text()).unwrap_or("~").to_owned();
    let secret = key.secret_access_key().expose_text().unwrap_or_default().to_owned();
    Ok(format!("{} {secret} {token}", key.access_key_id()))
}

/// An answer with a body.
fn ok(body: &str) -> String {
    answer("200 OK", body)
}
