//! What a broker says of a token that it refuses: JSON (RFC 7628, 3.2.2).
//! Owns: how much of it is read.

use serde_json::Value;

use crate::{BrokerText, SaslFailure};

/// Kafka's own answer has 26 bytes.
const LONGEST_JSON: usize = 64 * 1024;

/// The parts of the answer that are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct TokenRefusal {
    status: Option<BrokerText>,
    scope: Option<BrokerText>,
    configuration: Option<BrokerText>,
}

impl TokenRefusal {
    /// Reads `json`; what cannot be read is left out, and a text that repeats a secret is not shown.
    pub(super) fn read(json: &[u8], is_secret_in: impl Fn(&str) -> bool) -> Self {
        if json.len() > LONGEST_JSON {
            return Self::default();
        }
        let Ok(Value::Object(answer)) = serde_json::from_slice(json) else { return Self::default() };
        let text = |name: &str| Some(BrokerText::new(answer.get(name)?.as_str()?, &is_secret_in));
        Self { status: text("status"), scope: text("scope"), configuration: text("openid-configuration") }
    }

    pub(super) fn to_failure(&self) -> SaslFailure {
        let Self { status, scope, configuration } = self.clone();
        SaslFailure::TokenRefused { status, scope, configuration }
    }
}
