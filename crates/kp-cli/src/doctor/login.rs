//! The login (SASL), by hand, one answer after the other: what the listener offers, what becomes of the credentials, how long the
//! session lasts, what stands in a token. A producer does the same, and says less.
//! Never: a credential in a text.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_protocol::{
    ApiKey, ErrorCode, KafkaString,
    api::{SaslAuthenticateRequest, SaslHandshakeRequest, SaslHandshakeResponse},
    text::shown,
};
use kp_sasl::{SaslMechanism, SaslStep, Secret};
use serde_json::{Value, json};

use super::report::Ailment;
use crate::reader::{BlockingCaller, Connection, ReaderError};

/// No mechanism needs more.
const MOST_TOKENS: usize = 32;
/// So many mechanisms of a list, and letters of what a token says, are shown.
const SHOWN: usize = 10;
const LETTERS: usize = 200;

/// A login that a broker accepted.
pub(super) struct LoggedIn {
    mechanism: String,
    /// Milliseconds; 0 has no end (KIP-368).
    lifetime_ms: i64,
    /// Of OAUTHBEARER.
    claims: Option<Value>,
    /// What else the mechanism tells of itself.
    facts: Facts,
}

/// Name and value.
type Facts = Vec<(&'static str, String)>;

impl LoggedIn {
    pub(super) fn to_text(&self) -> String {
        let session = match self.lifetime_ms {
            ..=0 => "the session has no end".to_owned(),
            ms => format!("the session ends after {} s, and is renewed before", ms / 1000),
        };
        let claims = self
            .claims
            .as_ref()
            .map_or_else(String::new, |claims| format!("; the token: {}", listed(claims)));
        format!("{} is accepted; {session}{claims}{}", self.mechanism, written(&self.facts))
    }

    pub(super) fn to_json(&self) -> Value {
        let facts: serde_json::Map<String, Value> =
            self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        json!({
            "mechanism": self.mechanism, "session_lifetime_ms": self.lifetime_ms, "token": self.claims, "facts": facts,
        })
    }
}

/// Logs in on a connection that has not done so.
pub(super) fn log_in(
    caller: &mut BlockingCaller,
    connection: &Connection,
    mechanism: Box<dyn SaslMechanism>,
) -> Result<LoggedIn, Ailment> {
    let name = mechanism.name().to_owned();
    exchange(caller, connection, mechanism).map_err(|failed| failed.ailment(connection.address(), &name))
}

/// The mechanisms of a SASL listener; `None` from one without.
pub(super) fn offered(caller: &mut BlockingCaller, connection: &Connection) -> Option<Vec<String>> {
    let answer = handshake(caller, connection, "KP-DOCTOR").ok()?;
    let is_sasl = answer.error_code == ErrorCode::UNSUPPORTED_SASL_MECHANISM && !answer.mechanisms.is_empty();
    is_sasl.then(|| names(&answer.mechanisms))
}

/// Why a login came to nothing.
enum Failed {
    Reader(ReaderError),
    /// The client's own.
    Client(kp_sasl::SaslFailure),
    /// SaslHandshake.
    Handshake(ErrorCode, Vec<String>),
    /// SaslAuthenticate.
    Refused(ErrorCode, String, Facts),
    Endless,
}

impl From<ReaderError> for Failed {
    fn from(error: ReaderError) -> Self {
        Self::Reader(error)
    }
}

impl From<kp_sasl::SaslFailure> for Failed {
    fn from(failure: kp_sasl::SaslFailure) -> Self {
        Self::Client(failure)
    }
}

impl Failed {
    fn ailment(self, at: &str, mechanism: &str) -> Ailment {
        match self {
            Self::Reader(error) => Ailment::new(error.to_string(), "look into the broker's log"),
            Self::Client(failure) => Ailment::new(
                format!("{at}: {mechanism}: {failure}"),
                "the credentials of this client (sasl.jaas.config, sasl.username, sasl.password), or whoever answers there",
            ),
            Self::Handshake(ErrorCode::UNSUPPORTED_SASL_MECHANISM, offered) if !offered.is_empty() => {
                Ailment::new(
                    format!("{at} does not offer {mechanism}, but {}", offered.join(", ")),
                    "set sasl.mechanism to one of these, with its credentials",
                )
            }
            Self::Handshake(code, _) => Ailment::new(
                format!("{at} takes no login ({code}): a listener without SASL"),
                "set security.protocol=PLAINTEXT, or SSL if it is encrypted; or give the port of the listener with SASL",
            ),
            Self::Refused(code, words, facts) => {
                let words = if words.is_empty() { String::new() } else { format!(": {words}") };
                Ailment::new(
                    format!("{at} refuses the credentials of {mechanism}: {code}{words}{}", written(&facts)),
                    remedy(mechanism, &facts),
                )
            }
            Self::Endless => Ailment::new(
                format!("{at} goes on asking for tokens of {mechanism}"),
                "this is no Kafka broker: look at the port",
            ),
        }
    }
}

fn remedy(mechanism: &str, facts: &Facts) -> &'static str {
    // A token of Amazon's is signed by this client: no issuer and no audience is to blame.
    let is_of_aws = facts.iter().any(|(name, _)| *name == "region");
    match mechanism {
        _ if is_of_aws => {
            "may this identity do kafka-cluster:Connect on the cluster? Is the region right, and the clock?"
        }
        "OAUTHBEARER" => {
            "is the token for this cluster (issuer, audience), and not at its end? The broker's log has the reason"
        }
        "GSSAPI" => "look into the broker's log; is its keytab of the host that clients connect to?",
        _ => {
            "look at user and password; SCRAM users have a password for each mechanism: \
             kafka-configs.sh --describe --entity-type users"
        }
    }
}

