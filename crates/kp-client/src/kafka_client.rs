//! The seam behind which the whole network lies: [`KafkaClient`].
//!
//! The driver (one plain thread) owns a client by value and is the only one to call it. A test swaps it: for a
//! script, for the simulated cluster of `kp-sim`, or for another network stack. Object-safe, not async, no
//! sockets and no runtime in this file.

use crate::{
    NetworkSecurity, NetworkSnapshot, OldKafka, OtherProtocol, SecurityFailure, SecurityNotice, SetupStage,
    TlsFailure,
};
use bytes::Bytes;
use kp_protocol::{ApiKey, BrokerAddress, BrokerId, BrokerVersions, Segments};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// What becomes of connections that were made with earlier credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reconnect {
    /// They live on: until they are idle, lost, or authenticated again.
    No,
    /// They are made anew, one after the other, each when its requests are answered. No request is lost by it.
    Yes,
}

/// Which connection to a broker: a new one has a new number, and perhaps other API versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionNumber(pub u64);

/// Whether a request may be sent to a broker now.
#[derive(Clone, Debug)]
pub enum Readiness {
    /// Connected, versions known, room in flight, the previous request completely written.
    Ready {
        /// The connection to name in [`ClientRequest::connection`].
        connection: ConnectionNumber,
        /// What the broker speaks.
        versions: Arc<BrokerVersions>,
    },
    /// Not now. An [`Event`] tells when to ask again, or it is worth asking at `until`.
    Wait {
        /// When asking again is worth it without an event; `None` = an event will tell.
        until: Option<Instant>,
        /// What it waits for.
        why: WaitReason,
    },
    /// The broker cannot be used: authentication failed, or it is not in the list. Not retried before `retry_at`.
    Failed {
        /// What went wrong.
        reason: Arc<str>,
        /// When a new attempt is allowed; `None` = not unless the broker list changes.
        retry_at: Option<Instant>,
    },
}

/// Why a broker is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitReason {
    /// Resolving, connecting or asking for versions.
    Connecting,
    /// The connection is made; client and broker show each other who they are (SASL), for the first time or again.
    Authenticating,
    /// The last attempt failed (`reconnect.backoff.ms`).
    BackingOff,
    /// The broker asked to be left alone for a while (KIP-219).
    Throttled,
    /// `max.in.flight.requests.per.connection` requests are unanswered.
    InFlightFull,
    /// The previous request is not completely written yet.
    Writing,
    /// The connection is about to be made anew, with newer credentials.
    Replacing,
}

/// A request whose body is already encoded; the client adds the size, the header and the correlation id.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// Chosen by the caller, unique among its unanswered requests; comes back in the events.
    pub token: u64,
    /// The broker that gets it; it must be in the list.
    pub broker: BrokerId,
    /// The connection that [`Readiness::Ready`] named; refused if it is not the current one, since versions may have changed.
    pub connection: ConnectionNumber,
    /// The API that `body` is a request of; it goes into the header.
    pub api_key: ApiKey,
    /// The version in which `body` is encoded; one that the broker speaks.
    pub version: i16,
    /// The body, in pieces that are written one after the other and never copied.
    pub body: Segments,
    /// How long to wait for the answer, from now, before the connection is given up (`request.timeout.ms`).
    pub timeout: Duration,
    /// `false` for Produce with `acks=0`: done when written ([`Event::Written`]), there is no response.
    pub expects_response: bool,
}

/// A request that was not taken, given back.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The request as it was handed in.
    pub request: Box<ClientRequest>,
    /// What the client had against it, for a message.
    pub reason: Arc<str>,
}

/// Whether a failed request can have reached the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Not one byte of it left: the broker cannot have acted on it.
    No,
    /// Some or all of it left: the broker may have acted on it.
    Perhaps,
}

/// Why a connection ended or was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The name has no address.
    Unresolved(Arc<str>),
    /// The address refused, or the attempt failed; the system's words.
    ConnectFailed(Arc<str>),
    /// Not ready within `socket.connection.setup.timeout.ms`; the step that was not done.
    SetupTimeout(SetupStage),
    /// The connection could not be encrypted, or the broker refused this client's certificate. Tried again after the
    /// backoff, as anything else.
    Tls(TlsFailure),
    /// One end refused to authenticate the other, or the broker wants a login and the client has none
    /// ([`SecurityStage::Connection`](crate::SecurityStage::Connection)). Tried again after the backoff, as anything else.
    AuthenticationFailed(Arc<SecurityFailure>),
    /// The broker closed it.
    ClosedByBroker,
    /// The broker closed it in place of its first answer to a request, and the client has no login: a listener with SASL says
    /// nothing else to such a client, and was asked in vain whether it is one. A broker that is being stopped may do it, too.
    ClosedUnserved,
    /// The system reported an error; its words.
    Lost(Arc<str>),
    /// Closed before it answered ApiVersions, and never heard of as a Kafka listener: perhaps one for TLS or SASL.
    ClosedWithoutAnswer,
    /// Something else answered than the listener that was expected, in a protocol that its first bytes give away.
    OtherProtocol(OtherProtocol),
    /// A request was not answered in its time.
    RequestTimeout,
    /// The broker broke the protocol (size, correlation id, undecodable ApiVersions).
    ProtocolError(Arc<str>),
    /// Idle for `connections.max.idle.ms`.
    Idle,
    /// [`KafkaClient::disconnect`] or [`KafkaClient::close`] was called, or the broker left the list.
    Asked(Arc<str>),
}

