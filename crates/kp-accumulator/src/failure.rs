//! Why the records of a batch were not acknowledged: what happened, how certain it is that nothing was written, and
//! where the time went. Plain values; the facade turns them into its errors.

use kp_protocol::{BrokerId, ErrorCode};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Whether a record is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// It is.
    Written,
    /// It is not, and no request under way can still write it.
    NotWritten,
    /// It may be: a request that held it was sent and its outcome was never learnt.
    Unknown,
}

impl Certainty {
    /// Certainty only weakens: after one attempt of unknown outcome, a later refusal proves nothing about the first.
    #[must_use]
    pub fn weakened_by(self, ever_unknown: bool) -> Self {
        match self {
            Self::NotWritten if ever_unknown => Self::Unknown,
            same => same,
        }
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written => "written",
            Self::NotWritten => "not_written",
            Self::Unknown => "unknown",
        })
    }
}

/// Where the time of a batch went. The parts add up to [`total`](Spent::total).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Waiting for the topic's metadata, before the record was accepted.
    pub metadata: Duration,
    /// Waiting for `buffer.memory`, before the record was accepted.
    pub memory: Duration,
    /// Waiting for company before the first attempt: `linger.ms`, at most.
    pub linger: Duration,
    /// Waiting after failed attempts: `retry.backoff.ms`, growing to `retry.backoff.max.ms`.
    pub backoff: Duration,
    /// Ready to be sent, and not taken: its leader was unknown, not connected or busy, or earlier batches of the
    /// partition were before it.
    pub queued: Duration,
    /// Sent and not answered.
    pub in_flight: Duration,
    /// Held back because a broker asked for it (KIP-219).
    pub throttled: Duration,
}

impl Spent {
    /// The sum of all parts.
    #[must_use]
    pub fn total(&self) -> Duration {
        let Self { metadata, memory, linger, backoff, queued, in_flight, throttled } = *self;
        metadata + memory + linger + backoff + queued + in_flight + throttled
    }
}

/// What a broker said last about a batch, or what the producer itself has to say of its last attempt, with the code that
/// Java gives that: a lost connection is NETWORK_EXCEPTION, an answer that did not come in time REQUEST_TIMED_OUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerError {
    /// Its code.
    pub code: ErrorCode,
    /// Its own words, if it gave any (Produce v8 and newer), or the producer's.
    pub message: Option<Arc<str>>,
    /// Who said so; `None` if no broker did.
    pub broker: Option<BrokerId>,
}

/// What ended a batch without an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// `delivery.timeout.ms` passed.
    Expired,
    /// It waited in its queue for longer than `request.timeout.ms`, where batches expire as in 0.9 (AC25).
    ExpiredInQueue,
    /// A broker refused it with this code, for good or because `retries` were used up.
    Refused(ErrorCode),
    /// One record alone is larger than the broker takes (BB29).
    RecordTooLarge,
    /// The broker named records it does not accept (KIP-467).
    InvalidRecord,
    /// The leader speaks no version of Produce that can carry it.
    UnsupportedVersion,
    /// The request that holds it cannot be said in Kafka's protocol: a name beyond 32 KiB, a request beyond 2 GiB. It never left.
    Unencodable,
    /// An attempt under an older producer epoch ended without an answer, and that epoch is over: under any other number a
    /// broker would not recognise the batch if it has it (KIP-360). It was not sent again.
    EpochOver,
    /// The connection was lost and `retries` are used up.
    Disconnected,
    /// It waited to be sent when its transaction was aborted, or could not be committed any more (TX11).
    TransactionAborted,
    /// The producer was closed before it could be delivered (CL4).
    Closed,
    /// The producer's own thread ended: a panic, or the accumulator was dropped with batches in it.
    NetworkThreadGone,
    /// Not an end: the outcome was waited for on the thread that brings it. It is still to come.
    WouldDeadlock,
    /// Not an end: the outcome was waited for in a forked child of the process whose producer it is. Only that one learns it.
    Forked,
}

impl FailureKind {
    /// Whether sending the same record again can succeed. It may then be in the log twice if the
    /// [`Certainty`] is unknown.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            // In another transaction.
            Self::Expired | Self::ExpiredInQueue | Self::Disconnected | Self::TransactionAborted => true,
            Self::Refused(code) => code.is_retriable(),
            Self::RecordTooLarge
            | Self::InvalidRecord
            | Self::UnsupportedVersion
            | Self::Unencodable
            | Self::EpochOver
            | Self::Closed
            | Self::NetworkThreadGone
            | Self::WouldDeadlock
            | Self::Forked => false,
        }
    }
}

