//! Assertions: JSON Web Tokens by which a client says who it is (RFC 7523).
//! Owns: their header and their claims. The layers are Java's: fixed claims, then the template, then what follows from the clock.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_config::{Assertion, AssertionAlgorithm, SignedAssertion};
use kp_sasl::Secret;
use rustls::crypto::CryptoProvider;
use serde_json::{Map, Value};

use crate::{OidcError, signature, small_file};

type Object = Map<String, Value>;

const TEMPLATE: &str = "sasl.oauthbearer.assertion.template.file";

/// The assertion, read or made.
pub(crate) fn made(
    assertion: &Assertion,
    provider: Option<&Arc<CryptoProvider>>,
    now: i64,
) -> Result<Secret, OidcError> {
    match assertion {
        Assertion::File(path) => {
            let read = small_file::trimmed("sasl.oauthbearer.assertion.file", path)?;
            match read.expose_text() {
                Some(_) => Ok(read),
                None => Err(OidcError::Assertion("the file of it is not text".into())),
            }
        }
        Assertion::Signed(signed) => signed_now(signed, provider, now),
        _ => Err(OidcError::Assertion("this version knows no such assertion".into())),
    }
}

fn signed_now(
    assertion: &SignedAssertion,
    provider: Option<&Arc<CryptoProvider>>,
    now: i64,
) -> Result<Secret, OidcError> {
    let provider = provider.ok_or_else(|| {
        OidcError::Assertion(
            "this build of kp has no cryptography to sign it with: turn on `tls`, `tls-graviola` or `tls-aws-lc`".into(),
        )
    })?;
    let (header, payload) = parts(assertion, now)?;
    let part = |part: Object| URL_SAFE_NO_PAD.encode(Value::Object(part).to_string());
    let message = format!("{}.{}", part(header), part(payload));
    let signature = signature::of(&message, assertion, provider)?;
    Ok(Secret::from(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// The header and the claims.
fn parts(assertion: &SignedAssertion, now: i64) -> Result<(Object, Object), OidcError> {
    let mut header = Map::new();
    let mut payload: Object =
        assertion.fixed_claims().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    if let Some(path) = assertion.template() {
        let text = small_file::trimmed(TEMPLATE, path)?;
        let wrong = |cause: &str| OidcError::File { key: TEMPLATE, path: path.clone(), cause: cause.into() };
        let Ok(Value::Object(mut template)) = serde_json::from_slice(text.expose()) else {
            return Err(wrong("it is no JSON object"));
        };
        for (name, part) in [("header", &mut header), ("payload", &mut payload)] {
            match template.remove(name) {
                None => {}
                Some(Value::Object(more)) => part.extend(more),
                Some(_) => return Err(wrong("its header and its payload are JSON objects")),
            }
        }
    }
    let (lifetime, backdating) = assertion.span();
    let now = now.div_euclid(1000);
    let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    payload.insert("iat".into(), now.into());
    payload.insert("exp".into(), now.saturating_add(seconds(lifetime)).into());
    payload.insert("nbf".into(), now.saturating_sub(seconds(backdating)).into());
    if assertion.is_numbered() {
        payload.insert("jti".into(), number()?.into());
    }
    let algorithm = match assertion.signer().0 {
        AssertionAlgorithm::Rs256 => "RS256",
        AssertionAlgorithm::Es256 => "ES256",
    };
    header.insert("alg".into(), algorithm.into());
    header.insert("typ".into(), "JWT".into());
    Ok((header, payload))
}

/// A number that no other assertion has: 128 random bits.
fn number() -> Result<String, OidcError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| OidcError::Assertion(format!("the system has no random bytes: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
