//! The stage behind ApiVersions on a connection with SASL: the client shows who it is, and nothing else is sent until the
//! broker has agreed (SE1, SE2; KIP-43, KIP-152).
//! Owns: which answer belongs to the exchange, and how tokens are framed. What is sent and believed is decided by
//! [`SaslExchange`]; how long it may take, by the deadline of the set-up.

use super::{
    Answered, Broken, Channel, InFlight, Login, Progress, SetupContext, Spoken, sasl_messages, token_body,
};
use crate::known_cluster::Ahead;
use crate::{DisconnectReason, SaslProvider, SetupStage, sasl};
use bytes::Bytes;
use kp_protocol::api::SaslHandshakeRequest;
use kp_protocol::{ApiKey, OldKafka, ProtocolError, encode_body};
use kp_sasl::{SaslDialect, SaslExchange, SaslMechanism, SaslOutput, SaslSession, SaslStage, Secret, Worked};

/// An exchange on a connection that is not ready.
#[derive(Debug)]
pub(crate) struct Authenticating {
    exchange: SaslExchange,
    dialect: SaslDialect,
    in_flight: InFlight<()>,
    spoken: Spoken,
    /// The exchange is over when what is in the channel is written: its last token gets no answer.
    last_word: Option<SaslSession>,
    /// Its first messages went out before the broker had said what it speaks.
    went_ahead: bool,
}

/// The broker knows who the client is: the end of the stage.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) spoken: Spoken,
    pub(super) dialect: SaslDialect,
    pub(super) session: SaslSession,
    pub(super) login: Login,
}

impl Authenticating {
    /// An exchange with a broker that speaks this; [`greet`](Self::greet) sends its first message.
    ///
    /// # Errors
    /// There are no credentials, or the broker takes none.
    pub(super) fn with(
        provider: &dyn SaslProvider,
        spoken: &Spoken,
        context: &SetupContext<'_>,
    ) -> Result<Self, DisconnectReason> {
        let dialect = match context.settings.version_fallback {
            Some(OldKafka::V0_9_0) => SaslDialect::BareWithoutHandshake,
            _ => SaslDialect::of(&spoken.versions).map_err(|failure| sasl::nothing_offered(&failure))?,
        };
        let mechanism = provider.begin(context.host).map_err(|failure| sasl::cannot_begin(&failure))?;
        Ok(Self::new(mechanism, dialect, spoken.clone()))
    }

    fn new(mechanism: Box<dyn SaslMechanism>, dialect: SaslDialect, spoken: Spoken) -> Self {
        let (exchange, in_flight) = (SaslExchange::new(mechanism, dialect), InFlight::default());
        Self { exchange, dialect, in_flight, spoken, last_word: None, went_ahead: false }
    }

    /// An exchange whose first messages go out behind ApiVersions: one round trip instead of three (SE3). `None` if they
    /// must not, or there are no credentials: then the exchange begins when it is its turn, and says why.
    pub(super) fn ahead(ahead: Ahead, context: &SetupContext<'_>) -> Option<Self> {
        let mechanism = context.settings.sasl.as_ref()?.begin(context.host).ok()?;
        let may_go = ahead.is_encrypted || !sasl::shows_secret(mechanism.name());
        let spoken = Spoken::nothing();
        may_go.then(|| Self { went_ahead: true, ..Self::new(mechanism, ahead.dialect, spoken) })
    }

    /// Puts the first messages into the channel, behind ApiVersions.
    pub(super) fn go_ahead(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
    ) -> Progress<Authenticated> {
        match self.greet(channel, context) {
            Progress::More => {}
            ended => return ended,
        }
        match self.exchange.go_ahead() {
            Ok(None) => Progress::More,
            Ok(Some(output)) => self.follow(channel, context, |_| Ok(output)),
            Err(failure) => Progress::Broken(sasl::failed(SaslStage::Handshake, &failure)),
        }
    }

    /// The broker says what it speaks, and the first messages are with it already.
    ///
    /// # Errors
    /// They are not in its dialect.
    pub(super) fn known(&mut self, spoken: Spoken) -> Result<(), DisconnectReason> {
        let dialect = SaslDialect::of(&spoken.versions).map_err(|failure| sasl::nothing_offered(&failure))?;
        if dialect != self.dialect {
            let words = "the broker speaks another version of SASL than those before it";
            return Err(DisconnectReason::Lost(words.into()));
        }
        self.spoken = spoken;
        Ok(())
    }

    /// Whether its first messages went out before the broker had said what it speaks.
    pub(super) fn went_ahead(&self) -> bool {
        self.went_ahead
    }

    /// Sends the first message.
    pub(super) fn greet(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
    ) -> Progress<Authenticated> {
        self.follow(channel, context, |exchange| exchange.begin().map_err(Broken::Refused))
    }