/// Why a batch failed. One value for all its records, shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFailure {
    /// What ended it.
    pub kind: FailureKind,
    /// Whether its records may be in the log all the same.
    pub certainty: Certainty,
    /// How often it was sent.
    pub attempts: u32,
    /// From its creation to its end.
    pub waited: Duration,
    /// Where that time went.
    pub spent: Spent,
    /// Whether it ended the producer, which accepts no record any more. Set by the sender, which alone knows.
    pub is_fatal: bool,
    /// What a broker said last.
    pub last: Option<BrokerError>,
    /// Records the broker named, by their index in the batch, with its words (KIP-467).
    pub record_errors: Vec<(u32, Option<Arc<str>>)>,
}

impl BatchFailure {
    /// Whether the broker named this record as a reason (BB24).
    #[must_use]
    pub fn record_error(&self, index: u32) -> Option<Option<&str>> {
        let named = self.record_errors.iter().find(|(named, _)| *named == index)?;
        Some(named.1.as_deref())
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("no acknowledgement within delivery.timeout.ms"),
            Self::ExpiredInQueue => f.write_str(
                "waited in its queue for longer than request.timeout.ms, the limit by the defaults of Kafka 0.9",
            ),
            Self::Refused(code) => write!(f, "refused by the broker with {code}"),
            Self::RecordTooLarge => f.write_str("the record is larger than the broker takes"),
            Self::InvalidRecord => f.write_str("the broker does not accept records of this batch"),
            Self::UnsupportedVersion => f.write_str("the leader speaks no version that can carry it"),
            Self::Unencodable => f.write_str("the request cannot be said in Kafka's protocol"),
            Self::EpochOver => f.write_str("sent before without an answer, under a producer epoch that is over"),
            Self::Disconnected => f.write_str("the connection was lost"),
            Self::TransactionAborted => f.write_str("its transaction was aborted before it could be sent"),
            Self::Closed => f.write_str("the producer was closed before it could be delivered"),
            Self::NetworkThreadGone => f.write_str("the producer's network thread has ended"),
            Self::WouldDeadlock => f.write_str("waited for on the network thread, which would never end"),
            Self::Forked => f.write_str("waited for in a forked process, whose parent alone learns the outcome"),
        }
    }
}

impl fmt::Display for BatchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, certainty, attempts, waited, spent, last, record_errors: _, is_fatal: _ } = self;
        let plural = if *attempts == 1 { "" } else { "s" };
        write!(f, "{kind} ({certainty}; {attempts} attempt{plural} in {waited:.1?}")?;
        let parts = [
            ("metadata", spent.metadata),
            ("memory", spent.memory),
            ("linger", spent.linger),
            ("backoff", spent.backoff),
            ("queued", spent.queued),
            ("in flight", spent.in_flight),
            ("throttled", spent.throttled),
        ];
        for (name, time) in parts.into_iter().filter(|(_, time)| !time.is_zero()) {
            write!(f, ", {name} {time:.1?}")?;
        }
        f.write_str(")")?;
        match last {
            Some(last) => write!(f, "; last: {last}"),
            None => Ok(()),
        }
    }
}

/// An answer reads `REQUEST_TIMED_OUT (7) from broker 1: its words`; what no broker said begins with the words.
impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, broker } = self;
        match (broker, message) {
            (Some(broker), Some(message)) => write!(f, "{code} from broker {broker}: {message}"),
            (Some(broker), None) => write!(f, "{code} from broker {broker}"),
            (None, Some(message)) => write!(f, "{message} [{code}]"),
            (None, None) => write!(f, "{code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SN6
    #[test]
    fn what_no_broker_said_does_not_read_as_if_one_had() {
        let words = Some(Arc::from("no answer from broker 3: late"));
        let own = BrokerError { code: ErrorCode::REQUEST_TIMED_OUT, message: words, broker: None };
        assert_eq!(own.to_string(), "no answer from broker 3: late [REQUEST_TIMED_OUT (7)]");
        let answer = BrokerError { message: Some(Arc::from("too few")), broker: Some(BrokerId(3)), ..own };
        assert_eq!(answer.to_string(), "REQUEST_TIMED_OUT (7) from broker 3: too few");
        assert_eq!(
            BrokerError { message: None, ..answer }.to_string(),
            "REQUEST_TIMED_OUT (7) from broker 3"
        );
    }

    // AC25
    #[test]
    fn an_expiry_names_the_key_whose_time_is_over() {
        let text = FailureKind::Expired.to_string();
        assert!(text.contains("delivery.timeout.ms") && !text.contains("request.timeout.ms"), "{text}");
        let text = FailureKind::ExpiredInQueue.to_string();
        assert!(text.contains("request.timeout.ms") && !text.contains("delivery.timeout.ms"), "{text}");
    }

    #[test]
    fn one_unknown_attempt_makes_a_later_refusal_unknown() {
        assert_eq!(Certainty::NotWritten.weakened_by(true), Certainty::Unknown);
        assert_eq!(Certainty::NotWritten.weakened_by(false), Certainty::NotWritten);
        assert_eq!(Certainty::Written.weakened_by(true), Certainty::Written);
        assert_eq!(Certainty::Unknown.weakened_by(false), Certainty::Unknown);
    }
}
