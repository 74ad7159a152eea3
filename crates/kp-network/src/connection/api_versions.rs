//! The first stage on every connection: what does the broker speak? (NC3, NC4; KIP-35, KIP-511)
//! Offers the newest version first; a broker that does not know it names the one it knows, or gets version 0. While the
//! cluster's age is unknown, a [`probe`] goes right behind the first offer.

use super::{Answered, Authenticating, Channel, InFlight, Progress, SetupContext, Spoken, probe};
use crate::OldKafka;
use crate::known_cluster::Found;
use bytes::Bytes;
use kp_protocol::api::{ApiVersionsRequest, ApiVersionsResponse};
use kp_protocol::{ApiKey, BrokerVersions, ErrorCode, Message, ProtocolError, encode_body};
use std::sync::Arc;
use std::time::Duration;

/// The newest version offered. v5 asks the broker to check cluster and node id (KIP-1242), which kp does not do.
pub(super) const NEWEST: i16 = 4;

/// Connected, and asking.
#[derive(Debug)]
pub(crate) struct CheckingVersions {
    in_flight: InFlight<Asked>,
    known: Known,
    /// What goes on behind the answer, if its first messages are on their way.
    ahead: Option<Box<Authenticating>>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// ApiVersions itself.
    Versions,
    /// See [`probe`].
    Probe,
}

/// What the broker has said to ApiVersions.
#[derive(Debug)]
enum Known {
    /// Nothing.
    Nothing,
    /// "Not in this version"; it was asked again.
    Lowered,
    /// What it speaks; the probe's answer may still be to come.
    Versions(BrokerVersions, Duration),
}

/// The end of the stage: what the broker speaks, and the exchange whose first messages it has.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) spoken: Spoken,
    pub(super) ahead: Option<Box<Authenticating>>,
}

/// What goes right behind the first offer.
#[derive(Debug)]
pub(super) enum Behind {
    /// Nothing.
    Nothing,
    /// What every broker answers.
    Probe,
    /// The beginning of an exchange.
    Exchange(Box<Authenticating>),
}

/// What the answer to one offer means.
enum Verdict {
    Speaks(BrokerVersions, Duration),
    /// Ask again, in this version.
    Lower(i16),
}

impl CheckingVersions {
    /// Puts the newest ApiVersions request into the channel, and what goes `behind` it.
    pub(super) fn begin(
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        behind: Behind,
    ) -> (Self, Progress<Checked>) {
        let mut checking = Self { in_flight: InFlight::default(), known: Known::Nothing, ahead: None };
        let mut asked = checking.offer(NEWEST, channel, context);
        match behind {
            Behind::Nothing => {}
            Behind::Probe => asked = asked.and_then(|()| checking.probe(channel, context)),
            Behind::Exchange(mut ahead) if asked.is_ok() => {
                if let Progress::Broken(why) = ahead.go_ahead(channel, context) {
                    return (checking, Progress::Broken(why));
                }
                checking.ahead = Some(ahead);
            }
            Behind::Exchange(_) => {}
        }
        // Only a name or version of the software that ApiVersions cannot carry fails here.
        let broken = |error: ProtocolError| Progress::broken(error.to_string());
        (checking, asked.map_or_else(broken, |()| Progress::More))
    }

    fn offer(
        &mut self,
        version: i16,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
    ) -> Result<(), ProtocolError> {
        let request = ApiVersionsRequest {
            client_software_name: context.settings.software_name.as_str().into(),
            client_software_version: context.settings.software_version.as_str().into(),
            ..ApiVersionsRequest::default()
        };
        let (api, body) = ((ApiKey::ApiVersions, version), encode_body(version, &request)?);
        context.ask(channel, &mut self.in_flight, Asked::Versions, api, body)
    }

    fn probe(&mut self, channel: &mut Channel, context: &mut SetupContext<'_>) -> Result<(), ProtocolError> {
        let api = (ApiKey::Metadata, probe::VERSION);
        context.ask(channel, &mut self.in_flight, Asked::Probe, api, probe::body()?)
    }

    /// Whether the broker has answered ApiVersions in any way.
    pub(crate) fn knows_api_versions(&self) -> bool {
        !matches!(self.known, Known::Nothing)
    }

    /// Whether it only asks, without a probe that would tell a broker of 0.9 from one that hangs.
    pub(crate) fn only_asks(&self) -> bool {
        !self.is_probing() && !self.knows_api_versions()
    }