impl DisconnectReason {
    /// The failure of security that it is, if it is one: waiting helps little, changed credentials or settings may.
    #[must_use]
    pub fn security(&self) -> Option<&Arc<SecurityFailure>> {
        match self {
            Self::Tls(failure) => Some(failure.security()),
            Self::AuthenticationFailed(failure) => Some(failure),
            Self::Unresolved(_)
            | Self::ConnectFailed(_)
            | Self::SetupTimeout(_)
            | Self::ClosedByBroker
            | Self::ClosedUnserved
            | Self::Lost(_)
            | Self::ClosedWithoutAnswer
            | Self::OtherProtocol(_)
            | Self::RequestTimeout
            | Self::ProtocolError(_)
            | Self::Idle
            | Self::Asked(_) => None,
        }
    }

    /// The same, or what the first bytes of another protocol say of the settings: the next attempt ends in the same way unless
    /// something is changed, here or there. Only the failure itself says whether it may be over soon
    /// ([`SecurityFailure::is_retriable`]).
    #[must_use]
    pub fn verdict(&self) -> Option<Arc<SecurityFailure>> {
        match self {
            Self::OtherProtocol(other) => Some(other.failure()),
            reason => reason.security().cloned(),
        }
    }

    /// Whether it is a failure of security.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.security().is_some()
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(words) => write!(f, "name not resolved: {words}"),
            Self::ConnectFailed(words) => write!(f, "connect failed: {words}"),
            Self::SetupTimeout(stage) => {
                write!(f, "not ready in time (socket.connection.setup.timeout.ms): {stage}")
            }
            Self::Tls(failure) => failure.security().fmt(f),
            Self::AuthenticationFailed(failure) => failure.fmt(f),
            Self::ClosedByBroker => f.write_str("connection lost: closed by the broker"),
            Self::ClosedUnserved => f.write_str(
                "connection lost: closed by the broker in place of its first answer: a listener with SASL \
                 (security.protocol)?",
            ),
            Self::Lost(words) => write!(f, "connection lost: {words}"),
            Self::ClosedWithoutAnswer => {
                f.write_str("closed without an answer: a TLS or SASL listener (security.protocol)?")
            }
            Self::OtherProtocol(other) => write!(f, "{} ({})", other.words(), other.advice()),
            Self::RequestTimeout => f.write_str("a request was not answered in time (request.timeout.ms)"),
            Self::ProtocolError(words) => write!(f, "protocol error: {words}"),
            Self::Idle => f.write_str("idle (connections.max.idle.ms)"),
            Self::Asked(words) => write!(f, "closed: {words}"),
        }
    }
}

/// How far a connection had come when it ended. What to try next depends on it: a host that wants one answer now, and not
/// a connection some day, learns from it whether there is anything left to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reached {
    /// Nothing: the broker's name was being looked up, or has no address.
    Name,
    /// An address that was not connected.
    Address {
        /// Other addresses of the name that are not tried yet. The next attempt takes one of them; with 0 it looks the
        /// name up again.
        untried: usize,
    },
    /// A connected socket on which no broker has answered.
    Socket,
    /// A broker that has answered, and was not ready for requests yet. What it answered is known to the next attempt.
    Answer,
    /// A broker that was ready for requests.
    Ready,
}

/// What happened on the network.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection is ready for requests.
    Connected {
        /// The broker at its other end.
        broker: BrokerId,
        /// A number that no other connection of this client has; requests name it.
        connection: ConnectionNumber,
        /// The versions of each API that the broker speaks, the same until the connection ends.
        versions: Arc<BrokerVersions>,
    },
    /// A response arrived.
    Answered {
        /// The request's token.
        token: u64,
        /// The response's body, without its header, in the version of the request.
        body: Bytes,
    },
    /// A request that expects no response is completely written.
    Written {
        /// The request's token.
        token: u64,
    },
    /// The request that kept a broker busy ([`WaitReason::Writing`]) is completely written, or its connection is
    /// authenticated anew ([`WaitReason::Authenticating`]): ask its readiness again. Given only if
    /// [`KafkaClient::readiness`] was asked meanwhile.
    Writable {
        /// Whose readiness to ask.
        broker: BrokerId,
    },
    /// A request will not be answered. Given once for each unanswered request of a lost connection, in the order
    /// in which they were sent, before its [`Event::Disconnected`].
    Failed {
        /// The request's token.
        token: u64,
        /// Whether the broker can have seen it.
        written: Written,
        /// Why its connection ended.
        reason: DisconnectReason,
    },
    /// The cluster does not know ApiVersions: its brokers are taken to be of this version, and not asked again until
    /// the next bootstrap list or `metadata.max.age.ms`. Given once by a client, before the broker's
    /// [`Event::Connected`]. Asking costs such brokers requests of other clients; [`Event::advice`] says what saves it.
    OldCluster {
        /// The broker that gave no answer to ApiVersions.
        broker: BrokerId,
        /// Its `host:port`, with the address that the host has (`host:port (1.2.3.4)`).
        address: Arc<str>,
        /// The version whose APIs are used.
        taken_for: OldKafka,
    },
    /// An operator should know this of a broker's security; each kind is given once by a client.
    SecurityNoticed {
        /// The first broker of which it holds.
        broker: BrokerId,
        /// Its `host:port`, with the address that the host has.
        address: Arc<str>,
        /// What.
        notice: SecurityNotice,
    },
    /// A connection ended, or could not be made.
    Disconnected {
        /// The broker at its other end.
        broker: BrokerId,
        /// Where it was tried, with the address if one was found (`host:port`, `host:port (1.2.3.4)`).
        address: Arc<str>,
        /// Why, for a message and for what to do next.
        reason: DisconnectReason,
        /// How far it had come.
        reached: Reached,
    },
}