    /// Takes the broker's next answer, a whole frame.
    pub(super) fn frame(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        frame: &Bytes,
    ) -> Progress<Authenticated> {
        // Of several requests the last may still be being written when the first is answered.
        if channel.is_writing() && self.in_flight.len() <= 1 {
            return Progress::broken("an answer to a SASL message that is not written yet");
        }
        if self.dialect.is_bare() && matches!(self.exchange.stage(), SaslStage::Token { .. }) {
            let step = |exchange: &mut SaslExchange| exchange.on_bare_token(frame).map_err(Broken::Refused);
            return self.follow(channel, context, step);
        }
        let Answered { request, body } = match self.in_flight.answered(frame) {
            Ok(answered) => answered,
            Err(words) => return Progress::broken(words),
        };
        self.follow(channel, context, |exchange| {
            sasl_messages::answered(exchange, request.api_key, request.version, &body)
        })
    }

    /// Work that the stage handed out is done.
    pub(super) fn worked(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        worked: Worked,
    ) -> Progress<Authenticated> {
        self.follow(channel, context, |exchange| exchange.on_worked(worked).map_err(Broken::Refused))
    }

    /// Whether the stage ends when the channel is empty.
    pub(super) fn ends_with_a_write(&self) -> bool {
        self.last_word.is_some()
    }

    /// The channel is empty.
    pub(super) fn written(&mut self) -> Progress<Authenticated> {
        self.last_word.take().map_or(Progress::More, |session| self.done(session))
    }

    /// What the broker said it speaks, before it knew who asks.
    pub(super) fn spoken(&self) -> &Spoken {
        &self.spoken
    }

    /// The broker has closed: what that means, if it means more than a lost connection.
    pub(super) fn on_closed(&mut self) -> Option<DisconnectReason> {
        let stage = self.exchange.stage();
        self.exchange.on_closed().map(|failure| sasl::failed(stage, &failure))
    }

    /// What is said and believed.
    pub(super) fn exchange(&self) -> &SaslExchange {
        &self.exchange
    }

    /// The step that it is in.
    pub(super) fn stage(&self) -> SetupStage {
        match self.exchange.stage() {
            SaslStage::Token { number } => SetupStage::SaslToken { number },
            SaslStage::Working => SetupStage::SaslWork,
            _ => SetupStage::SaslHandshake,
        }
    }

    /// Takes a step of the exchange, and does what it says.
    fn follow(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        step: impl FnOnce(&mut SaslExchange) -> Result<SaslOutput, Broken>,
    ) -> Progress<Authenticated> {
        let stage = self.exchange.stage();
        let output = match step(&mut self.exchange) {
            Ok(output) => output,
            Err(Broken::Refused(failure)) => return Progress::Broken(sasl::failed(stage, &failure)),
            Err(Broken::Protocol(words)) => return Progress::broken(words),
        };
        let sent = match output {
            SaslOutput::Handshake { request, version } => {
                self.ask_handshake(channel, context, &request, version)
            }
            SaslOutput::Authenticate { token, version } => self.ask_token(channel, context, token, version),
            SaslOutput::BareToken { token } => send_bare(channel, token),
            SaslOutput::LastBareToken { token, session } => {
                self.last_word = Some(session);
                send_bare(channel, token)
            }
            SaslOutput::Work(work) => return Progress::Work(work),
            SaslOutput::Sent => return Progress::More,
            SaslOutput::Done(session) => return self.done(session),
        };
        sent.map_or_else(|error| Progress::broken(error.to_string()), |()| Progress::More)
    }

    fn done(&self, session: SaslSession) -> Progress<Authenticated> {
        let (spoken, dialect, login) = (self.spoken.clone(), self.dialect, Login::of(&self.exchange));
        Progress::Done(Authenticated { spoken, dialect, session, login })
    }

    fn ask_handshake(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        request: &SaslHandshakeRequest,
        version: i16,
    ) -> Result<(), ProtocolError> {
        let body = encode_body(version, request)?;
        context.ask(channel, &mut self.in_flight, (), (ApiKey::SaslHandshake, version), body)
    }

    fn ask_token(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        token: Secret,
        version: i16,
    ) -> Result<(), ProtocolError> {
        let body = token_body(token, version)?;
        context.ask(channel, &mut self.in_flight, (), (ApiKey::SaslAuthenticate, version), body)
    }
}

/// A token behind its length, without a header (KIP-43).
fn send_bare(channel: &mut Channel, token: Secret) -> Result<(), ProtocolError> {
    let token = token.into_bytes();
    let length = i32::try_from(token.len()).map_err(|_| ProtocolError::TooLong {
        what: "SASL token",
        length: token.len(),
        limit: i32::MAX as usize,
    })?;
    channel.follow(Bytes::copy_from_slice(&length.to_be_bytes()), [token]);
    Ok(())
}
