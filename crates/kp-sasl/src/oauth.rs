//! OAUTHBEARER (RFC 7628, KIP-255): a token in one message, and what a broker says of one that it refuses.

mod claims;
mod extensions;
mod refusal;
mod unsecured;

use std::fmt;

pub use claims::JwtClaims;
pub use extensions::SaslExtensions;
use refusal::TokenRefusal;
pub use unsecured::UnsecuredJwt;

use crate::mechanism::{SaslMechanism, SaslStep};
use crate::{SaslFailure, Secret};

/// The longest token, user or password, in bytes. Brokers take messages of 512 KiB.
pub const MAX_TOKEN: usize = 64 * 1024;

const NAME: &str = "OAUTHBEARER";
/// What separates the parts of the message; alone it is the answer to a refusal.
const SEPARATOR: u8 = 0x01;

/// The mechanism OAUTHBEARER.
///
/// ```text
///  Begin ──▶ Sent ──▶ Complete         the answer is empty
///   message   └─────▶ Refused          the answer says why; 0x01 goes back, and then the broker's last word comes
/// ```
pub struct OAuthBearer {
    token: Secret,
    principal: Option<String>,
    extensions: SaslExtensions,
    facts: Vec<(&'static str, String)>,
    state: State,
}

#[derive(Debug)]
enum State {
    Begin,
    Sent,
    Refused(TokenRefusal),
    Complete,
}

impl OAuthBearer {
    /// OAUTHBEARER with a token, as its issuer gave it.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`] if it is no token of RFC 6750 (letters, digits, `-._~+/`, and `=` at the end),
    /// or longer than 64 KiB.
    pub fn new(token: &Secret) -> Result<Self, SaslFailure> {
        check_token(token.expose())
            .map_err(|problem| SaslFailure::bad_credential(NAME, "the token", problem))?;
        let extensions = SaslExtensions::default();
        let facts = Vec::new();
        Ok(Self { token: token.clone(), principal: None, extensions, facts, state: State::Begin })
    }

    /// As whom the token authenticates, for what is shown to people.
    #[must_use]
    pub fn principal(mut self, name: Option<&str>) -> Self {
        self.principal = name.map(str::to_owned);
        self
    }

    /// Extensions for the broker (KIP-342).
    #[must_use]
    pub fn extensions(mut self, extensions: SaslExtensions) -> Self {
        self.extensions = extensions;
        self
    }

    /// What there is to tell of where the token comes from, as name and value ([`SaslMechanism::facts`]). Never a secret.
    ///
    /// ```
    /// use kp_sasl::{OAuthBearer, SaslMechanism, Secret};
    ///
    /// let region = vec![("region", "eu-central-1".to_owned())];
    /// let mechanism = OAuthBearer::new(&Secret::from("token"))?.telling(region.clone());
    /// assert_eq!(mechanism.facts(), region);
    /// # Ok::<(), kp_sasl::SaslFailure>(())
    /// ```
    #[must_use]
    pub fn telling(mut self, facts: Vec<(&'static str, String)>) -> Self {
        self.facts = facts;
        self
    }

    fn message(&self) -> Secret {
        const BEFORE: &[u8] = b"n,,\x01auth=Bearer ";
        // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
        let length = BEFORE.len() + self.token.expose().len() + self.extensions.wire_length() + 2;
        let mut message = Vec::with_capacity(length);
        message.extend_from_slice(BEFORE);
        message.extend_from_slice(self.token.expose());
        message.push(SEPARATOR);
        for (key, value) in self.extensions.iter() {
            message.extend_from_slice(key.as_bytes());
            message.push(b'=');
            message.extend_from_slice(value.as_bytes());
            message.push(SEPARATOR);
        }
        message.push(SEPARATOR);
        debug_assert_eq!(message.len(), length);
        Secret::from(message)
    }
}

/// `b64token` of RFC 6750, 2.1.
///
/// # Errors
/// What is wrong with it.
fn check_token(token: &[u8]) -> Result<(), &'static str> {
    if token.is_empty() {
        return Err("is empty");
    }
    if token.len() > MAX_TOKEN {
        return Err("is longer than 64 KiB");
    }
    let end = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let is_legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    if end == 0 || !token[..end].iter().all(is_legal) {
        return Err("is no token of RFC 6750: it has a character other than letters, digits and -._~+/");
    }
    Ok(())
}

impl SaslMechanism for OAuthBearer {
    fn name(&self) -> &str {
        NAME
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        match (&self.state, challenge) {
            (State::Begin, None) => {
                self.state = State::Sent;
                Ok(SaslStep::Send(self.message()))
            }
            (State::Sent, Some([])) => {
                self.state = State::Complete;
                Ok(SaslStep::Done)
            }
            // The broker's code is still "no error"; it refuses only when it has this byte (RFC 7628, 3.2.3).
            (State::Sent, Some(why)) => {
                self.state = State::Refused(TokenRefusal::read(why, |text| self.token.is_in(text)));
                Ok(SaslStep::Send(Secret::from(vec![SEPARATOR])))
            }
            (State::Refused(refusal), Some(_)) => Err(refusal.to_failure()),
            (State::Begin | State::Sent | State::Refused(_) | State::Complete, _) => {
                Err(SaslFailure::out_of_turn(NAME, "a step that does not come next"))
            }
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    fn refusal(&self) -> Option<SaslFailure> {
        match &self.state {
            State::Refused(refusal) => Some(refusal.to_failure()),
            State::Begin | State::Sent | State::Complete => None,
        }
    }

    fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        self.facts.clone()
    }

    fn is_secret_in(&self, text: &str) -> bool {
        self.token.is_in(text)
    }
}

impl fmt::Debug for OAuthBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthBearer")
            .field("extensions", &self.extensions)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
