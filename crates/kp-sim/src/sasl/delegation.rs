//! Delegation tokens (KIP-48; SE17): a login by SCRAM whose user is the id of a token, whose password is the token's HMAC, and
//! who then is the token's owner. Owns: what a token is. Never: how one is asked for; a host of the double hands it in.

use kp_sasl::Secret;

use crate::SimCluster;

/// What a broker keeps of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DelegationToken {
    /// As clients have it: in base64.
    pub(super) hmac: Secret,
    pub(super) owner: String,
    /// In milliseconds since the Unix epoch.
    pub(super) ends_at_ms: i64,
}

impl SimCluster {
    /// Gives out a delegation token, or takes it away (`None`). Sessions last until they end. Does nothing if the cluster has
    /// no SASL.
    pub fn set_delegation_token(&mut self, id: &str, token: Option<(Secret, String, i64)>) {
        if let Some(sasl) = &mut self.settings.sasl {
            sasl.set_delegation_token(id, token);
            self.doors.forget_credentials(id);
        }
    }
}
