//! The request that a client of MSK signs, and never sends to AWS: `GET /?Action=kafka-cluster:Connect`.
//! Owns: Signature Version 4 of this one request, its parts in the query. Never: the form in which a broker gets them.
//!
//! ```text
//!  request ── SHA-256 ──┐
//!  moment, scope ───────┴── text ── HMAC ── signature
//!  secret ─ day ─ region ─ service ─ key ──┘
//! ```

use std::fmt;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use kp_sasl::{AwsCredentials, SaslFailure, Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::AwsRegion;
use crate::amz_date::AmzDate;

pub(crate) const MECHANISM: &str = "AWS_MSK_IAM";
pub(crate) const ACTION: &str = "kafka-cluster:Connect";
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const SIGNED_HEADERS: &str = "host";
const SERVICE: &str = "kafka-cluster";
const TERMINATOR: &str = "aws4_request";
/// Of everything but these, AWS wants the code.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The longest part of a key, in bytes: session tokens have some 1000.
const LONGEST: usize = 64 * 1024;

/// The signed request: its bearer may connect to the named host as the owner of the key, until it ends.
#[derive(Clone)]
pub struct SignedConnect {
    host: String,
    credential: String,
    date: AmzDate,
    expires_seconds: u64,
    token: Option<Secret>,
    signature: Secret,
}

impl SignedConnect {
    /// How long a signature is good: 15 minutes, as AWS's own libraries have it.
    pub const GOOD_FOR: Duration = Duration::from_secs(900);

    /// Signs for `host`, at the moment `now`.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`]: a part of the key, or the host, could not stand in a signature.
    /// [`SaslFailure::WorkFailed`]: the key has ended, or `now` is before 1970 or after 9999.
    pub fn new(
        host: &str,
        region: &AwsRegion,
        key: &AwsCredentials,
        now: SystemTime,
        good_for: Duration,
    ) -> Result<Self, SaslFailure> {
        check(host, key)?;
        let date = AmzDate::of(now).ok_or_else(|| failed("the clock of this machine is wrong".to_owned()))?;
        if let Some(late) = key.end().and_then(|end| now.duration_since(end).ok()) {
            return Err(failed(format!("the credentials ended {} seconds ago", late.as_secs())));
        }
        let scope = format!("{}/{region}/{SERVICE}/{TERMINATOR}", date.day());
        let mut signed = Self {
            host: host.to_owned(),
            credential: format!("{}/{scope}", key.access_key_id()),
            date,
            expires_seconds: good_for.as_secs(),
            token: key.token().cloned(),
            signature: Secret::from(""),
        };
        let text = signed.text_to_sign(&scope);
        signed.signature = signature(key.secret_access_key(), &scope, &text);
        Ok(signed)
    }

    /// The host that it is for.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `X-Amz-Credential`: the name of the key, the day, the region and the service.
    #[must_use]
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// `X-Amz-Date`, as `20261130T021843Z`.
    #[must_use]
    pub fn date(&self) -> String {
        self.date.to_string()
    }

    /// `X-Amz-Expires`, in seconds from the date on.
    #[must_use]
    pub fn expires_seconds(&self) -> u64 {
        self.expires_seconds
    }

    /// `X-Amz-Security-Token`, for the key of a role.
    #[must_use]
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// `X-Amz-Signature`, in hex.
    #[must_use]
    pub fn signature(&self) -> &Secret {
        &self.signature
    }

    /// The moment in a text that [`date`](Self::date) wrote.
    #[must_use]
    pub fn moment_of(date: &str) -> Option<SystemTime> {
        AmzDate::read(date).map(AmzDate::moment)
    }

    /// When it ends; a broker does not take it later.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        self.date.moment() + Duration::from_secs(self.expires_seconds)
    }

    /// The parts in the order of their names, encoded, without the signature.
    pub(crate) fn query(&self) -> Zeroizing<String> {
        let token = self.token.as_ref().and_then(Secret::expose_text);
        // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
        let mut query = Zeroizing::new(String::with_capacity(512 + 3 * token.map_or(0, str::len)));
        push_pair(&mut query, "Action", ACTION);
        push_pair(&mut query, "X-Amz-Algorithm", ALGORITHM);
        push_pair(&mut query, "X-Amz-Credential", &self.credential);
        push_pair(&mut query, "X-Amz-Date", &self.date());
        push_pair(&mut query, "X-Amz-Expires", &self.expires_seconds.to_string());
        if let Some(token) = token {
            push_pair(&mut query, "X-Amz-Security-Token", token);
        }
        push_pair(&mut query, "X-Amz-SignedHeaders", SIGNED_HEADERS);
        query
    }

    fn text_to_sign(&self, scope: &str) -> String {
        let request = Sha256::new()
            .chain_update("GET\n/\n")
            .chain_update(self.query().as_bytes())
            .chain_update(format!("\nhost:{}\n\n{SIGNED_HEADERS}\n", self.host))
            // The request has no body.
            .chain_update(hex(&Sha256::digest("")))
            .finalize();
        format!("{ALGORITHM}\n{}\n{scope}\n{}", self.date, hex(&request))
    }
}

/// Without the signature and the token.
impl fmt::Debug for SignedConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedConnect")
            .field("host", &self.host)
            .field("credential", &self.credential)
            .field("date", &self.date())
            .field("expires_seconds", &self.expires_seconds)
            .finish_non_exhaustive()
    }
}

pub(crate) fn push_pair(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    query.extend(utf8_percent_encode(value, ENCODED));
}

/// The key is bound to the day, the region and the service, one after the other.
fn signature(secret: &Secret, scope: &str, text: &str) -> Secret {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.expose());
    let key = scope.split('/').fold(first, |key, part| hmac(&key, part));
    Secret::from(hex(&hmac(&key, text)))
}

fn hmac(key: &[u8], text: &str) -> Zeroizing<Vec<u8>> {
    let keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    let mut sum = keyed.chain_update(text).finalize().into_bytes();
    let kept = Zeroizing::new(sum.to_vec());
    sum.zeroize();
    kept
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four_bits: u8| char::from(DIGITS[usize::from(four_bits)]);
    let mut text = String::with_capacity(2 * bytes.len());
    bytes.iter().for_each(|byte| text.extend([digit(byte >> 4), digit(byte & 15)]));
    text
}

/// What is signed is text with meanings of its own: a line feed in a host would be another request.
fn check(host: &str, key: &AwsCredentials) -> Result<(), SaslFailure> {
    let bad = |what, problem| Err(SaslFailure::BadCredential { mechanism: MECHANISM, what, problem });
    let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(byte);
    let parts = [
        ("the access key id", key.access_key_id().as_bytes()),
        ("the secret access key", key.secret_access_key().expose()),
        ("the session token", key.token().map_or(b"none", |token| token.expose())),
    ];
    for (what, part) in parts {
        match part {
            [] => return bad(what, "is empty"),
            _ if part.len() > LONGEST => return bad(what, "is longer than 64 KiB"),
            _ if !part.iter().all(u8::is_ascii_graphic) => {
                return bad(what, "has a character that no key of AWS has");
            }
            _ => {}
        }
    }
    if key.access_key_id().contains('/') {
        return bad("the access key id", "has a slash in it: is it the secret access key?");
    }
    if host.is_empty() || !host.as_bytes().iter().all(is_in_name) {
        return bad("the broker's name", "is none that can be signed");
    }
    Ok(())
}

fn failed(problem: String) -> SaslFailure {
    SaslFailure::WorkFailed { what: "signing for MSK", problem }
}

#[cfg(test)]
mod tests;