    /// What the broker speaks, if it has said that and owes the answer to the probe.
    pub(crate) fn unserved(&self) -> Option<&BrokerVersions> {
        match &self.known {
            Known::Versions(versions, _) if self.is_probing() => Some(versions),
            Known::Versions(..) | Known::Nothing | Known::Lowered => None,
        }
    }

    /// Whether the beginning of an exchange is behind the question.
    pub(crate) fn went_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    fn is_probing(&self) -> bool {
        self.in_flight.owners().any(|asked| *asked == Asked::Probe)
    }

    /// Takes the broker's next answer, a whole frame.
    pub(super) fn frame(
        &mut self,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        frame: &Bytes,
    ) -> Progress<Checked> {
        // NC7: the one exception to "oldest first". A broker of 0.9 answers only the second of the two.
        let passed_over =
            !self.knows_api_versions() && self.in_flight.pass_over(frame, |asked| *asked == Asked::Probe);
        let Answered { request, body } = match self.in_flight.answered(frame) {
            Ok(answered) => answered,
            Err(words) => return Progress::broken(words),
        };
        let taken = match request.owner {
            Asked::Versions => self.versions_answered(request.version, &body, channel, context),
            Asked::Probe => {
                probe::check_answer(&body).map_err(|error| format!("Metadata answer: {error}").into())
            }
        };
        match taken {
            Err(words) => Progress::broken(words),
            Ok(()) if passed_over => {
                let old = OldKafka::V0_9_0;
                Progress::Done(Checked { spoken: Spoken::by(old, Found::Old(old)), ahead: None })
            }
            Ok(()) => self.done_or_more(),
        }
    }

    fn versions_answered(
        &mut self,
        version: i16,
        body: &Bytes,
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
    ) -> Result<(), Arc<str>> {
        // Of two requests the second may still be being written when the first is answered.
        if channel.is_writing() && !self.is_probing() && !self.went_ahead() {
            return Err("an answer to ApiVersions before it was asked".into());
        }
        match judge(version, body)? {
            Verdict::Speaks(versions, throttle) => self.known = Known::Versions(versions, throttle),
            // Asked again, it would find the exchange begun, and close.
            Verdict::Lower(_) if self.went_ahead() => {
                return Err("it no longer knows the ApiVersions that the exchange stands behind".into());
            }
            Verdict::Lower(lower) => {
                self.known = Known::Lowered;
                self.offer(lower, channel, context).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    fn done_or_more(&mut self) -> Progress<Checked> {
        match std::mem::replace(&mut self.known, Known::Lowered) {
            Known::Versions(versions, throttle) if self.in_flight.len() == 0 => {
                let spoken = Spoken { versions: Arc::new(versions), throttle, found: Found::ApiVersions };
                Progress::Done(Checked { spoken, ahead: self.ahead.take() })
            }
            known => {
                self.known = known;
                Progress::More
            }
        }
    }
}

/// What an answer to ApiVersions in this version means.
fn judge(version: i16, body: &Bytes) -> Result<Verdict, Arc<str>> {
    let code = match body.first_chunk::<2>() {
        Some(code) => ErrorCode(i16::from_be_bytes(*code)),
        None => return Err("ApiVersions answer: cut short".into()),
    };
    if code == ErrorCode::UNSUPPORTED_VERSION && version > 0 {
        return Ok(Verdict::Lower(named_by_broker(version, body)));
    }
    if !code.is_ok() {
        return Err(format!("ApiVersions refused: {code}").into());
    }
    let response = ApiVersionsResponse::parse(body, version)
        .map_err(|error| Arc::from(format!("ApiVersions answer: {error}")))?;
    // NC20
    let throttle_ms =
        if ApiKey::ApiVersions.is_throttled_by_client(version) { response.throttle_time_ms } else { 0 };
    let throttle = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
    Ok(Verdict::Speaks(BrokerVersions::from_response(&response), throttle))
}

/// Which version to ask in after UNSUPPORTED_VERSION: the body is one of v0, whatever was asked, and may name
/// the newest the broker knows (KIP-511). Always below the one offered, so that asking ends.
fn named_by_broker(offered: i16, body: &Bytes) -> i16 {
    ApiVersionsResponse::parse(body, 0)
        .ok()
        .and_then(|response| BrokerVersions::from_response(&response).range(ApiKey::ApiVersions))
        .map(|range| range.max)
        .filter(|version| (0..offered).contains(version))
        .unwrap_or(0)
}
