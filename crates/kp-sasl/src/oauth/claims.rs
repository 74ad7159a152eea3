//! What a client reads of a JSON Web Token: who it is for and until when.
//! Owns: the reading. Never: the signature, which is the broker's to check.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_protocol::Timestamp;
use serde_json::{Map, Value};

use super::{NAME, check_token};
use crate::{SaslFailure, Secret};

/// The claims of a token, read as Java's client does before it uses one. The signature is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtClaims {
    subject: String,
    expires_at: Timestamp,
    issued_at: Option<Timestamp>,
    scope: Vec<String>,
}

impl JwtClaims {
    /// Reads a token whose claims have the usual names: `sub`, `scope`.
    ///
    /// # Errors
    /// As [`read_named`](Self::read_named).
    pub fn read(token: &Secret) -> Result<Self, SaslFailure> {
        Self::read_named(token, "sub", "scope")
    }

    /// Reads a token whose subject and scope have other names (`sasl.oauthbearer.sub.claim.name`,
    /// `….scope.claim.name`).
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`]: it is no token of three parts, its middle one is no JSON object, or `exp` or
    /// the subject is missing or of another type.
    pub fn read_named(token: &Secret, subject: &str, scope: &str) -> Result<Self, SaslFailure> {
        Self::read_ending(token, subject, scope, None)
    }

    /// The same, for a token of which its issuer may have said when it ends (`expires_in`): `end` is the end of a token
    /// that has no `exp`.
    ///
    /// # Errors
    /// As [`read_named`](Self::read_named).
    pub fn read_ending(
        token: &Secret,
        subject: &str,
        scope: &str,
        end: Option<Timestamp>,
    ) -> Result<Self, SaslFailure> {
        claims_of(token)
            .and_then(|claims| Self::of(&claims, subject, scope, end))
            .map_err(|problem| SaslFailure::bad_credential(NAME, "the token", problem))
    }

    fn of(
        claims: &Map<String, Value>,
        subject: &str,
        scope: &str,
        end: Option<Timestamp>,
    ) -> Result<Self, &'static str> {
        let expires_at = moment(claims.get("exp"), "has an exp that is no number")?;
        let expires_at = expires_at.or(end).ok_or("has no exp")?;
        let issued_at = moment(claims.get("iat"), "has an iat that is no number")?;
        let subject = match claims.get(subject) {
            Some(Value::String(subject)) => subject.trim(),
            Some(_) => return Err("has a subject that is no text"),
            None => return Err("has no subject"),
        };
        if subject.is_empty() {
            return Err("has an empty subject");
        }
        Ok(Self { subject: subject.to_owned(), expires_at, issued_at, scope: scope_of(claims.get(scope))? })
    }

    /// Who the token is for: the principal, unless the broker maps it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the token ends. A moment beyond all reckoning is the last that there is.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When the token was issued, if it says.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// What the token is good for, word by word.
    pub fn scope(&self) -> impl Iterator<Item = &str> {
        self.scope.iter().map(String::as_str)
    }
}

fn claims_of(token: &Secret) -> Result<Map<String, Value>, &'static str> {
    check_token(token.expose())?;
    let mut parts = token.expose().split(|byte| *byte == b'.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("is no JSON Web Token: it does not have three parts");
    };
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| "has claims that are not base64url")?;
    match serde_json::from_slice(&json) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) | Err(_) => Err("has claims that are no JSON object"),
    }
}

/// Seconds since the epoch, perhaps with a fraction; what does not fit saturates.
fn moment(claim: Option<&Value>, problem: &'static str) -> Result<Option<Timestamp>, &'static str> {
    match claim {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().ok_or(problem)?;
            Ok(Some(Timestamp((seconds * 1000.0).round() as i64)))
        }
    }
}

/// A text of words, or a list of texts.
fn scope_of(claim: Option<&Value>) -> Result<Vec<String>, &'static str> {
    const PROBLEM: &str = "has a scope that is neither a text nor a list of texts";
    match claim {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(words)) => Ok(words.split_whitespace().map(str::to_owned).collect()),
        Some(Value::Array(list)) => {
            list.iter().map(|word| word.as_str().map(|word| word.trim().to_owned()).ok_or(PROBLEM)).collect()
        }
        Some(_) => Err(PROBLEM),
    }
}
