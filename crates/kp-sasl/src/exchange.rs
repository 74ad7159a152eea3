//! The exchange with a broker, from SaslHandshake to the session that comes out of it (KIP-43, KIP-152, KIP-368).
//! Owns: what is sent next, and what each answer of the broker comes to. Never: a socket, a clock, a thread; how long
//! an exchange may take is for the caller to say.

mod dialect;
mod session;

use std::fmt;

use kp_protocol::ErrorCode;
use kp_protocol::api::{SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse};

pub use dialect::SaslDialect;
pub use session::SaslSession;

use crate::failure::OfferedMechanisms;
use crate::mechanism::{SaslMechanism, SaslStep};
use crate::{BrokerText, SaslFailure, Secret, Work, Worked};

/// The largest frame of a broker while it authenticates, in bytes: what brokers take from a client
/// (`sasl.server.max.receive.size`).
pub const MAX_FRAME: usize = 512 * 1024;

/// Tokens that one exchange may take. Kerberos takes three.
const MOST_TOKENS: u32 = 32;

/// One exchange: the first one of a connection, or a re-authentication.
///
/// Each call says what is to be done next; after an error nothing goes on, and the connection has to be closed.
///
/// ```text
///  Created ──▶ Handshake ──▶ Token 1, 2, … ──▶ Done
///     │                        ▲      │
///     └─ without a handshake ──┘      ▼
///                                 Working
/// ```
#[derive(Debug)]
pub struct SaslExchange {
    mechanism: Box<dyn SaslMechanism>,
    dialect: SaslDialect,
    stage: SaslStage,
    tokens: u32,
    /// What the newest answer of the broker says of the session, should it be the last answer.
    session: SaslSession,
    is_refused: bool,
    ahead: Ahead,
}

/// What was done for the first token while SaslHandshake is unanswered.
#[derive(Debug, Default)]
enum Ahead {
    /// Nothing.
    #[default]
    Nothing,
    /// It was sent.
    Sent,
    /// It takes work, which waits for the answer.
    Waits(Work),
}

/// Where an exchange stands: which answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslStage {
    /// [`SaslExchange::begin`] was not called yet.
    Created,
    /// SaslHandshake was sent.
    Handshake,
    /// A token was sent.
    Token {
        /// The first has the number 1.
        number: u32,
    },
    /// Work was handed out.
    Working,
    /// The broker accepted the credentials.
    Done,
    /// Something went wrong.
    Failed,
}

/// What a caller has to do next.
#[derive(Debug)]
#[must_use]
pub enum SaslOutput {
    /// Send this request, and call [`SaslExchange::on_handshake`] with the answer.
    Handshake {
        /// The request.
        request: SaslHandshakeRequest,
        /// Its version.
        version: i16,
    },
    /// Send a SaslAuthenticate with this token, and call [`SaslExchange::on_authenticate`] with the answer.
    Authenticate {
        /// The token.
        token: Secret,
        /// The version of the request.
        version: i16,
    },
    /// Send this token behind its length (four bytes), without a header, and call [`SaslExchange::on_bare_token`]
    /// with the answer, which comes in the same form.
    BareToken {
        /// The token.
        token: Secret,
    },
    /// Send this token likewise; no answer comes, and the exchange is over.
    LastBareToken {
        /// The token.
        token: Secret,
        /// The session, which has no end.
        session: SaslSession,
    },
    /// Run this work, on whatever thread, and call [`SaslExchange::on_worked`] with what comes out.
    Work(Work),
    /// Send nothing: the token went ahead ([`SaslExchange::go_ahead`]), and its answer is awaited.
    Sent,
    /// The broker accepted the credentials.
    Done(SaslSession),
}

impl SaslExchange {
    /// An exchange that is to begin.
    #[must_use]
    pub fn new(mechanism: Box<dyn SaslMechanism>, dialect: SaslDialect) -> Self {
        let (stage, session) = (SaslStage::Created, SaslSession::without_end());
        Self { mechanism, dialect, stage, tokens: 0, session, is_refused: false, ahead: Ahead::Nothing }
    }

    /// The name of the mechanism.
    #[must_use]
    pub fn mechanism(&self) -> &str {
        self.mechanism.name()
    }

