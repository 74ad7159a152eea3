//! The stage behind ApiVersions on a connection with SASL: the client shows who it is, and nothing else is sent until the
//! broker has agreed (SE1, SE2; KIP-43, KIP-152).
//! Owns: which answer belongs to the exchange, and how tokens are framed. What is sent and believed is decided by
//! [`SaslExchange`]; how long it may take, by the deadline of the set-up.

use super::{
    Answered, Broken, Channel, InFlight, Login, Progress, SetupContext, Spoken, sasl_messages, token_body,
};
use crate::{DisconnectReason, SaslProvider, SetupStage, sasl};
use bytes::Bytes;
use kp_protocol::api::SaslHandshakeRequest;
use kp_protocol::{ApiKey, OldKafka, ProtocolError, encode_body};
use kp_sasl::{SaslDialect, SaslExchange, SaslOutput, SaslSession, SaslStage, Secret, Worked};

/// An exchange on a connection that is not ready.
#[derive(Debug)]
pub(crate) struct Authenticating {
    exchange: SaslExchange,
    dialect: SaslDialect,
    in_flight: InFlight<()>,
    spoken: Spoken,
    /// The exchange is over when what is in the channel is written: its last token gets no answer.
    last_word: Option<SaslSession>,
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
        let exchange = SaslExchange::new(mechanism, dialect);
        let spoken = spoken.clone();
        Ok(Self { exchange, dialect, in_flight: InFlight::default(), spoken, last_word: None })
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
        if channel.is_writing() {
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
