//! The other form of the same request: a token for OAUTHBEARER. It is a URL, and never fetched.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_sasl::{AwsCredentials, SaslFailure, Secret, Token};
use zeroize::Zeroizing;

use crate::sigv4::push_pair;
use crate::{AwsRegion, SignedConnect, USER_AGENT};

/// A token of OAUTHBEARER for any broker of MSK in `region`, signed at the moment `now`: good for 15 minutes.
///
/// # Errors
/// As [`SignedConnect::new`].
pub fn bearer_token(region: &AwsRegion, key: &AwsCredentials, now: SystemTime) -> Result<Token, SaslFailure> {
    let host = format!("kafka.{region}.amazonaws.com");
    let signed = SignedConnect::new(&host, region, key, now, SignedConnect::GOOD_FOR)?;
    let url = url(&signed);
    Ok(Token::new(Secret::from(URL_SAFE_NO_PAD.encode(url.as_bytes()))).expires_at(signed.end()))
}

fn url(signed: &SignedConnect) -> Zeroizing<String> {
    let query = signed.query();
    let signature = signed.signature().expose_text().unwrap_or_default();
    // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
    let mut url = Zeroizing::new(String::with_capacity(256 + signed.host().len() + query.len()));
    url.push_str("https://");
    url.push_str(signed.host());
    url.push_str("/?");
    url.push_str(query);
    push_pair(&mut url, "X-Amz-Signature", signature);
    // Behind the signature, which does not cover it.
    push_pair(&mut url, "User-Agent", USER_AGENT);
    url
}

#[cfg(test)]
mod tests;
