//! The mechanism AWS_MSK_IAM: one signed request as JSON, and an answer as JSON.

use std::fmt;
use std::time::SystemTime;

use kp_sasl::{AwsCredentials, SaslFailure, SaslMechanism, SaslStep, Secret};
use serde_json::Value;

use crate::connect::{ACTION, MECHANISM};
use crate::sigv4::{ALGORITHM, SIGNED_HEADERS};
use crate::{AwsRegion, SignedConnect, USER_AGENT};

/// The version of both messages.
const VERSION: &str = "2020_10_22";
/// An honest answer has some hundred bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The mechanism AWS_MSK_IAM. The secret key stays here; what goes to the broker is signed for it alone, and is good for
/// 15 minutes.
///
/// ```text
///  Begin ──▶ Sent ──▶ Complete      the answer has to be JSON of the same version: an empty one proves nothing
/// ```
pub struct AwsMskIam {
    secret: Secret,
    signed: SignedConnect,
    facts: Vec<(&'static str, String)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Sent,
    Complete,
}

/// What there is to tell of a login with this key, as [`SaslMechanism::facts`] does: the region that is signed for, the key's name, and
/// where it was found. Never a secret.
#[must_use]
pub fn login_facts(region: &AwsRegion, key: &AwsCredentials) -> Vec<(&'static str, String)> {
    let mut facts = vec![("region", region.to_string()), ("key", key.access_key_id().to_owned())];
    facts.extend(key.place().map(|place| ("found in", place.to_owned())));
    facts
}

impl AwsMskIam {
    /// AWS_MSK_IAM for the broker named `host`, signed at the moment `now`.
    ///
    /// # Errors
    /// As [`SignedConnect::new`].
    pub fn new(
        host: &str,
        region: &AwsRegion,
        key: &AwsCredentials,
        now: SystemTime,
    ) -> Result<Self, SaslFailure> {
        let signed = SignedConnect::new(host, region, key, now, SignedConnect::GOOD_FOR)?;
        let facts = login_facts(region, key);
        Ok(Self { secret: key.secret_access_key().clone(), signed, facts, state: State::Begin })
    }

    fn message(&self) -> Secret {
        let Self { signed, .. } = self;
        let text = |secret: &Secret| secret.expose_text().unwrap_or_default().len();
        // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind. A host and a
        // key have no character that JSON escapes but the quote and the backslash.
        let long = signed.host().len() + signed.credential().len() + signed.token().map_or(0, text);
        let mut json = Vec::with_capacity(1024 + 2 * long);
        let mut add = |name: &str, value: &str| {
            json.push(if json.is_empty() { b'{' } else { b',' });
            push_text(&mut json, name);
            json.push(b':');
            push_text(&mut json, value);
        };
        add("version", VERSION);
        add("host", signed.host());
        add("user-agent", USER_AGENT);
        add("action", ACTION);
        add("x-amz-algorithm", ALGORITHM);
        add("x-amz-credential", signed.credential());
        add("x-amz-date", &signed.date());
        if let Some(token) = signed.token().and_then(Secret::expose_text) {
            add("x-amz-security-token", token);
        }
        add("x-amz-signedheaders", SIGNED_HEADERS);
        add("x-amz-expires", &signed.expires_seconds().to_string());
        add("x-amz-signature", signed.signature().expose_text().unwrap_or_default());
        json.push(b'}');
        Secret::from(json)
    }
}

/// `text` as JSON has it.
fn push_text(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a text is JSON, and a Vec takes it");
}

/// # Errors
/// What is wrong with it.
fn check_answer(answer: &[u8]) -> Result<(), SaslFailure> {
    let malformed = |problem| SaslFailure::Malformed { mechanism: MECHANISM, message: "answer", problem };
    if answer.is_empty() {
        return Err(SaslFailure::EndedEarly { mechanism: MECHANISM });
    }
    if answer.len() > LONGEST_ANSWER {
        return Err(malformed("is longer than 64 KiB"));
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice(answer) else {
        return Err(malformed("is no JSON object"));
    };
    match answer.get("version").and_then(Value::as_str) {
        Some(VERSION) => Ok(()),
        Some(_) => Err(malformed("has another version than 2020_10_22")),
        None => Err(malformed("has no version")),
    }
}

impl SaslMechanism for AwsMskIam {
    fn name(&self) -> &str {
        MECHANISM
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        match (self.state, challenge) {
            (State::Begin, None) => {
                self.state = State::Sent;
                Ok(SaslStep::Send(self.message()))
            }
            (State::Sent, Some(answer)) => {
                check_answer(answer)?;
                self.state = State::Complete;
                Ok(SaslStep::Done)
            }
            (State::Begin | State::Sent | State::Complete, _) => Err(SaslFailure::OutOfTurn {
                mechanism: MECHANISM.to_owned(),
                what: "a step that does not come next",
            }),
        }
    }

    fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        self.facts.clone()
    }

    fn is_secret_in(&self, text: &str) -> bool {
        let token_is_in = self.signed.token().is_some_and(|token| token.is_in(text));
        token_is_in || self.secret.is_in(text) || self.signed.signature().is_in(text)
    }
}

/// No secret is in it.
impl fmt::Debug for AwsMskIam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsMskIam")
            .field("signed", &self.signed)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
