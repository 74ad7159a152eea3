//! PLAIN (RFC 4616): user and password in one token.

use crate::mechanism::{SaslMechanism, SaslStep};
use crate::oauth::MAX_TOKEN;
use crate::{SaslFailure, Secret};

const NAME: &str = "PLAIN";

/// The mechanism PLAIN. The password goes to the broker as it is: over a connection without TLS every host on the way
/// reads it.
#[derive(Debug)]
pub struct Plain {
    user: String,
    password: Secret,
    state: State,
}

#[derive(Debug)]
enum State {
    Begin { token: Secret },
    Complete,
}

impl Plain {
    /// PLAIN for a user. The authorization identity stays empty: a broker takes the user for it.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`]: user or password is empty, is not UTF-8, has a NUL in it, or is longer than 64
    /// KiB.
    pub fn new(user: &str, password: &Secret) -> Result<Self, SaslFailure> {
        check(user.as_bytes(), "the user")?;
        check(password.expose(), "the password")?;
        if password.expose_text().is_none() {
            return Err(SaslFailure::bad_credential(NAME, "the password", "is not UTF-8"));
        }
        // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
        let mut token = Vec::with_capacity(2 + user.len() + password.expose().len());
        token.push(0);
        token.extend_from_slice(user.as_bytes());
        token.push(0);
        token.extend_from_slice(password.expose());
        Ok(Self {
            user: user.to_owned(),
            password: password.clone(),
            state: State::Begin { token: Secret::from(token) },
        })
    }
}

/// What separates user and password on the wire is in neither; a broker refuses an empty one.
fn check(text: &[u8], what: &'static str) -> Result<(), SaslFailure> {
    let problem = match text {
        [] => "is empty",
        _ if text.contains(&0) => "has a NUL character in it, which PLAIN cannot send",
        _ if text.len() > MAX_TOKEN => "is longer than 64 KiB",
        _ => return Ok(()),
    };
    Err(SaslFailure::bad_credential(NAME, what, problem))
}

impl SaslMechanism for Plain {
    fn name(&self) -> &str {
        NAME
    }

    /// The broker's answer is ignored, as Java's client does: whether it is well is said by its error code.
    fn step(&mut self, _challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        match std::mem::replace(&mut self.state, State::Complete) {
            State::Begin { token } => Ok(SaslStep::Send(token)),
            State::Complete => Ok(SaslStep::Done),
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    fn principal(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn is_secret_in(&self, text: &str) -> bool {
        self.password.is_in(text)
    }
}
