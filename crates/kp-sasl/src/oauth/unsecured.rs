//! Tokens without a signature, for tests and for development: what Java's client makes by default (RFC 7515, `alg:
//! none`).
//! Owns: the options `unsecuredLogin…` of a jaas line, and the token that they describe. Never: a clock.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_protocol::Timestamp;
use serde_json::{Map, Value};

use super::{JwtClaims, SaslExtensions};
use crate::{SaslFailure, Secret};

/// Seconds that a token is good for, unless an option says otherwise.
const DEFAULT_LIFETIME: i64 = 3600;

/// A maker of unsecured tokens, as Java's `OAuthBearerUnsecuredLoginCallbackHandler`. They prove nothing: a broker
/// takes them only if it is told to, and then believes any client.
///
/// ```
/// use kp_protocol::Timestamp;
/// use kp_sasl::{JwtClaims, OAuthBearer, UnsecuredJwt};
/// let maker = UnsecuredJwt::from_options([
///     ("unsecuredLoginStringClaim_sub", "alice"),
///     ("unsecuredLoginListClaim_scope", "|read|write"),
///     ("unsecuredLoginLifetimeSeconds", "60"),
/// ])?;
/// let token = maker.token(Timestamp(1_000_000))?;
/// let claims = JwtClaims::read(&token)?;
/// assert_eq!((claims.subject(), claims.expires_at()), ("alice", Timestamp(1_060_000)));
/// let mechanism = OAuthBearer::new(&token)?.extensions(maker.extensions().clone());
/// # Ok::<(), kp_sasl::SaslFailure>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UnsecuredJwt {
    claims: Map<String, Value>,
    lifetime_seconds: i64,
    subject_claim: String,
    scope_claim: String,
    extensions: SaslExtensions,
}

impl UnsecuredJwt {
    /// Reads the options of Java's login module, all of which begin with `unsecuredLogin`; others are not looked at.
    ///
    /// | option | what it is |
    /// |---|---|
    /// | `StringClaim_<name>` | a text |
    /// | `NumberClaim_<name>` | a number |
    /// | `ListClaim_<name>` | a list of texts; its first character separates them |
    /// | `Extension_<name>` | an extension for the broker |
    /// | `LifetimeSeconds` | until `exp`; 3600 |
    /// | `PrincipalClaimName`, `ScopeClaimName` | `sub`, `scope` |
    ///
    /// # Errors
    /// [`SaslFailure::BadOption`]: a claim is `iat` or `exp`, is given twice, or is no number; the lifetime is not a
    /// whole number of seconds above 0; an extension is none. [`SaslFailure::BadCredential`] if there is no
    /// principal.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, SaslFailure> {
        let mut maker = Self {
            claims: Map::new(),
            lifetime_seconds: DEFAULT_LIFETIME,
            subject_claim: "sub".to_owned(),
            scope_claim: "scope".to_owned(),
            extensions: SaslExtensions::default(),
        };
        let mut extensions = BTreeMap::new();
        for (option, value) in options {
            let Some(name) = option.strip_prefix("unsecuredLogin") else { continue };
            match name.strip_prefix("Extension_") {
                Some(extension) => drop(extensions.insert(extension, value)),
                None => maker.set(option, name, value)?,
            }
        }
        maker.extensions = SaslExtensions::new(extensions)?;
        // Found out now, and not when the first connection wants a token.
        maker.token(Timestamp(0))?;
        Ok(maker)
    }

    fn set(&mut self, option: &str, name: &str, value: &str) -> Result<(), SaslFailure> {
        let bad = |problem| SaslFailure::bad_option(option, problem);
        let claim = match name.split_once('_') {
            Some((_, "")) => return Ok(()),
            Some(("StringClaim", claim)) => (claim, Value::from(value)),
            Some(("NumberClaim", claim)) => (claim, number(value).ok_or_else(|| bad("is no number"))?),
            Some(("ListClaim", claim)) => (claim, list(value)),
            Some(_) => return Ok(()),
            None => return self.set_plain(option, name, value),
        };
        let (claim, value) = claim;
        if matches!(claim, "iat" | "exp") {
            return Err(bad("cannot be set: it follows from the clock"));
        }
        match self.claims.insert(claim.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(bad("is a claim that is given twice")),
        }
    }

    fn set_plain(&mut self, option: &str, name: &str, value: &str) -> Result<(), SaslFailure> {
        match name {
            "LifetimeSeconds" => {
                let seconds = value.trim().parse().ok().filter(|seconds| *seconds > 0);
                self.lifetime_seconds = seconds
                    .ok_or_else(|| SaslFailure::bad_option(option, "is not a number of seconds above 0"))?;
            }
            "PrincipalClaimName" if !value.trim().is_empty() => {
                value.trim().clone_into(&mut self.subject_claim)
            }
            "ScopeClaimName" if !value.trim().is_empty() => value.trim().clone_into(&mut self.scope_claim),
            _ => {}
        }
        Ok(())
    }

    /// A token that is issued now.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`] if it is longer than 64 KiB.
    pub fn token(&self, now: Timestamp) -> Result<Secret, SaslFailure> {
        let mut claims = self.claims.clone();
        let issued_at = now.0 as f64 / 1000.0;
        claims.insert("iat".to_owned(), issued_at.into());
        claims.insert("exp".to_owned(), (issued_at + self.lifetime_seconds as f64).into());
        let token = Secret::from(format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string())
        ));
        JwtClaims::read_named(&token, &self.subject_claim, &self.scope_claim)?;
        Ok(token)
    }

    /// The extensions that the options name.
    #[must_use]
    pub fn extensions(&self) -> &SaslExtensions {
        &self.extensions
    }
}

fn number(text: &str) -> Option<Value> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then(|| Value::from(number))
}

/// `|a|b` is the list of `a` and `b`: the first character separates, whichever it is.
fn list(text: &str) -> Value {
    let mut characters = text.chars();
    match characters.next() {
        Some(separator) if !characters.as_str().is_empty() => characters
            .as_str()
            .split(separator)
            .map(str::to_owned)
            .map(Value::from)
            .collect::<Vec<_>>()
            .into(),
        _ => Value::Array(Vec::new()),
    }
}
