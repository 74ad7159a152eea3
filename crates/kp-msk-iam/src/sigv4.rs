//! Signature Version 4 of AWS, of a `GET` without a body whose parts are all in its query.
//! Owns: the text that is signed, and the chain of keys. Never: what a request is for.
//!
//! ```text
//!  request ── SHA-256 ──┐
//!  moment, scope ───────┴── text ── HMAC ── signature
//!  secret ─ day ─ region ─ service ─ key ──┘
//! ```

use hmac::{Hmac, KeyInit, Mac};
use kp_sasl::{AwsCredentials, Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::AwsRegion;
use crate::amz_date::AmzDate;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const SIGNED_HEADERS: &str = "host";
const TERMINATOR: &str = "aws4_request";
/// Of everything but these, AWS wants the code.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One request, before it is signed.
pub(crate) struct Unsigned<'a> {
    pub(crate) service: &'static str,
    pub(crate) host: &'a str,
    pub(crate) region: &'a AwsRegion,
    pub(crate) date: AmzDate,
    pub(crate) expires_seconds: u64,
    /// What the service is told, by name.
    pub(crate) parameters: Vec<(&'static str, &'a str)>,
}

/// The query of a request, encoded and in the order of its names, without the signature; and the signature, in hex.
pub(crate) struct Signed {
    pub(crate) credential: String,
    pub(crate) query: Secret,
    pub(crate) signature: Secret,
}

impl Unsigned<'_> {
    pub(crate) fn sign(&self, key: &AwsCredentials) -> Signed {
        let scope = format!("{}/{}/{}/{TERMINATOR}", self.date.day(), self.region, self.service);
        let credential = format!("{}/{scope}", key.access_key_id());
        let query = self.query(&credential, key.token().and_then(Secret::expose_text));
        let request = Sha256::new()
            .chain_update("GET\n/\n")
            .chain_update(query.as_bytes())
            .chain_update(format!("\nhost:{}\n\n{SIGNED_HEADERS}\n", self.host))
            // The request has no body.
            .chain_update(hex(&Sha256::digest("")))
            .finalize();
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{}", self.date, hex(&request));
        let signature = signature(key.secret_access_key(), &scope, &text);
        Signed { credential, query: Secret::from(query.as_str()), signature }
    }

    fn query(&self, credential: &str, token: Option<&str>) -> Zeroizing<String> {
        let (date, expires) = (self.date.to_string(), self.expires_seconds.to_string());
        let mut pairs = self.parameters.clone();
        pairs.extend([
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", credential),
            ("X-Amz-Date", &date),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", SIGNED_HEADERS),
        ]);
        pairs.extend(token.map(|token| ("X-Amz-Security-Token", token)));
        pairs.sort_unstable_by_key(|(name, _)| *name);
        // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
        let most = pairs.iter().map(|(name, value)| name.len() + 2 + 3 * value.len()).sum();
        let mut query = Zeroizing::new(String::with_capacity(most));
        pairs.iter().for_each(|(name, value)| push_pair(&mut query, name, value));
        query
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with the `hmac` and the `hashlib` of Python.
    #[test]
    fn another_service_has_another_signature_and_parts_in_the_order_of_their_names() {
        let region = AwsRegion::new("eu-central-1").expect("a region");
        let key = AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let request = Unsigned {
            service: "sts",
            host: "sts.eu-central-1.amazonaws.com",
            region: &region,
            date: AmzDate::read("20261130T021843Z").expect("a date"),
            expires_seconds: 60,
            parameters: vec![
                ("Version", "2011-06-15"),
                ("RoleSessionName", "kp"),
                ("RoleArn", "arn:aws:iam::123456789012:role/kp"),
                ("ExternalId", "e 1"),
                ("Action", "AssumeRole"),
            ],
        };
        let signed = request.sign(&key.session_token("S/T=="));
        let expected = "6b0a0b168663b4283193dcf888a7aac337052cc62aa62d8419555dd548f3c4d9";
        assert_eq!(signed.signature, Secret::from(expected));
    }
}
