//! The first request on every connection: what does the broker speak? (NC3, NC4; KIP-35, KIP-511)
//! Offers the newest version first; a broker that does not know it names the one it knows, or gets version 0.

use super::{Channel, Ready};
use crate::NetworkSettings;
use bytes::Bytes;
use kp_protocol::api::{ApiVersionsRequest, ApiVersionsResponse};
use kp_protocol::{
    ApiKey, BrokerVersions, ErrorCode, Message, ProtocolError, decode_response_header, encode_body,
    request_head,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The newest version offered. v5 asks the broker to check cluster and node id (KIP-1242), which kp does not do.
const NEWEST: i16 = 4;
/// From this version on, the broker answers before it throttles, so the client must hold back (KIP-219, NC20).
const THROTTLED_AFTER_ANSWER: i16 = 2;

/// Connected, and asking.
#[derive(Debug)]
pub(crate) struct CheckingVersions {
    pub(crate) channel: Channel,
    offered: i16,
    correlation_id: i32,
}

/// What an answer to ApiVersions leads to.
#[derive(Debug)]
pub(crate) enum Checked {
    /// The broker is known now.
    Ready(Box<Ready>),
    /// It wants to be asked in a lower version, which is on its way into the channel.
    Again(CheckingVersions),
    /// It cannot be talked to; why.
    Broken(CheckingVersions, Arc<str>),
}

impl CheckingVersions {
    /// Puts the newest ApiVersions request into the channel.
    ///
    /// # Errors
    /// The software's name or version does not fit into the request.
    pub(crate) fn begin(
        channel: Channel,
        correlation_id: i32,
        settings: &NetworkSettings,
    ) -> Result<Self, ProtocolError> {
        let mut checking = Self { channel, offered: NEWEST, correlation_id };
        checking.offer(NEWEST, correlation_id, settings)?;
        Ok(checking)
    }

    fn offer(
        &mut self,
        version: i16,
        correlation_id: i32,
        settings: &NetworkSettings,
    ) -> Result<(), ProtocolError> {
        let request = ApiVersionsRequest {
            client_software_name: settings.software_name.as_str().into(),
            client_software_version: settings.software_version.as_str().into(),
            ..ApiVersionsRequest::default()
        };
        let body = encode_body(version, &request)?;
        let size = body.iter().map(Bytes::len).sum();
        let head =
            request_head(ApiKey::ApiVersions, version, correlation_id, settings.client_id.as_deref(), size)?;
        self.channel.begin(head, body);
        (self.offered, self.correlation_id) = (version, correlation_id);
        Ok(())
    }

    /// Takes the broker's answer, a whole frame. `next_id` numbers the request that may have to follow.
    pub(crate) fn answered(
        mut self,
        now: Instant,
        frame: &Bytes,
        next_id: impl FnOnce() -> i32,
        settings: &NetworkSettings,
    ) -> Checked {
        match self.judge(frame) {
            Ok(Verdict::Speaks(versions, throttle)) => {
                Checked::Ready(Box::new(Ready::new(self.channel, Arc::new(versions), now, throttle)))
            }
            Ok(Verdict::Lower(version)) => match self.offer(version, next_id(), settings) {
                Ok(()) => Checked::Again(self),
                Err(error) => Checked::Broken(self, error.to_string().into()),
            },
            Err(reason) => Checked::Broken(self, reason),
        }
    }

    fn judge(&self, frame: &Bytes) -> Result<Verdict, Arc<str>> {
        let undecodable = |error: ProtocolError| Arc::from(format!("ApiVersions answer: {error}"));
        let (correlation_id, body) =
            decode_response_header(ApiKey::ApiVersions, self.offered, frame).map_err(undecodable)?;
        if correlation_id != self.correlation_id {
            return Err(super::ready::wrong_correlation_id(Some(self.correlation_id), correlation_id));
        }
        if self.channel.is_writing() {
            return Err("an answer to ApiVersions before it was asked".into());
        }
        let code = match body.first_chunk::<2>() {
            Some(code) => ErrorCode(i16::from_be_bytes(*code)),
            None => return Err("ApiVersions answer: cut short".into()),
        };
        if code == ErrorCode::UNSUPPORTED_VERSION && self.offered > 0 {
            return Ok(Verdict::Lower(self.named_by_broker(&body)));
        }
        if !code.is_ok() {
            return Err(format!("ApiVersions refused: {code}").into());
        }
        let response = ApiVersionsResponse::parse(&body, self.offered).map_err(undecodable)?;
        let throttle_ms = if self.offered >= THROTTLED_AFTER_ANSWER { response.throttle_time_ms } else { 0 };
        let throttle = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
        Ok(Verdict::Speaks(BrokerVersions::from_response(&response), throttle))
    }

    /// Which version to ask in after UNSUPPORTED_VERSION: the body is one of v0, whatever was asked, and may name
    /// the newest the broker knows (KIP-511). Always below the one offered, so that asking ends.
    fn named_by_broker(&self, body: &Bytes) -> i16 {
        ApiVersionsResponse::parse(body, 0)
            .ok()
            .and_then(|response| BrokerVersions::from_response(&response).range(ApiKey::ApiVersions))
            .map(|range| range.max)
            .filter(|version| (0..self.offered).contains(version))
            .unwrap_or(0)
    }
}

enum Verdict {
    Speaks(BrokerVersions, Duration),
    Lower(i16),
}
