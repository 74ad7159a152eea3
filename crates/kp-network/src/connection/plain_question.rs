//! Asked without TLS where a TLS handshake was closed: does a Kafka broker answer there in plaintext? (SE30)
//! A close alone proves nothing, an answer does. The question is ApiVersions, without a name and without a secret, and what
//! comes back leads to no more than an error text: such a connection is never used for anything else.

use super::{Channel, InFlight, Progress, Request, SetupContext};
use crate::{DisconnectReason, OtherProtocol};
use bytes::Bytes;
use kp_protocol::{ApiKey, request_head};
use std::convert::Infallible;
use std::sync::Arc;

/// Every broker that knows ApiVersions answers this one; it has no body.
const VERSION: i16 = 0;

/// Connected without TLS, and asking.
#[derive(Debug)]
pub(crate) struct PlainQuestion {
    in_flight: InFlight<()>,
    lost: Arc<str>,
}

impl PlainQuestion {
    /// Puts the question into the channel. `lost` is why there is no connection with TLS.
    pub(super) fn begin(
        channel: &mut Channel,
        context: &mut SetupContext<'_>,
        lost: Arc<str>,
    ) -> (Self, Progress<Infallible>) {
        let (api_key, correlation_id) = (ApiKey::ApiVersions, context.correlation_ids.next());
        let mut in_flight = InFlight::default();
        let progress = match request_head(api_key, VERSION, correlation_id, None, 0) {
            Ok(head) => {
                channel.follow(head, []);
                in_flight.push(Request { correlation_id, api_key, version: VERSION, owner: () });
                Progress::More
            }
            Err(error) => Progress::broken(error.to_string()),
        };
        (Self { in_flight, lost }, progress)
    }

    /// A whole frame came: what it says of the listener.
    pub(super) fn frame(&mut self, frame: &Bytes) -> DisconnectReason {
        match self.in_flight.answered(frame) {
            Ok(_) => DisconnectReason::OtherProtocol(OtherProtocol::Plaintext),
            Err(words) => DisconnectReason::ProtocolError(words),
        }
    }

    /// Why there is no connection with TLS.
    pub(super) fn lost(&self) -> &Arc<str> {
        &self.lost
    }

    /// What an attempt ends with whose handshake was `lost`, when the question has come to `reason`: only an answer says more
    /// than the loss.
    pub(super) fn settled(lost: &Arc<str>, reason: DisconnectReason) -> DisconnectReason {
        match reason {
            DisconnectReason::OtherProtocol(
                OtherProtocol::Plaintext | OtherProtocol::Http | OtherProtocol::Ssh,
            )
            | DisconnectReason::Asked(_) => reason,
            // An alert of TLS, a close, silence: the listener may be the right one, and in trouble.
            _ => DisconnectReason::ConnectFailed(Arc::clone(lost)),
        }
    }
}
