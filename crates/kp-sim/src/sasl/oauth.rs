//! OAUTHBEARER as a broker speaks it to unsecured tokens (RFC 7628, KIP-255; SE14).
//! Owns: the message around the token, and which token is taken. What a token says is read by `kp_sasl::JwtClaims`.

use kp_sasl::{JwtClaims, Secret};

use super::msk_iam;
use super::settings::{SaslSettings, SimMechanism};
use super::verdict::Verdict;

/// What a client is told of a token that is not taken; it has to answer once more before it is refused.
const INVALID_TOKEN: &str = r#"{"status":"invalid_token"}"#;

/// The server's side of one exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct OAuthServer {
    was_told: bool,
}

impl OAuthServer {
    /// Judges the next token.
    pub(super) fn judge(&mut self, settings: &SaslSettings, token: &[u8], now_ms: i64) -> Verdict {
        if self.was_told {
            return Verdict::Refused(INVALID_TOKEN.to_owned());
        }
        let Some(bearer) = bearer_of(token) else {
            return Verdict::invalid_credentials(SimMechanism::OAuthBearer.name());
        };
        match taken(settings, bearer, now_ms) {
            Some(verdict) => verdict,
            None => {
                self.was_told = true;
                Verdict::Challenge(INVALID_TOKEN.into())
            }
        }
    }
}

/// The token in `n,[a=…],\x01auth=Bearer <token>\x01[key=value\x01…]\x01`.
fn bearer_of(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    let (header, rest) = text.split_once('\x01')?;
    let pairs = rest.strip_suffix("\x01\x01")?;
    if !header.starts_with("n,") || !header.ends_with(',') {
        return None;
    }
    let bearer = pairs.split('\x01').find_map(|pair| pair.strip_prefix("auth="))?;
    let (scheme, token) = bearer.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
}

/// An unsecured token, which has no signature; or one that is signed with a key of AWS. It has not ended.
fn taken(settings: &SaslSettings, token: &str, now_ms: i64) -> Option<Verdict> {
    if let Some((principal, ends_at_ms)) = msk_iam::of_token(settings, token, now_ms) {
        return Some(Verdict::Accepted { token: Vec::new(), principal, ends_at_ms: Some(ends_at_ms) });
    }
    let claims = JwtClaims::read(&Secret::from(token)).ok()?;
    let ends_at_ms = claims.expires_at().0;
    (token.ends_with('.') && ends_at_ms > now_ms).then(|| Verdict::Accepted {
        token: Vec::new(),
        principal: claims.subject().to_owned(),
        ends_at_ms: Some(ends_at_ms),
    })
}
