//! The request that a client of MSK signs, and never sends to AWS: `GET /?Action=kafka-cluster:Connect`.
//! Owns: what is in it, and what may be. Never: the signature itself, see `sigv4.rs`, and the form in which a broker gets it.

use std::fmt;
use std::time::{Duration, SystemTime};

use kp_sasl::{AwsCredentials, SaslFailure, Secret};

use crate::AwsRegion;
use crate::amz_date::AmzDate;
use crate::sigv4::{Signed, Unsigned};

pub(crate) const MECHANISM: &str = "AWS_MSK_IAM";
pub(crate) const ACTION: &str = "kafka-cluster:Connect";
const SERVICE: &str = "kafka-cluster";
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
    /// The parts in the order of their names, encoded, without the signature.
    query: Secret,
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
        let expires_seconds = good_for.as_secs();
        let parameters = vec![("Action", ACTION)];
        let request = Unsigned { service: SERVICE, host, region, date, expires_seconds, parameters };
        let Signed { credential, query, signature } = request.sign(key);
        let (host, token) = (host.to_owned(), key.token().cloned());
        Ok(Self { host, credential, date, expires_seconds, token, query, signature })
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

    pub(crate) fn query(&self) -> &str {
        self.query.expose_text().unwrap_or_default()
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
