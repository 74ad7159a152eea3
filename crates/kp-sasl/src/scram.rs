//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677): both ends prove that they know a password, and neither sends
//! it.
//! Owns: the order of the messages and every check of the broker's. Never: the derivation of keys, which is [`Work`].

mod hash;
mod key_cache;
mod keys;
mod messages;
mod nonce;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use hash::Key;
pub use hash::ScramHash;
pub use key_cache::ScramKeyCache;
use keys::KeyRequest;
pub use keys::ScramKeys;
use messages::{FINAL, FIRST, ServerFinal, ServerFirst};
pub use nonce::ScramNonce;

use crate::mechanism::{SaslMechanism, SaslStep};
use crate::oauth::MAX_TOKEN;
use crate::{BrokerText, SaslFailure, Secret, Work, Worked};

/// The fewest iterations that are accepted (RFC 7677, 4; Kafka's brokers cannot be told to use fewer).
pub const MIN_ITERATIONS: u32 = 4096;
/// The most iterations that are accepted unless [`Scram::max_iterations`] says otherwise (`kp.scram.max.iterations`).
pub const DEFAULT_MAX_ITERATIONS: u32 = 1_000_000;

/// No channel binding; base64 of it is the `c=` of the last message.
const GS2_HEADER: &str = "n,,";

/// The mechanism SCRAM-SHA-256 or SCRAM-SHA-512.
///
/// User and password are used as UTF-8 bytes, without the normalisation that RFC 5802 asks for (SASLprep): neither
/// Kafka's brokers nor its Java client do it, so it would lock out who has a letter beyond ASCII in a password.
///
/// ```text
///  Begin ──▶ Greeted ──▶ Deriving ──▶ Proven ──▶ Complete
///     client-first  │ server-first  client-final  server-final
///                   └──── keys are known ──▲
/// ```
pub struct Scram {
    hash: ScramHash,
    user: String,
    password: Secret,
    has_token: bool,
    most_iterations: u32,
    known: ScramKeyCache,
    state: State,
}

enum State {
    Begin { nonce: ScramNonce },
    Greeted { first_bare: String, nonce: ScramNonce },
    Deriving { wanted: KeyRequest, transcript: Transcript },
    Proven { server_signature: Key },
    Complete,
    Failed,
}

/// What both proofs are over: the messages as they were sent and received.
struct Transcript {
    first_bare: String,
    server_first: String,
    final_without_proof: String,
}

impl Scram {
    /// SCRAM for a user. The nonce is used for this one exchange.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`]: user or password is empty or longer than 64 KiB.
    pub fn new(
        hash: ScramHash,
        user: &str,
        password: &Secret,
        nonce: ScramNonce,
    ) -> Result<Self, SaslFailure> {
        for (what, length) in [("the user", user.len()), ("the password", password.expose().len())] {
            let problem = match length {
                0 => "is empty",
                1..=MAX_TOKEN => continue,
                _ => "is longer than 64 KiB",
            };
            return Err(SaslFailure::bad_credential(hash.mechanism(), what, problem));
        }
        Ok(Self {
            hash,
            user: user.to_owned(),
            password: password.clone(),
            has_token: false,
            most_iterations: DEFAULT_MAX_ITERATIONS,
            known: ScramKeyCache::default(),
            state: State::Begin { nonce },
        })
    }

    /// User and password are the id and the HMAC of a delegation token (KIP-48, `tokenauth=true`).
    #[must_use]
    pub fn with_delegation_token(mut self) -> Self {
        self.has_token = true;
        self
    }

    /// The most iterations that a broker may ask for (`kp.scram.max.iterations`).
    #[must_use]
    pub fn max_iterations(mut self, most: u32) -> Self {
        self.most_iterations = most;
        self
    }

    /// Keys of earlier exchanges: if the broker asks for one of them, there is no work to be done.
    #[must_use]
    pub fn known_keys(mut self, known: &ScramKeyCache) -> Self {
        self.known = known.clone();
        self
    }

    fn greet(&mut self, nonce: ScramNonce) -> SaslStep {
        let user = self.user.replace('=', "=3D").replace(',', "=2C");
        let token = if self.has_token { ",tokenauth=true" } else { "" };
        let first_bare = format!("n={user},r={}{token}", nonce.as_str());
        let message = format!("{GS2_HEADER}{first_bare}");
        self.state = State::Greeted { first_bare, nonce };
        SaslStep::Send(Secret::from(message))
    }

    fn on_server_first(
        &mut self,
        first_bare: String,
        nonce: &ScramNonce,
        message: &[u8],
    ) -> Result<SaslStep, SaslFailure> {
        let mechanism = self.hash.mechanism();
        let server_first = self.text(message, FIRST)?;
        if let Some(error) = messages::server_error(server_first) {
            return Err(self.server_error(error));
        }
        let first = ServerFirst::parse(server_first).map_err(|problem| SaslFailure::Malformed {
            mechanism,
            message: FIRST,
            problem,
        })?;
        check_nonce(nonce, first.nonce).map_err(|problem| SaslFailure::Malformed {
            mechanism,
            message: FIRST,
            problem,
        })?;
        let iterations = self.check_iterations(first.iterations)?;
        let transcript = Transcript {
            first_bare,
            server_first: server_first.to_owned(),
            final_without_proof: format!("c={},r={}", STANDARD.encode(GS2_HEADER), first.nonce),
        };
        let wanted = KeyRequest::new(self.hash, &self.user, self.password.clone(), first.salt, iterations);
        if let Some(keys) = self.known.find(&wanted) {
            return Ok(self.prove(&keys, &transcript));
        }
        let job = wanted.clone();
        self.state = State::Deriving { wanted, transcript };
        Ok(SaslStep::Pending(Work::new("deriving keys from a password", move || Worked::done(job.derive()))))
    }