fn handshake(
    caller: &mut BlockingCaller,
    connection: &Connection,
    mechanism: &str,
) -> Result<SaslHandshakeResponse, ReaderError> {
    let version = connection.version(ApiKey::SaslHandshake)?;
    let request = SaslHandshakeRequest { mechanism: mechanism.into(), ..Default::default() };
    caller.call(connection, version, &request)
}

fn exchange(
    caller: &mut BlockingCaller,
    connection: &Connection,
    mut mechanism: Box<dyn SaslMechanism>,
) -> Result<LoggedIn, Failed> {
    let answer = handshake(caller, connection, mechanism.name())?;
    if !answer.error_code.is_ok() {
        return Err(Failed::Handshake(answer.error_code, names(&answer.mechanisms)));
    }
    let version = connection.version(ApiKey::SaslAuthenticate)?;
    let mut logged_in =
        LoggedIn { mechanism: mechanism.name().to_owned(), lifetime_ms: 0, claims: None, facts: Vec::new() };
    let mut step = mechanism.step(None)?;
    for _ in 0..MOST_TOKENS {
        while let SaslStep::Pending(work) = step {
            step = mechanism.resume(work.run())?;
        }
        // Some are known only when the credentials were fetched.
        logged_in.facts = mechanism.facts();
        let SaslStep::Send(token) = step else { return Ok(logged_in) };
        if logged_in.mechanism == "OAUTHBEARER" && logged_in.claims.is_none() {
            logged_in.claims = claims(&token);
        }
        let request =
            SaslAuthenticateRequest { auth_bytes: token.expose().to_vec().into(), ..Default::default() };
        let answer = caller.call(connection, version, &request)?;
        if !answer.error_code.is_ok() {
            // Its words may repeat what it was told.
            let words = answer.error_message.unwrap_or_default();
            let words =
                if mechanism.is_secret_in(words.as_str()) { String::new() } else { cut(words.as_str()) };
            return Err(Failed::Refused(answer.error_code, words, logged_in.facts));
        }
        logged_in.lifetime_ms = answer.session_lifetime_ms;
        if mechanism.is_complete() {
            return Ok(logged_in);
        }
        step = mechanism.step(Some(&answer.auth_bytes))?;
    }
    Err(Failed::Endless)
}

/// As `; region us-east-1, key AKID`; empty without any.
fn written(facts: &Facts) -> String {
    let told: Vec<String> = facts.iter().map(|(name, value)| format!("{name} {}", cut(value))).collect();
    if told.is_empty() { String::new() } else { format!("; {}", told.join(", ")) }
}

fn names(mechanisms: &[KafkaString]) -> Vec<String> {
    let mut names: Vec<String> = mechanisms.iter().take(SHOWN).map(|name| cut(name.as_str())).collect();
    if mechanisms.len() > SHOWN {
        names.push(format!("{} more", mechanisms.len() - SHOWN));
    }
    names
}

fn cut(text: &str) -> String {
    shown(&text.chars().take(LETTERS).collect::<String>()).to_string()
}

/// What a token says of itself, if it is a JWT: never the token, and no signature is checked.
fn claims(message: &Secret) -> Option<Value> {
    let text = message.expose_text()?;
    let (_, rest) = text.split_once("auth=Bearer ")?;
    let token = rest.split('\u{1}').next()?;
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    let mut told = serde_json::Map::new();
    for name in ["iss", "aud", "sub", "scope", "exp"] {
        match payload.get(name) {
            Some(Value::String(text)) => {
                told.insert(name.to_owned(), cut(text).into());
            }
            Some(value @ (Value::Number(_) | Value::Array(_))) => {
                told.insert(
                    name.to_owned(),
                    if value.to_string().len() > LETTERS { "…".into() } else { value.clone() },
                );
            }
            _ => {}
        }
    }
    Some(told.into())
}

/// As `iss https://…, sub alice, ends in 3599 s`.
fn listed(claims: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let one = |(name, value): (&String, &Value)| match (name.as_str(), value.as_f64()) {
        ("exp", Some(end)) => format!("ends in {:.0} s", end - now),
        _ => format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)),
    };
    let told: Vec<String> = claims.as_object().into_iter().flatten().map(one).collect();
    if told.is_empty() { "says nothing".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &str) -> Secret {
        let token = format!("h.{}.signature", URL_SAFE_NO_PAD.encode(payload));
        Secret::from(format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}"))
    }

    // A17
    #[test]
    fn a_token_is_told_by_its_claims_and_never_shown() {
        let claims = claims(&message(
            r#"{"iss":"https://idp","sub":"alice","aud":["kafka"],"exp":1,"jti":"planted"}"#,
        ));
        let text = listed(&claims.unwrap());
        assert!(
            text.contains("iss https://idp") && text.contains("sub alice") && text.contains("ends in -"),
            "{text}"
        );
        assert!(!text.contains("planted") && !text.contains("signature"), "{text}");
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        assert!(claims(&Secret::from("n,,\u{1}auth=Bearer opaque\u{1}\u{1}")).is_none());
        assert!(claims(&message("[")).is_none());
        let huge = claims(&message(&format!(r#"{{"sub":"{}"}}"#, "x".repeat(100_000)))).unwrap();
        assert!(listed(&huge).len() < 300);
    }
}