    /// As whom the mechanism authenticates ([`SaslMechanism::principal`]).
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.mechanism.principal()
    }

    /// How tokens travel.
    #[must_use]
    pub fn dialect(&self) -> SaslDialect {
        self.dialect
    }

    /// Where the exchange stands.
    #[must_use]
    pub fn stage(&self) -> SaslStage {
        self.stage
    }

    /// The mechanism whose credentials the broker has refused, if it has. Who keeps credentials for later exchanges should
    /// not keep these ([`SaslMechanism::is_secret_in`] tells whether they are those of the mechanism).
    #[must_use]
    pub fn refused(&self) -> Option<&dyn SaslMechanism> {
        self.is_refused.then_some(&*self.mechanism)
    }

    /// Begins.
    ///
    /// # Errors
    /// A failure of the mechanism, or [`SaslFailure::OutOfTurn`] if it is not the first call.
    pub fn begin(&mut self) -> Result<SaslOutput, SaslFailure> {
        self.enter(|stage| stage == SaslStage::Created, "the exchange was begun before")?;
        match self.dialect.handshake_version() {
            Some(version) => {
                self.stage = SaslStage::Handshake;
                let request =
                    SaslHandshakeRequest { mechanism: self.mechanism.name().into(), ..Default::default() };
                Ok(SaslOutput::Handshake { request, version })
            }
            None => self.step(None),
        }
    }

    /// The first token, to be sent right behind SaslHandshake and not after its answer: a round trip less (SE3). `None` if
    /// it takes work first, or the dialect has no such way; then nothing is different. For brokers that are known to have
    /// the mechanism, and tokens that may be shown to any host that listens there.
    ///
    /// # Errors
    /// A failure of the mechanism, or [`SaslFailure::OutOfTurn`] if SaslHandshake is not what was asked for last.
    pub fn go_ahead(&mut self) -> Result<Option<SaslOutput>, SaslFailure> {
        let is_possible = matches!(self.dialect, SaslDialect::Authenticate { .. });
        if !is_possible || !matches!(self.ahead, Ahead::Nothing) {
            return Ok(None);
        }
        self.enter(|stage| stage == SaslStage::Handshake, "a token ahead of nothing")?;
        let output = match self.mechanism.step(None)? {
            SaslStep::Pending(work) => {
                self.ahead = Ahead::Waits(work);
                None
            }
            step => {
                self.ahead = Ahead::Sent;
                Some(self.follow(step)?)
            }
        };
        self.stage = SaslStage::Handshake;
        Ok(output)
    }

    /// The broker answered SaslHandshake.
    ///
    /// # Errors
    /// [`SaslFailure::HandshakeRefused`], a failure of the mechanism, or [`SaslFailure::OutOfTurn`] if this answer is
    /// not the one awaited.
    pub fn on_handshake(&mut self, answer: &SaslHandshakeResponse) -> Result<SaslOutput, SaslFailure> {
        self.enter(|stage| stage == SaslStage::Handshake, "an answer to SaslHandshake that is not awaited")?;
        if !answer.error_code.is_ok() {
            return Err(SaslFailure::HandshakeRefused {
                mechanism: self.mechanism.name().to_owned(),
                code: answer.error_code,
                offered: OfferedMechanisms::of(&answer.mechanisms, |text| self.mechanism.is_secret_in(text)),
            });
        }
        match std::mem::take(&mut self.ahead) {
            Ahead::Nothing => self.step(None),
            Ahead::Sent => {
                self.stage = SaslStage::Token { number: self.tokens };
                Ok(SaslOutput::Sent)
            }
            Ahead::Waits(work) => self.follow(SaslStep::Pending(work)),
        }
    }

    /// The broker answered SaslAuthenticate.
    ///
    /// # Errors
    /// [`SaslFailure::Refused`] and the like; whatever the mechanism finds wrong with the token, although the broker
    /// says that all is well; [`SaslFailure::OutOfTurn`] if this answer is not the one awaited.
    pub fn on_authenticate(&mut self, answer: &SaslAuthenticateResponse) -> Result<SaslOutput, SaslFailure> {
        let is_awaited = matches!(self.dialect, SaslDialect::Authenticate { .. });
        self.enter(
            |stage| is_awaited && matches!(stage, SaslStage::Token { .. }),
            "an answer to SaslAuthenticate that is not awaited",
        )?;
        if !answer.error_code.is_ok() {
            let why = self.refusal(answer.error_code, answer.error_message.as_deref());
            return self.judged(Err(why));
        }
        self.session = SaslSession::of_millis(answer.session_lifetime_ms);
        let next = self.on_token(&answer.auth_bytes);
        self.judged(next)
    }

    /// The broker answered a bare token with a bare token.
    ///
    /// # Errors
    /// As [`on_authenticate`](Self::on_authenticate).
    pub fn on_bare_token(&mut self, token: &[u8]) -> Result<SaslOutput, SaslFailure> {
        let is_awaited = self.dialect.is_bare();
        self.enter(
            |stage| is_awaited && matches!(stage, SaslStage::Token { .. }),
            "a bare token that is not awaited",
        )?;
        let next = self.on_token(token);
        self.judged(next)
    }

    /// Work that was handed out is done.
    ///
    /// # Errors
    /// The failure of the work or of the mechanism; [`SaslFailure::OutOfTurn`] if no work is awaited.
    pub fn on_worked(&mut self, worked: Worked) -> Result<SaslOutput, SaslFailure> {
        self.enter(|stage| stage == SaslStage::Working, "work that is not awaited")?;
        let step = self.mechanism.resume(worked)?;
        self.follow(step)
    }

    /// The broker closed the connection: what that means, if it means more than a lost connection. Where tokens go
    /// bare, a broker has no other way to refuse them.
    pub fn on_closed(&mut self) -> Option<SaslFailure> {
        let stage = std::mem::replace(&mut self.stage, SaslStage::Failed);
        let is_an_answer = self.dialect.is_bare() && matches!(stage, SaslStage::Token { .. });
        let closed = || SaslFailure::ClosedWithoutReason { mechanism: self.mechanism.name().to_owned() };
        let why = self.mechanism.refusal().or_else(|| is_an_answer.then(closed))?;
        self.judged(Err(why)).err()
    }

    /// Leaves the stage; whatever does not come to another one leaves the exchange failed.
    fn enter(
        &mut self,
        is_awaited: impl Fn(SaslStage) -> bool,
        what: &'static str,
    ) -> Result<(), SaslFailure> {
        if is_awaited(std::mem::replace(&mut self.stage, SaslStage::Failed)) {
            return Ok(());
        }
        Err(SaslFailure::out_of_turn(self.mechanism.name(), what))
    }

    /// Keeps in mind whether it is the broker that wants nothing of the credentials.
    fn judged(&mut self, next: Result<SaslOutput, SaslFailure>) -> Result<SaslOutput, SaslFailure> {
        self.is_refused = next.as_ref().is_err_and(SaslFailure::is_refusal);
        next
    }

    fn refusal(&self, code: ErrorCode, message: Option<&str>) -> SaslFailure {
        // Of a refused token the mechanism was told more than this code says.
        self.mechanism.refusal().unwrap_or_else(|| SaslFailure::Refused {
            mechanism: self.mechanism.name().to_owned(),
            code,
            message: message.map(|message| {
                BrokerText::about(self.mechanism.name(), message, |text| self.mechanism.is_secret_in(text))
            }),
        })
    }

    fn on_token(&mut self, token: &[u8]) -> Result<SaslOutput, SaslFailure> {
        let (bytes, most) = (token.len(), MAX_FRAME);
        if bytes > most {
            return Err(SaslFailure::TooLarge { mechanism: self.mechanism.name().to_owned(), bytes, most });
        }
        // Both ends say so: the mechanism has nothing to wait for, and the broker found no fault with its last token.
        if self.mechanism.is_complete() {
            return Ok(self.done());
        }
        self.step(Some(token))
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslOutput, SaslFailure> {
        let step = self.mechanism.step(challenge)?;
        self.follow(step)
    }

    fn follow(&mut self, step: SaslStep) -> Result<SaslOutput, SaslFailure> {
        match step {
            SaslStep::Send(token) => self.send(token),
            SaslStep::Pending(work) => {
                self.stage = SaslStage::Working;
                Ok(SaslOutput::Work(work))
            }
            // A mechanism that says it is done before a broker saw a token, or contradicts itself, proves nothing.
            SaslStep::Done if self.tokens > 0 && self.mechanism.is_complete() => Ok(self.done()),
            SaslStep::Done => {
                Err(SaslFailure::out_of_turn(self.mechanism.name(), "it ended before it was complete"))
            }
        }
    }

    fn send(&mut self, token: Secret) -> Result<SaslOutput, SaslFailure> {
        if self.tokens == MOST_TOKENS {
            let mechanism = self.mechanism.name().to_owned();
            return Err(SaslFailure::TooManyTokens { mechanism, tokens: self.tokens });
        }
        self.tokens += 1;
        if let SaslDialect::Authenticate { version } = self.dialect {
            self.stage = SaslStage::Token { number: self.tokens };
            return Ok(SaslOutput::Authenticate { token, version });
        }
        // A broker answers the first bare token in any case (PLAIN: with an empty one), and a later one only if the
        // mechanism wants an answer: the last of Kerberos gets none.
        if self.tokens > 1 && self.mechanism.is_complete() {
            self.stage = SaslStage::Done;
            return Ok(SaslOutput::LastBareToken { token, session: self.session });
        }
        self.stage = SaslStage::Token { number: self.tokens };
        Ok(SaslOutput::BareToken { token })
    }

    fn done(&mut self) -> SaslOutput {
        self.stage = SaslStage::Done;
        SaslOutput::Done(self.session)
    }
}

impl fmt::Display for SaslStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("SASL not begun"),
            Self::Handshake => f.write_str("SASL handshake"),
            Self::Token { number } => write!(f, "SASL token {number}"),
            Self::Working => f.write_str("work for SASL"),
            Self::Done => f.write_str("SASL done"),
            Self::Failed => f.write_str("SASL failed"),
        }
    }
}
