//! The broker's two messages of SCRAM (RFC 5802, 7).
//! Owns: their syntax. What is wrong is said in words of this file alone: nothing of the message is repeated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::nonce::is_nonce;

/// The name of the broker's first message in a failure.
pub(super) const FIRST: &str = "first SCRAM message";
/// The name of the broker's last message in a failure.
pub(super) const FINAL: &str = "last SCRAM message";

/// The longest salt that is taken; Kafka's has 26 bytes.
const LONGEST_SALT: usize = 1024;

/// `r=<nonce>,s=<salt>,i=<iterations>`, and extensions, which are ignored.
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: i64,
}

impl<'a> ServerFirst<'a> {
    /// # Errors
    /// What is wrong with the message.
    pub(super) fn parse(message: &'a str) -> Result<Self, &'static str> {
        if message.starts_with("v=") {
            return Err("is the last one: it skips the proof");
        }
        // One may stand at the beginning alone (RFC 5802, 5.1); Java's client overlooks it.
        if message.split(',').any(|field| field.starts_with("m=")) {
            return Err("has an extension that must be understood (m=)");
        }
        let mut fields = message.split(',');
        let mut field =
            |name, problem| fields.next().and_then(|field| field.strip_prefix(name)).ok_or(problem);
        let nonce = field("r=", "has no nonce (r=) at its beginning")?;
        let salt = field("s=", "has no salt (s=) after the nonce")?;
        let iterations = field("i=", "has no number of iterations (i=) after the salt")?;
        if !is_nonce(nonce) {
            return Err("has a nonce that is not printable ASCII");
        }
        Ok(Self { nonce, salt: salt_of(salt)?, iterations: iterations_of(iterations)? })
    }
}

fn salt_of(text: &str) -> Result<Vec<u8>, &'static str> {
    // Compared before anything is allocated; base64 takes 4 bytes for 3.
    if text.len() > LONGEST_SALT.div_ceil(3) * 4 {
        return Err("has a salt of more than 1 KiB");
    }
    match STANDARD.decode(text) {
        Ok(salt) if salt.is_empty() => Err("has an empty salt"),
        Ok(salt) => Ok(salt),
        Err(_) => Err("has a salt that is not base64"),
    }
}

/// Also of a number that is not allowed, so that it can be named.
fn iterations_of(text: &str) -> Result<i64, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("has a number of iterations that is no number");
    }
    Ok(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

/// `v=<signature>` or `e=<error>`, and extensions, which are ignored.
pub(super) enum ServerFinal<'a> {
    Signature(Vec<u8>),
    Error(&'a str),
}

impl<'a> ServerFinal<'a> {
    /// # Errors
    /// What is wrong with the message.
    pub(super) fn parse(message: &'a str) -> Result<Self, &'static str> {
        if let Some(error) = server_error(message) {
            return Ok(Self::Error(error));
        }
        let signature = message.strip_prefix("v=").ok_or("has neither a signature (v=) nor an error (e=)")?;
        let signature = signature.split(',').next().unwrap_or_default();
        // Longer than base64 of any hash; compared before anything is allocated.
        if signature.len() > 128 {
            return Err("has a signature that is too long");
        }
        STANDARD.decode(signature).map(Self::Signature).map_err(|_| "has a signature that is not base64")
    }
}

/// The broker's word for what is wrong, if `message` is such a word.
pub(super) fn server_error(message: &str) -> Option<&str> {
    message.strip_prefix("e=")?.split(',').next()
}
