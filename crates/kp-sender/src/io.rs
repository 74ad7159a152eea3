//! Everything that goes into and comes out of the sender core: the whole contract with the outside, on one page.
//!
//! The host (the driver of `kp-producer`, or a test) carries values across: it answers every `Ask…` with the
//! [`Input`] of the same name before it asks for the next output, hands [`Output::Send`] to the network, and runs
//! settlements. It decides nothing.

use crate::Settlement;
use bytes::Bytes;
use kp_metadata::Cluster;
use kp_protocol::records::MessageFormat;
use kp_protocol::{ApiKey, BrokerAddress, BrokerId, BrokerVersions, Segments, TopicName};
use kp_time::Deadline;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What happened, or what somebody wants.
#[derive(Clone, Debug)]
pub enum Input {
    /// The answer to [`Output::AskReadiness`].
    Readiness {
        /// The broker asked about.
        broker: BrokerId,
        /// Whether it takes a request now.
        readiness: BrokerReadiness,
    },
    /// The answer to [`Output::AskLeastLoaded`]; `None` = no broker can be used or connected to now.
    LeastLoaded(Option<BrokerId>),
    /// A connection is ready for requests.
    Connected {
        /// To whom.
        broker: BrokerId,
    },
    /// A connection ended or could not be made. Each of its unanswered requests came as [`Failed`](Self::Failed)
    /// before this.
    Disconnected {
        /// To whom.
        broker: BrokerId,
        /// Where it was tried.
        address: Arc<str>,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// A response arrived.
    Answered {
        /// The request's token.
        token: u64,
        /// The response's body, in the version of the request.
        body: Bytes,
    },
    /// A request that expects no response is completely written (`acks=0`).
    Written {
        /// The request's token.
        token: u64,
    },
    /// A request will not be answered.
    Failed {
        /// The request's token.
        token: u64,
        /// Whether bytes of it may have reached the broker; `false` = surely not one.
        written: bool,
        /// Whether it was given up because its time was up (`request.timeout.ms`).
        timed_out: bool,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// The network did not take a request: the connection it names is not the current one.
    Refused {
        /// The request's token.
        token: u64,
        /// Why, in words.
        reason: Arc<str>,
    },
    /// Somebody wants to send to this topic.
    WantTopic(TopicName),
    /// Somebody knows the topic and wants newer metadata of it: a partition it does not have yet (MD20).
    RefreshTopic(TopicName),
    /// Somebody wants any metadata at all.
    WantMetadata,
    /// Finish what was accepted, by then; fail the rest, then [`Output::Closed`] (CL3). A second one can only
    /// shorten the time.
    Close {
        /// When what is not finished is failed.
        deadline: Deadline,
    },
    /// Fail everything that was accepted, now (CL4).
    CloseNow,
}

/// Whether a request may be sent to a broker now.
#[derive(Clone, Debug)]
pub enum BrokerReadiness {
    /// Connected, versions known, room for one request.
    Ready {
        /// The connection to name in [`OutgoingRequest::connection`].
        connection: u64,
        /// What the broker speaks.
        versions: Arc<BrokerVersions>,
    },
    /// Not now. Asked again after an event of this broker, and at `until`.
    Wait {
        /// When asking again is worth it without an event.
        until: Option<Instant>,
    },
    /// The broker cannot be used.
    Failed {
        /// What went wrong, in words.
        reason: Arc<str>,
        /// When a new attempt is allowed; `None` = not unless the broker list changes.
        retry_at: Option<Instant>,
    },
}

/// What the host is to do.
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// The brokers to know from now on; negative ids are the bootstrap list.
    SetBrokers(Vec<BrokerAddress>),
    /// Answer with [`Input::Readiness`].
    AskReadiness(BrokerId),
    /// Answer with [`Input::LeastLoaded`].
    AskLeastLoaded,
    /// Send this. Ends in exactly one of [`Input::Answered`], [`Input::Written`], [`Input::Failed`] and
    /// [`Input::Refused`] with its token.
    Send(OutgoingRequest),
    /// Leave this broker alone until then: its answer said so (KIP-219, NC20).
    Throttle {
        /// Whom.
        broker: BrokerId,
        /// Until when.
        until: Instant,
    },
    /// Close the connection to this broker.
    Disconnect {
        /// Whom.
        broker: BrokerId,
        /// Why, for the events and logs.
        reason: Arc<str>,
    },
    /// A batch has its outcome: call [`Settlement::run`], with no lock held. Callbacks run in there.
    Settle(Settlement),
    /// A broker described the cluster; also when that brought nothing new, since somebody may wait for the answer.
    ClusterChanged(Arc<Cluster>),
    /// The record format that all brokers heard of have in common is another one by now: tell
    /// [`Accumulator::set_record_format`](kp_accumulator::Accumulator::set_record_format). Comes before the
    /// [`ClusterChanged`](Self::ClusterChanged) that lets the first record in.
    RecordFormat {
        /// `None` for batches, which Kafka 0.11 and newer take.
        format: Option<MessageFormat>,
        /// Which broker decides that and what would work, in words, for whoever has headers.
        reason: Arc<str>,
    },
    /// The cluster gives no producer ids, and the configuration does not insist on them: from here on one batch of a
    /// partition is in flight at a time, and a retry may write records twice. Told once.
    WithoutIdempotence {
        /// Which broker showed it, in words.
        reason: Arc<str>,
    },
    /// In the place of [`ClusterChanged`](Self::ClusterChanged): the cluster gives no producer ids, and the
    /// configuration insists on them. No record is to be accepted until the next `ClusterChanged`.
    IdempotenceUnavailable {
        /// Which broker showed it, in words.
        reason: Arc<str>,
    },
    /// A broker refuses this producer as a whole: accept no record any more, and say why. What is queued fails, what is under
    /// way ends by itself. Closing works as ever.
    Fatal {
        /// Which broker said so, and what.
        reason: Arc<str>,
    },
    /// Metadata is not to be had at the moment. It goes on being asked for.
    MetadataFailed {
        /// Which addresses were tried and what each said.
        reason: Arc<str>,
    },
    /// Nothing that was accepted is unsettled, and nothing will be sent any more.
    Closed,
}

/// A request whose body is encoded.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// Unique among all requests of this core; comes back in the inputs.
    pub token: u64,
    /// To whom.
    pub broker: BrokerId,
    /// On which connection; the versions that were chosen from belong to it.
    pub connection: u64,
    /// Which API.
    pub api_key: ApiKey,
    /// In which version `body` is.
    pub version: i16,
    /// The body in pieces. Payloads of batches are in it by reference.
    pub body: Segments,
    /// How long to wait for the answer (`request.timeout.ms`).
    pub timeout: Duration,
    /// `false` with `acks=0`: there is no response (NC8).
    pub expects_response: bool,
}
