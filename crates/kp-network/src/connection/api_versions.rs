//! The first request on every connection: what does the broker speak? (NC3, NC4; KIP-35, KIP-511)
//! Offers the newest version first; a broker that does not know it names the one it knows, or gets version 0. While the
//! cluster's age is unknown, a [`probe`] goes right behind the first offer.

use super::setup::{Found, Progress, SetupContext, Spoken};
use super::{Channel, probe};
use crate::{NetworkSettings, OldKafka};
use bytes::Bytes;
use kp_protocol::api::{ApiVersionsRequest, ApiVersionsResponse};
use kp_protocol::{
    ApiKey, BrokerVersions, ErrorCode, Message, ProtocolError, decode_response_header, encode_body,
    request_head,
};
use std::sync::Arc;
use std::time::Duration;

/// The newest version offered. v5 asks the broker to check cluster and node id (KIP-1242), which kp does not do.
const NEWEST: i16 = 4;
/// From this version on, the broker answers before it throttles, so the client must hold back (KIP-219, NC20).
const THROTTLED_AFTER_ANSWER: i16 = 2;

/// Connected, and asking.
#[derive(Debug)]
pub(crate) struct CheckingVersions {
    pub(crate) channel: Channel,
    question: Question,
    /// The correlation id of the probe, until it is answered.
    probe: Option<i32>,
}

/// How far the asking has come.
#[derive(Debug)]
enum Question {
    /// Nothing is answered.
    Open(Offer),
    /// Answered with "not in this version"; asked again.
    Lowered(Offer),
    /// Answered; the probe's answer is still to come.
    Settled(BrokerVersions, Duration),
}

/// An ApiVersions request that is unanswered.
#[derive(Clone, Copy, Debug)]
struct Offer {
    version: i16,
    correlation_id: i32,
}

/// What a frame leads to in this stage.
type Checked = Progress<CheckingVersions, Spoken>;

impl CheckingVersions {
    /// Puts the newest ApiVersions request into the channel, and the probe behind it if `probing`.
    pub(super) fn begin(channel: Channel, context: &mut SetupContext<'_>, probing: bool) -> Checked {
        let offer = Offer { version: NEWEST, correlation_id: (context.next_id)() };
        let mut checking = Self { channel, question: Question::Open(offer), probe: None };
        // Only a name or version of the software that ApiVersions cannot carry fails here.
        match checking.ask(offer, context, probing) {
            Ok(()) => Checked::More(checking),
            Err(error) => Checked::Broken(checking, error.to_string().into()),
        }
    }

    fn ask(
        &mut self,
        offer: Offer,
        context: &mut SetupContext<'_>,
        probing: bool,
    ) -> Result<(), ProtocolError> {
        self.offer(offer, context.settings)?;
        if probing {
            let correlation_id = (context.next_id)();
            let (head, body) = probe::request(correlation_id, context.settings.client_id.as_deref())?;
            self.channel.follow(head, body);
            self.probe = Some(correlation_id);
        }
        Ok(())
    }

    /// Whether the broker has answered ApiVersions in any way.
    pub(crate) fn knows_api_versions(&self) -> bool {
        match self.question {
            Question::Open(_) => false,
            Question::Lowered(_) | Question::Settled(..) => true,
        }
    }

    /// Whether it only asks, without a probe that would tell a broker of 0.9 from one that hangs.
    pub(crate) fn only_asks(&self) -> bool {
        self.probe.is_none() && !self.knows_api_versions()
    }

    fn offer(&mut self, offer: Offer, settings: &NetworkSettings) -> Result<(), ProtocolError> {
        let request = ApiVersionsRequest {
            client_software_name: settings.software_name.as_str().into(),
            client_software_version: settings.software_version.as_str().into(),
            ..ApiVersionsRequest::default()
        };
        let Offer { version, correlation_id } = offer;
        let body = encode_body(version, &request)?;
        let size = body.iter().map(Bytes::len).sum();
        let head =
            request_head(ApiKey::ApiVersions, version, correlation_id, settings.client_id.as_deref(), size)?;
        self.channel.follow(head, body);
        Ok(())
    }

