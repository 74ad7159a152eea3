//! Everything that goes into and comes out of the sender core: the whole contract with the outside, on one page.
//!
//! The host (the driver of `kp-producer`, or a test) carries values across: it hands in what the network says, hands
//! [`Output::Send`] to it, and runs settlements. It decides nothing.

use crate::{Settlement, TransactionInput, TransactionOutput};
use kp_client::{ClientRequest, Event, Refused, SecurityFailure};
use kp_metadata::Cluster;
use kp_protocol::records::MessageFormat;
use kp_protocol::{BrokerAddress, BrokerId, TopicName};
use kp_time::Deadline;
use std::sync::Arc;
use std::time::Instant;

/// What happened, or what an application wants.
#[derive(Clone, Debug)]
pub enum Input {
    /// Something happened on the network.
    Network(Event),
    /// The network did not take a request: the connection it names is not the current one.
    Refused(Refused),
    /// A send wants this topic.
    WantTopic(TopicName),
    /// A send knows the topic and wants newer metadata of it: a partition it does not have yet (MD20).
    RefreshTopic(TopicName),
    /// A caller wants any metadata at all.
    WantMetadata,
    /// A transactional producer wants something.
    Transaction(TransactionInput),
    /// Finish what was accepted, by then; fail the rest, then [`Output::Closed`] (CL3). A second one can only
    /// shorten the time.
    Close {
        /// When what is not finished is failed.
        deadline: Deadline,
    },
    /// Fail everything that was accepted, now (CL4).
    CloseNow,
}

/// What the host is to do.
#[allow(
    clippy::large_enum_variant,
    reason = "a request holds its list of segments to spare the heap; a box would take it back"
)]
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// The brokers to know from now on; negative ids are the bootstrap list.
    SetBrokers(Vec<BrokerAddress>),
    /// Send this. Ends in exactly one of [`Event::Answered`], [`Event::Written`], [`Event::Failed`] and
    /// [`Input::Refused`] with its token.
    Send(ClientRequest),
    /// Leave this broker alone until then: its answer said so (KIP-219, NC20).
    Throttle {
        /// The broker that said so.
        broker: BrokerId,
        /// When it takes requests again.
        until: Instant,
    },
    /// Close the connection to this broker.
    Disconnect {
        /// The broker whose answer cannot be used, or that is given up.
        broker: BrokerId,
        /// Why, for the events and logs.
        reason: Arc<str>,
    },
    /// A batch has its outcome: call [`Settlement::run`], with no lock held. Callbacks run in there.
    Settle(Settlement),
    /// A broker described the cluster; also when that brought nothing new, since a send may wait for the answer.
    ClusterChanged(Arc<Cluster>),
    /// The record format that all brokers heard of have in common is another one by now. The accumulator knows: it refuses
    /// records with headers while the format has none, and the reason is for the error of such a call. Comes before the
    /// [`ClusterChanged`](Self::ClusterChanged) that lets the first record in.
    RecordFormat {
        /// `None` for batches, which Kafka 0.11 and newer take.
        format: Option<MessageFormat>,
        /// Which broker decides that and what would work, in words, for an application with headers.
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
    /// No broker is connected, and the newest attempt ended with a failure of security that waiting does not help against. It
    /// goes on being tried. Told at the end of such an attempt, and to a call that begins to wait while none can be made.
    SecurityFailed {
        /// Where: `host:port`, with the address that the host has.
        address: Arc<str>,
        /// What and why.
        failure: Arc<SecurityFailure>,
    },
    /// Something became of a transaction.
    Transaction(TransactionOutput),
    /// Nothing that was accepted is unsettled, and nothing will be sent any more.
    Closed,
}
