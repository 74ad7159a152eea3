//! What a stage of a set-up gets, and what it answers. The stages themselves stand in files of their own, their order
//! in [`setup`](super::setup).

use super::{Channel, InFlight, Request};
use crate::correlation_ids::CorrelationIds;
use crate::{DisconnectReason, NetworkSettings};
use bytes::Bytes;
use kp_protocol::{ApiKey, ProtocolError, Segments, request_head};
use kp_sasl::Work;
use kp_time::Jitter;
use std::sync::Arc;
use std::time::Instant;

/// What a stage needs of its client to go on.
pub(crate) struct SetupContext<'a> {
    pub(crate) now: Instant,
    pub(crate) settings: &'a NetworkSettings,
    /// The broker's name, or its literal address.
    pub(crate) host: &'a str,
    /// Spreads what many clients would do at once.
    pub(crate) jitter: &'a mut Jitter,
    /// Numbers the requests of the stages.
    pub(crate) correlation_ids: &'a mut CorrelationIds,
}

/// What a frame leads to within one stage.
#[derive(Debug)]
pub(crate) enum Progress<T> {
    /// Another answer is to come, perhaps to a request that is on its way into the channel.
    More,
    /// Work comes first, on another thread.
    Work(Work),
    /// The stage is over.
    Done(T),
    /// The connection has to end: what the stage says of the broker, or of this side.
    Broken(DisconnectReason),
}

impl<T> Progress<T> {
    /// The broker broke the protocol.
    pub(super) fn broken(words: impl Into<Arc<str>>) -> Self {
        Self::Broken(DisconnectReason::ProtocolError(words.into()))
    }
}

impl SetupContext<'_> {
    /// Puts a request of the connection itself behind whatever is being written. Its answer goes to `owner`.
    pub(super) fn ask<O>(
        &mut self,
        channel: &mut Channel,
        in_flight: &mut InFlight<O>,
        owner: O,
        (api_key, version): (ApiKey, i16),
        body: Segments,
    ) -> Result<(), ProtocolError> {
        let correlation_id = self.correlation_ids.next();
        let (client_id, size) = (self.settings.client_id.as_deref(), body.iter().map(Bytes::len).sum());
        let head = request_head(api_key, version, correlation_id, client_id, size)?;
        channel.follow(head, body);
        in_flight.push(Request { correlation_id, api_key, version, owner });
        Ok(())
    }
}
