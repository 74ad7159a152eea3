//! What a mechanism's server side makes of a token.

/// The server's word on one token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The client has to say more.
    Challenge(Vec<u8>),
    /// The client is who it says.
    Accepted {
        /// The last token for the client; most mechanisms have none.
        token: Vec<u8>,
        principal: String,
        /// When the credentials themselves end, in milliseconds since the Unix epoch.
        ends_at_ms: Option<i64>,
    },
    /// It is not, or nothing can be made of the token.
    Refused(String),
}

impl Verdict {
    pub(super) fn accepted(principal: impl Into<String>) -> Self {
        Self::Accepted { token: Vec::new(), principal: principal.into(), ends_at_ms: None }
    }

    /// The words that Kafka has for all mechanisms but PLAIN.
    pub(super) fn invalid_credentials(mechanism: &str) -> Self {
        Self::Refused(format!(
            "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
        ))
    }
}
