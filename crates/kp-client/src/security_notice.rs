//! What is not wrong, and what an operator should know of a connection's security all the same.
//! Owns: the words. Never: a secret, or the raw text of a broker.

use std::fmt;
use std::time::Duration;

/// Something about security that a client goes along with; it tells of each kind once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityNotice {
    /// A broker does not list SaslAuthenticate, as those before Kafka 1.0, and gets what others must not read over a
    /// connection that is not encrypted. Who can change what passes can shorten that list.
    BareTokens {
        /// The mechanism, which shows the secret itself.
        mechanism: String,
    },
    /// A broker ends sessions sooner than it lets a client renew them.
    ShortSessions {
        /// How long the session lasts.
        lifetime: Duration,
    },
}

impl fmt::Display for SecurityNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BareTokens { mechanism } => write!(
                f,
                "does not list SaslAuthenticate (Kafka before 1.0?), and is shown the secret of {mechanism} over a \
                 connection that is not encrypted: if the broker is newer, a third party has shortened its list; use \
                 security.protocol=SASL_SSL"
            ),
            Self::ShortSessions { lifetime } => write!(
                f,
                "ends sessions after {lifetime:?} (connections.max.reauth.ms, or the end of the token): connections are \
                 authenticated again once a second at most, and may be cut off in between"
            ),
        }
    }
}