    /// Takes the broker's next answer, a whole frame.
    pub(super) fn frame(mut self, context: &mut SetupContext<'_>, frame: &Bytes) -> Checked {
        let Some(correlation_id) = frame.first_chunk::<4>().map(|id| i32::from_be_bytes(*id)) else {
            return Checked::Broken(self, "a response without a correlation id".into());
        };
        // NC7: the one exception to "oldest first". A broker of 0.9 answers only the second of the two.
        if self.probe == Some(correlation_id) {
            return self.probe_answered(frame);
        }
        let offer = match self.question {
            Question::Open(offer) | Question::Lowered(offer) if offer.correlation_id == correlation_id => {
                offer
            }
            Question::Open(Offer { correlation_id: expected, .. })
            | Question::Lowered(Offer { correlation_id: expected, .. }) => {
                return Checked::Broken(
                    self,
                    super::ready::wrong_correlation_id(Some(expected), correlation_id),
                );
            }
            Question::Settled(..) => {
                let expected = self.probe;
                return Checked::Broken(self, super::ready::wrong_correlation_id(expected, correlation_id));
            }
        };
        match self.judge(offer, frame) {
            Ok(Verdict::Speaks(versions, throttle)) => {
                self.question = Question::Settled(versions, throttle);
                self.done_or_more()
            }
            Ok(Verdict::Lower(version)) => {
                let lower = Offer { version, correlation_id: (context.next_id)() };
                self.question = Question::Lowered(lower);
                match self.offer(lower, context.settings) {
                    Ok(()) => Checked::More(self),
                    Err(error) => Checked::Broken(self, error.to_string().into()),
                }
            }
            Err(reason) => Checked::Broken(self, reason),
        }
    }

    fn probe_answered(mut self, frame: &Bytes) -> Checked {
        if let Err(error) = probe::check_answer(frame) {
            return Checked::Broken(self, format!("Metadata answer: {error}").into());
        }
        self.probe = None;
        if self.knows_api_versions() {
            return self.done_or_more();
        }
        let old = OldKafka::V0_9_0;
        let (versions, throttle) = (old.versions(), Duration::ZERO);
        Checked::Done(Spoken { channel: self.channel, versions, throttle, found: Found::Old(old) })
    }

    fn done_or_more(self) -> Checked {
        match self.question {
            Question::Settled(versions, throttle) if self.probe.is_none() => {
                let found = Found::ApiVersions;
                Checked::Done(Spoken { channel: self.channel, versions, throttle, found })
            }
            Question::Open(_) | Question::Lowered(_) | Question::Settled(..) => Checked::More(self),
        }
    }

    fn judge(&self, offer: Offer, frame: &Bytes) -> Result<Verdict, Arc<str>> {
        let undecodable = |error: ProtocolError| Arc::from(format!("ApiVersions answer: {error}"));
        let (_, body) =
            decode_response_header(ApiKey::ApiVersions, offer.version, frame).map_err(undecodable)?;
        // Of two requests the second may still be being written when the first is answered.
        if self.channel.is_writing() && self.probe.is_none() {
            return Err("an answer to ApiVersions before it was asked".into());
        }
        let code = match body.first_chunk::<2>() {
            Some(code) => ErrorCode(i16::from_be_bytes(*code)),
            None => return Err("ApiVersions answer: cut short".into()),
        };
        if code == ErrorCode::UNSUPPORTED_VERSION && offer.version > 0 {
            return Ok(Verdict::Lower(offer.named_by_broker(&body)));
        }
        if !code.is_ok() {
            return Err(format!("ApiVersions refused: {code}").into());
        }
        let response = ApiVersionsResponse::parse(&body, offer.version).map_err(undecodable)?;
        let throttle_ms = if offer.version >= THROTTLED_AFTER_ANSWER { response.throttle_time_ms } else { 0 };
        let throttle = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
        Ok(Verdict::Speaks(BrokerVersions::from_response(&response), throttle))
    }
}

impl Offer {
    /// Which version to ask in after UNSUPPORTED_VERSION: the body is one of v0, whatever was asked, and may name
    /// the newest the broker knows (KIP-511). Always below the one offered, so that asking ends.
    fn named_by_broker(self, body: &Bytes) -> i16 {
        ApiVersionsResponse::parse(body, 0)
            .ok()
            .and_then(|response| BrokerVersions::from_response(&response).range(ApiKey::ApiVersions))
            .map(|range| range.max)
            .filter(|version| (0..self.version).contains(version))
            .unwrap_or(0)
    }
}

enum Verdict {
    Speaks(BrokerVersions, Duration),
    Lower(i16),
}
