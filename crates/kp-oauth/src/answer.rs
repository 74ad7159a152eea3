//! What an endpoint answers: a token, or why there is none.
//! Owns: the reading, and what a token has to be. Never: a signature, which is the broker's to check.

use std::time::{Duration, UNIX_EPOCH};

use kp_config::Oidc;
use kp_http::HttpAnswer;
use kp_protocol::Timestamp;
use kp_protocol::text::shown;
use kp_sasl::{JwtClaims, OAuthBearer, Secret, Token};
use serde_json::{Map, Value};

use crate::OidcError;

/// A token, when it came, and from where.
pub(crate) struct Came<'a> {
    pub(crate) oidc: &'a Oidc,
    pub(crate) place: &'a str,
    /// This machine's clock, in milliseconds since the epoch.
    pub(crate) now: i64,
}

impl Came<'_> {
    /// Reads an answer. `is_secret_in` tells whether a text repeats what was sent.
    pub(crate) fn in_answer(
        &self,
        answer: &HttpAnswer,
        is_secret_in: impl Fn(&str) -> bool,
    ) -> Result<Token, OidcError> {
        let object = match serde_json::from_slice(answer.body()) {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) | Err(_) => None,
        };
        if !matches!(answer.status(), 200 | 201) {
            let told = |name| told(object.as_ref(), name, &is_secret_in);
            return Err(OidcError::Refused {
                place: self.place.to_owned(),
                status: answer.status(),
                error: told("error"),
                description: told("error_description"),
            });
        }
        let object = object.ok_or_else(|| {
            let kind = answer.header("content-type").unwrap_or("no type");
            self.bad(format!("it is no JSON object ({})", shown(kind)))
        })?;
        let Some(Value::String(token)) = object.get("access_token") else {
            return Err(self.bad("it has no access_token".into()));
        };
        let lifetime = object.get("expires_in").and_then(Value::as_f64).filter(|seconds| seconds.is_finite());
        let end = lifetime.map(|seconds| Timestamp(self.now.saturating_add((seconds * 1000.0) as i64)));
        let date = shown(answer.header("date").unwrap_or_default()).to_string();
        self.checked(Secret::from(token.trim()), end, date)
    }

    /// Looks at a token as a broker would, but for its signature. `end` is when it ends if it does not say itself.
    pub(crate) fn checked(
        &self,
        token: Secret,
        end: Option<Timestamp>,
        date: String,
    ) -> Result<Token, OidcError> {
        let bad = |failure| OidcError::BadToken { place: self.place.to_owned(), failure };
        OAuthBearer::new(&token).map_err(bad)?;
        let (subject, scope) = self.oidc.claim_names();
        let claims = JwtClaims::read_ending(&token, subject, scope, end).map_err(bad)?;
        let ended = claims.expires_at().0;
        if ended <= self.now {
            return Err(OidcError::Expired { place: self.place.to_owned(), ended, now: self.now, date });
        }
        let end = UNIX_EPOCH.checked_add(Duration::from_millis(ended.unsigned_abs()));
        let principal = claims.subject().to_owned();
        let token = Token::new(token).principal(principal).extensions(self.oidc.sent_beside().clone());
        // A moment that the system's clock cannot hold never comes.
        Ok(match end {
            Some(end) => token.expires_at(end),
            None => token,
        })
    }

    fn bad(&self, problem: String) -> OidcError {
        OidcError::BadAnswer { place: self.place.to_owned(), problem }
    }
}

/// A text of the endpoint, fit to be shown.
fn told(object: Option<&Map<String, Value>>, name: &str, is_secret_in: impl Fn(&str) -> bool) -> String {
    let text = object.and_then(|object| object.get(name)).and_then(Value::as_str).unwrap_or_default();
    if is_secret_in(text) {
        return "(withheld: the endpoint's text repeats a secret)".into();
    }
    shown(text).to_string()
}
