//! Keys in the answers of endpoints: JSON of instances and containers, XML of the Security Token Service.
//! Owns: how they are read, and which are not used. No text of an answer is shown but a short code and a message, made harmless.

use std::time::SystemTime;

use kp_protocol::text::shown;
use kp_sasl::{AwsCredentials, Secret};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Endpoint;
use crate::AwsFailure;

impl Endpoint {
    /// The key in `{"AccessKeyId":…,"SecretAccessKey":…,"Token":…,"Expiration":…}`.
    pub(super) fn key_of_json(self, json: Vec<u8>, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        let json = Zeroizing::new(json);
        let Ok(Value::Object(mut answer)) = serde_json::from_slice(&json) else {
            return Err(self.failed("answered with something that is no JSON object"));
        };
        let mut text = |name: &str| take(&mut answer, name);
        if let Some(code) = text("Code").filter(|code| code != "Success") {
            let why = text("Message").unwrap_or_default();
            return Err(self.failed(format!("gives no key: {} {}", shown(&code), shown(&why)).trim_end()));
        }
        let parts = (text("AccessKeyId"), text("SecretAccessKey"), text("Token"), text("Expiration"));
        self.key(parts, now)
    }

    /// The key in `<Credentials><AccessKeyId>…</AccessKeyId>…</Credentials>`.
    pub(super) fn key_of_xml(self, xml: Vec<u8>, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        let xml = Zeroizing::new(xml);
        let text = std::str::from_utf8(&xml).unwrap_or_default();
        let Some(key) = between(text, "<Credentials>", "</Credentials>") else {
            return Err(self.failed("answered with something that has no credentials in it"));
        };
        let part = |name| element(key, name).map(str::to_owned);
        let parts = (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"), part("Expiration"));
        self.key(parts, now)
    }

    /// Why the service refused, in its words if they can be read; one that repeats what it was `sent` is not shown.
    pub(super) fn refusal(self, status: u16, xml: &[u8], sent: &Secret) -> AwsFailure {
        let text = std::str::from_utf8(xml).unwrap_or_default();
        let code = element(text, "Code").unwrap_or_default();
        let words = element(text, "Message").unwrap_or_default();
        if code.is_empty() || sent.is_in(code) || sent.is_in(words) {
            return self.failed(format!("answered with the status {status}"));
        }
        self.failed(format!("{}: {}", shown(code), shown(words)))
    }

    fn key(self, parts: Parts, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        let (id, secret, token, end) = parts;
        let lacks = |missing: &str| self.failed(format!("gives a key without {missing}"));
        let id = id.ok_or_else(|| lacks("AccessKeyId"))?;
        let secret = secret.map(Secret::from).ok_or_else(|| lacks("SecretAccessKey"))?;
        let token = token.map(Secret::from).ok_or_else(|| lacks("a session token"))?;
        let key = AwsCredentials::new(id, secret).session_token(token);
        let Some(end) = end else { return Ok(key) };
        let end =
            humantime::parse_rfc3339(&end).map_err(|_| self.failed("gives a key whose end is no date"))?;
        match now.duration_since(end) {
            Ok(late) => Err(self.failed(format!("gives a key that ended {} seconds ago", late.as_secs()))),
            Err(_) => Ok(key.expires_at(end)),
        }
    }
}

/// Id, secret, token and end of a key.
type Parts = (Option<String>, Option<String>, Option<String>, Option<String>);

/// A text of an answer that is not empty, taken over and not copied.
fn take(answer: &mut Map<String, Value>, name: &str) -> Option<String> {
    match answer.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The text of the first element of this name. Keys have no character that XML escapes, and such a text is not taken.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let text = between(xml, &format!("<{name}>"), &format!("</{name}>"))?.trim();
    (!text.is_empty() && !text.contains(['<', '&'])).then_some(text)
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inside, _)| inside)
}