impl Event {
    /// What an operator should know and can change, in words; `None` for what belongs to a day's work.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::OldCluster { broker, address, taken_for } => Some(format!(
                "broker {broker} at {address} does not know ApiVersions and is taken for Kafka {taken_for}; asking can \
                 make it lose requests of other clients: set broker.version.fallback={taken_for} to spare it the question"
            )),
            Self::SecurityNoticed { broker, address, notice } => {
                Some(format!("broker {broker} at {address} {notice}"))
            }
            Self::Connected { .. }
            | Self::Answered { .. }
            | Self::Written { .. }
            | Self::Writable { .. }
            | Self::Failed { .. }
            | Self::Disconnected { .. } => None,
        }
    }
}

/// Everything between the sender core and the brokers.
///
/// Contract: called from one thread only; nothing blocks except [`poll`](Self::poll) and
/// [`close`](Self::close); an implementation holds settings only until the first `poll` (runtimes and sockets
/// belong to the thread that polls); events come out of `poll` alone, in the order in which they happened.
/// ApiVersions and authentication are the client's; every other request is the caller's.
pub trait KafkaClient: Send {
    /// The brokers to know from now on. Negative ids are the bootstrap list. One that left the list is closed when
    /// nothing of it is in flight; one with a new host or port is closed and resolved anew. A list of bootstrap entries
    /// alone is a new start: what was found out about the cluster as a whole (that it is an old one) is forgotten.
    fn set_brokers(&mut self, now: Instant, brokers: &[BrokerAddress]);

    /// Whether `broker` takes a request now. Starts a connection if there is none and its backoff allows.
    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness;

    /// The broker to ask for things that any broker knows: ready with nothing in flight; else ready with the
    /// fewest; else connecting; else one that may be connected, tried longest ago; else a connected one that is busy
    /// (its readiness says until when); `None` if all are backing off.
    fn least_loaded(&mut self, now: Instant) -> Option<BrokerId>;

    /// Takes a request for a ready broker.
    ///
    /// # Errors
    /// Gives it back if `request.connection` is not the broker's current, ready connection.
    fn send(&mut self, now: Instant, request: ClientRequest) -> Result<(), Refused>;

    /// Leaves a broker alone until then (its response said so, KIP-219): `readiness` answers
    /// [`WaitReason::Throttled`]. Responses are still read.
    fn throttle(&mut self, broker: BrokerId, until: Instant);

    /// Closes the connection to a broker; its unanswered requests fail. The reason is for the events.
    fn disconnect(&mut self, now: Instant, broker: BrokerId, reason: &str);

    /// Credentials and certificates may have changed: whatever is kept of them is forgotten, and read again for the next
    /// connections. Does nothing unless a client has something of that kind.
    fn reload_credentials(&mut self, now: Instant, reconnect: Reconnect) {
        let _ = (now, reconnect);
    }

    /// Does network work. Blocks until there is an event, the waker is woken, or `until` (`None` = no limit) has
    /// come; late by at most 2 ms. A past `until` makes one turn without blocking. Appends to `events`.
    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>);

    /// Ends a blocking [`poll`](Self::poll), or the next one, from any thread; never lost, cheap when awake.
    fn waker(&self) -> Waker;

    /// What it has done so far, for metrics. Asked now and then by the thread that polls; the default counts nothing.
    fn snapshot(&self) -> NetworkSnapshot {
        NetworkSnapshot::default()
    }

    /// How its connections are secured, broker by broker. Asked now and then by the thread that polls; begins no connection.
    /// The default knows of none.
    fn security(&self, now: Instant) -> NetworkSecurity {
        let _ = now;
        NetworkSecurity::default()
    }

    /// Closes all connections, giving what is being written at most `within`. Nothing is called afterwards.
    fn close(&mut self, within: Duration);
}