    /// Java's client takes whatever a 32-bit number holds, and derives on its network thread.
    fn check_iterations(&self, asked: i64) -> Result<u32, SaslFailure> {
        let (mechanism, least, most) = (self.hash.mechanism(), MIN_ITERATIONS, self.most_iterations);
        if asked < i64::from(least) {
            return Err(SaslFailure::TooFewIterations { mechanism, asked, least });
        }
        u32::try_from(asked).ok().filter(|asked| *asked <= most).ok_or(SaslFailure::TooManyIterations {
            mechanism,
            asked,
            most,
        })
    }

    fn prove(&mut self, keys: &ScramKeys, transcript: &Transcript) -> SaslStep {
        let Transcript { first_bare, server_first, final_without_proof } = transcript;
        let transcript = format!("{first_bare},{server_first},{final_without_proof}");
        let (proof, server_signature) = keys.sign(transcript.as_bytes());
        let message = format!("{final_without_proof},p={}", STANDARD.encode(proof.as_slice()));
        self.state = State::Proven { server_signature };
        SaslStep::Send(Secret::from(message))
    }

    fn on_server_final(&mut self, expected: &Key, message: &[u8]) -> Result<SaslStep, SaslFailure> {
        let mechanism = self.hash.mechanism();
        if message.is_empty() {
            return Err(SaslFailure::EndedEarly { mechanism });
        }
        let text = self.text(message, FINAL)?;
        match ServerFinal::parse(text).map_err(|problem| SaslFailure::Malformed {
            mechanism,
            message: FINAL,
            problem,
        })? {
            ServerFinal::Error(error) => Err(self.server_error(error)),
            ServerFinal::Signature(signature) if expected.is(&signature) => {
                self.state = State::Complete;
                Ok(SaslStep::Done)
            }
            ServerFinal::Signature(_) => Err(SaslFailure::WrongSignature { mechanism }),
        }
    }

    fn text<'a>(&self, message: &'a [u8], which: &'static str) -> Result<&'a str, SaslFailure> {
        let mechanism = self.hash.mechanism();
        if message.is_empty() {
            return Err(SaslFailure::EndedEarly { mechanism });
        }
        std::str::from_utf8(message).map_err(|_| SaslFailure::Malformed {
            mechanism,
            message: which,
            problem: "is not UTF-8",
        })
    }

    fn server_error(&self, error: &str) -> SaslFailure {
        let error = BrokerText::new(error, |text| self.is_secret_in(text));
        SaslFailure::ServerError { mechanism: self.hash.mechanism(), error }
    }
}

/// The broker's nonce is ours and something of its own: else the exchange is one that was recorded earlier, or one
/// end alone chose what is signed. Java's client does not ask for the broker's part.
fn check_nonce(ours: &ScramNonce, theirs: &str) -> Result<(), &'static str> {
    match theirs.strip_prefix(ours.as_str()) {
        None => Err("does not begin with the nonce that was sent to it"),
        Some("") => Err("adds nothing to the nonce that was sent to it"),
        Some(_) => Ok(()),
    }
}

impl SaslMechanism for Scram {
    fn name(&self) -> &str {
        self.hash.mechanism()
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        // Whatever fails leaves the state behind in which nothing goes on.
        match (std::mem::replace(&mut self.state, State::Failed), challenge) {
            (State::Begin { nonce }, None) => Ok(self.greet(nonce)),
            (State::Greeted { first_bare, nonce }, Some(message)) => {
                self.on_server_first(first_bare, &nonce, message)
            }
            (State::Proven { server_signature }, Some(message)) => {
                self.on_server_final(&server_signature, message)
            }
            (State::Begin { .. }, Some(_)) => {
                Err(SaslFailure::out_of_turn(self.name(), "the broker spoke first"))
            }
            (State::Deriving { .. }, _) => {
                Err(SaslFailure::out_of_turn(self.name(), "the broker spoke while keys were being derived"))
            }
            (State::Greeted { .. } | State::Proven { .. } | State::Complete | State::Failed, _) => {
                Err(SaslFailure::out_of_turn(self.name(), "a step that does not come next"))
            }
        }
    }

    fn resume(&mut self, worked: Worked) -> Result<SaslStep, SaslFailure> {
        let State::Deriving { wanted, transcript } = std::mem::replace(&mut self.state, State::Failed) else {
            return Err(SaslFailure::out_of_turn(self.name(), "work came back that it did not hand out"));
        };
        let keys: ScramKeys = worked.take(self.name())?;
        if !keys.answer(&wanted) {
            return Err(SaslFailure::out_of_turn(self.name(), "the work of another exchange came back"));
        }
        Ok(self.prove(&keys, &transcript))
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

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Begin { .. } => "Begin",
            State::Greeted { .. } => "Greeted",
            State::Deriving { .. } => "Deriving",
            State::Proven { .. } => "Proven",
            State::Complete => "Complete",
            State::Failed => "Failed",
        };
        f.debug_struct("Scram")
            .field("mechanism", &self.hash.mechanism())
            .field("user", &self.user)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
