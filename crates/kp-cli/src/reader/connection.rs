//! A broker that is connected: where it listens and what it speaks. A name for a connection of the caller's, without bytes.

use std::sync::Arc;

use kp_network::ConnectionNumber;
use kp_protocol::{ApiKey, BrokerId, BrokerVersions, ProtocolError, VersionRange};

use super::ReaderError;

/// One connection of a [`BlockingCaller`](super::BlockingCaller). It may have ended meanwhile: then a call says so.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// The caller's own number for the listener.
    pub(super) listener: BrokerId,
    pub(super) number: ConnectionNumber,
    address: Arc<str>,
    versions: Arc<BrokerVersions>,
}

impl Connection {
    pub(super) fn new(
        listener: BrokerId,
        number: ConnectionNumber,
        address: &str,
        versions: Arc<BrokerVersions>,
    ) -> Self {
        Self { listener, number, address: address.into(), versions }
    }

    /// Host and port, as they were given.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the broker speaks.
    pub(crate) fn versions(&self) -> &BrokerVersions {
        &self.versions
    }

    /// The newest version of an API that both sides speak.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn version(&self, api: ApiKey) -> Result<i16, ReaderError> {
        self.version_within(api, api.offered())
    }

    /// As [`version`](Self::version), of some versions only.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn version_within(&self, api: ApiKey, within: VersionRange) -> Result<i16, ReaderError> {
        self.versions
            .negotiate_within(api, within)
            .ok_or_else(|| ReaderError::NoVersion { address: self.address.to_string(), api })
    }

    pub(super) fn protocol(&self, source: &ProtocolError) -> ReaderError {
        ReaderError::Protocol { address: self.address.to_string(), why: source.to_string() }
    }
}
