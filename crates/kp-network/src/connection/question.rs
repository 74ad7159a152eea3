//! A connection that only asks what listens there, after another one ended without a word (SE30). A close alone proves
//! nothing, an answer does. What is asked has no name and no secret in it, and what comes back leads to no more than an error
//! text: such a connection is never used for anything else. An attempt at a broker that wanted a login when it was tried last begins
//! with that question, and is like any other when the answer is no.

use super::{Channel, InFlight, Progress, Request, SetupContext};
use crate::{DisconnectReason, OtherProtocol, Reached, SetupStage, sasl};
use bytes::Bytes;
use kp_protocol::api::{SaslHandshakeRequest, SaslHandshakeResponse};
use kp_protocol::{ApiKey, ErrorCode, Message, ProtocolError, Segments, encode_body, request_head};
use std::convert::Infallible;
use std::sync::Arc;

/// Every broker that knows ApiVersions answers this one; it has no body.
const VERSION: i16 = 0;

/// A mechanism that most listeners with SASL have; those without it list the ones that they have.
const MECHANISM: &str = "PLAIN";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Without TLS, where a TLS handshake was closed: does a Kafka broker answer there in plaintext? ApiVersions asks it.
    IsPlaintext,
    /// Where a client without a login was closed on in place of its first answer: is a login wanted? SaslHandshake asks it.
    WantsLogin {
        /// Of SaslHandshake, as the broker speaks it.
        version: i16,
        /// Whether the client's connections are.
        is_encrypted: bool,
    },
}

/// What is open about a listener, as another connection to it, or an attempt at one, has ended.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    question: Question,
    /// What it is told as if the question shows nothing. `None`: it has been told, and the question begins another attempt,
    /// which goes on with its set-up if the listener has come right.
    lost: Option<(DisconnectReason, Reached)>,
}

impl Doubt {
    /// A TLS handshake was closed; `lost` says so.
    pub(crate) fn of_tls(lost: Arc<str>) -> Self {
        let lost = Some((DisconnectReason::ConnectFailed(lost), Reached::Socket));
        Self { question: Question::IsPlaintext, lost }
    }

    /// A client without a login was closed on; `lost` says so, and how far it had come. The broker speaks SaslHandshake in this version.
    pub(crate) fn of_login(version: i16, is_encrypted: bool, lost: (DisconnectReason, Reached)) -> Self {
        Self { question: Question::WantsLogin { version, is_encrypted }, lost: Some(lost) }
    }

    /// The broker wanted a login when it was tried last; does it still?
    pub(crate) fn of_login_again(version: i16, is_encrypted: bool) -> Self {
        Self { question: Question::WantsLogin { version, is_encrypted }, lost: None }
    }

    /// Whether it stands in the place of what was lost, and no attempt to get a connection.
    pub(super) fn is_of_a_loss(&self) -> bool {
        self.lost.is_some()
    }

    /// Whether a connection left it, and no failed attempt at one.
    pub(super) fn follows_a_connection(&self) -> bool {
        self.is_of_a_loss() && self.question != Question::IsPlaintext
    }

    /// The version of SaslHandshake in which the next attempt is to ask again, if this one ended so.
    pub(super) fn login_wanted(&self, reason: &DisconnectReason) -> Option<i16> {
        match (self.question, reason) {
            (Question::WantsLogin { version, .. }, DisconnectReason::AuthenticationFailed(_)) => {
                Some(version)
            }
            _ => None,
        }
    }

    /// How far that had come which was lost, if anything was.
    pub(super) fn reached(&self) -> Option<Reached> {
        self.lost.as_ref().map(|(_, reached)| *reached)
    }

    /// The step that the question is part of.
    pub(super) fn stage(&self) -> SetupStage {
        match self.question {
            Question::IsPlaintext => SetupStage::TlsHandshake,
            Question::WantsLogin { .. } => SetupStage::SaslHandshake,
        }
    }

    /// What it ends with, when the question has come to `reason`: only an answer says more than the loss.
    pub(super) fn settled(&self, reason: DisconnectReason) -> DisconnectReason {
        let Some((lost, _)) = &self.lost else { return reason };
        let is_answer = match &reason {
            DisconnectReason::Asked(_) => true,
            DisconnectReason::OtherProtocol(
                OtherProtocol::Plaintext | OtherProtocol::Http | OtherProtocol::Ssh,
            ) => self.question == Question::IsPlaintext,
            DisconnectReason::AuthenticationFailed(_) => self.question != Question::IsPlaintext,
            // An alert of TLS, a close, silence: the listener may be the right one, and in trouble.
            _ => false,
        };
        if is_answer { reason } else { lost.clone() }
    }

    fn request(&self) -> Result<(ApiKey, i16, Segments), ProtocolError> {
        Ok(match self.question {
            Question::IsPlaintext => (ApiKey::ApiVersions, VERSION, Segments::default()),
            Question::WantsLogin { version, .. } => {
                let request = SaslHandshakeRequest { mechanism: MECHANISM.into(), ..Default::default() };
                (ApiKey::SaslHandshake, version, encode_body(version, &request)?)
            }
        })
    }

    /// What the answer says of the listener; `None`: not what was asked.
    fn answered(&self, body: &Bytes) -> Option<DisconnectReason> {
        let Question::WantsLogin { version, is_encrypted } = self.question else {
            return Some(DisconnectReason::OtherProtocol(OtherProtocol::Plaintext));
        };
        let answer = match SaslHandshakeResponse::parse(body, version) {
            Ok(answer) => answer,
            Err(error) => return Some(DisconnectReason::ProtocolError(error.to_string().into())),
        };
        // A listener without SASL says ILLEGAL_SASL_STATE.
        let wants_login = match answer.error_code {
            ErrorCode::NONE => true,
            ErrorCode::UNSUPPORTED_SASL_MECHANISM => !answer.mechanisms.is_empty(),
            _ => false,
        };
        wants_login
            .then(|| sasl::login_wanted(&answer.mechanisms, is_encrypted))
            .or_else(|| Some(self.lost.as_ref()?.0.clone()))
    }
}

/// Connected, and asking.
#[derive(Debug)]
pub(crate) struct Asking {
    in_flight: InFlight<()>,
    doubt: Doubt,
}

impl Asking {
    /// Puts the question into the channel.
    pub(super) fn begin(
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        doubt: Doubt,
    ) -> (Self, Progress<Infallible>) {
        let mut asking = Self { in_flight: InFlight::default(), doubt };
        let progress = match asking.ask(channel, context.correlation_ids.next()) {
            Ok(()) => Progress::More,
            Err(error) => Progress::broken(error.to_string()),
        };
        (asking, progress)
    }

    fn ask(&mut self, channel: &mut Channel, correlation_id: i32) -> Result<(), ProtocolError> {
        let (api_key, version, body) = self.doubt.request()?;
        let head = request_head(api_key, version, correlation_id, None, body.iter().map(Bytes::len).sum())?;
        channel.follow(head, body);
        self.in_flight.push(Request { correlation_id, api_key, version, owner: () });
        Ok(())
    }

    /// A whole frame came: what the connection ends with. `None`: the listener has come right, and the set-up goes on.
    pub(super) fn frame(&mut self, frame: &Bytes) -> Option<DisconnectReason> {
        match self.in_flight.answered(frame) {
            Ok(answered) => self.doubt.answered(&answered.body),
            Err(words) => Some(DisconnectReason::ProtocolError(words)),
        }
    }

    /// Why it asks.
    pub(super) fn doubt(&self) -> &Doubt {
        &self.doubt
    }
}
