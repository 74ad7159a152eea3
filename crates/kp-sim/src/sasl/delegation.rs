//! Delegation tokens (KIP-48; SE17): a login by SCRAM whose user is the id of a token, whose password is the token's HMAC, and
//! who then is the token's owner. Owns: what a token is. Never: how one is asked for; a host of the double hands it in.

use kp_sasl::Secret;

/// What a broker keeps of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DelegationToken {
    /// As clients have it: in base64.
    pub(super) hmac: Secret,
    pub(super) owner: String,
    /// In milliseconds since the Unix epoch.
    pub(super) ends_at_ms: i64,
}
