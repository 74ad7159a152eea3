//! A partitioner of the user (PA2). It is the user's code: it runs on the thread that sends, before the record is
//! appended, so never under a lock; and once for a record, however often the append is tried.

use kp_metadata::{Cluster, Topic};
use kp_protocol::PartitionId;
use std::any::Any;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Chooses partitions in place of the built-in rule, for records that name none.
///
/// ```
/// use kp_accumulator::{BoxError, PartitionRequest, Partitioner, choose_partition};
/// use kp_metadata::{Cluster, Partition, Topic};
/// use kp_protocol::{BrokerId, PartitionId, TopicId};
///
/// /// The last byte of the key, or the first partition.
/// #[derive(Debug)]
/// struct LastByte;
/// impl Partitioner for LastByte {
///     fn partition(&self, request: &PartitionRequest<'_>) -> Result<PartitionId, BoxError> {
///         let last = request.key_bytes.and_then(|key| key.last()).copied().unwrap_or(0);
///         Ok(PartitionId(i32::from(last) % request.topic.partitions().len() as i32))
///     }
/// }
///
/// let topic = Topic::new("t".into(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1)); 4]);
/// let cluster = Cluster::new(1, [], [topic.clone()]);
/// let request = PartitionRequest { key_bytes: Some(b"ab\x07"), ..PartitionRequest::new(&topic, &cluster) };
/// assert_eq!(choose_partition(&LastByte, &request), Ok(PartitionId(3)));
/// ```
pub trait Partitioner: Send + Sync + fmt::Debug {
    /// Told once, before the first record: every key of the producer's configuration as it was set, keys that kp does
    /// not know included (so that a partitioner can have keys of its own).
    ///
    /// # Errors
    /// What is wrong with them; the producer is not built then.
    fn configure(&mut self, config: &BTreeMap<String, String>) -> Result<(), BoxError> {
        let _ = config;
        Ok(())
    }

    /// The partition of one record, 0 or more. Called by any thread; must not wait. A partition that the topic does not
    /// have is waited for like one that the record names (FA6).
    ///
    /// # Errors
    /// Why the record goes nowhere; it is not accepted then.
    fn partition(&self, request: &PartitionRequest<'_>) -> Result<PartitionId, BoxError>;

    /// Called once when the producer has ended, or could not be built after all.
    fn close(&self) {}
}

/// An error of the user's own code.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What there is to choose by. More may come to be known: make one with [`new`](Self::new) and fill in.
#[derive(Clone, Copy)]
pub struct PartitionRequest<'a> {
    /// The topic as it is known now, with at least one partition.
    pub topic: &'a Topic,
    /// The key before it was serialized, if the sender had one of a type of its own.
    pub key: Option<&'a dyn Any>,
    /// The key as it will be written.
    pub key_bytes: Option<&'a [u8]>,
    /// The value before it was serialized, if the sender had one of a type of its own.
    pub value: Option<&'a dyn Any>,
    /// The value as it will be written.
    pub value_bytes: Option<&'a [u8]>,
    /// The cluster as it is known now.
    pub cluster: &'a Cluster,
}

impl<'a> PartitionRequest<'a> {
    /// A record of `topic` without key and value.
    #[must_use]
    pub fn new(topic: &'a Topic, cluster: &'a Cluster) -> Self {
        Self { topic, key: None, key_bytes: None, value: None, value_bytes: None, cluster }
    }
}

impl fmt::Debug for PartitionRequest<'_> {
    /// Without keys and values: those are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionRequest({})", self.topic.name())
    }
}

/// Why a partitioner gave no partition. The record was not accepted; others are not concerned.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionerError {
    /// A negative partition is no partition (PA2).
    #[error("the partitioner answered {0}; a partition is not negative")]
    Negative(PartitionId),
    /// Its own error, in its own words.
    #[error("the partitioner refused the record: {0}")]
    Refused(String),
    /// It panicked, with these words.
    #[error("the partitioner panicked: {0}")]
    Panicked(String),
}

impl PartitionerError {
    /// Whether the same record can be sent later. Only the partitioner could know.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Negative(_) | Self::Refused(_) | Self::Panicked(_) => false,
        }
    }
}

/// Asks `partitioner`, and lets neither a panic nor a negative answer through. Call it without locks, once for a record,
/// and append to [`Target::Partition`](crate::Target::Partition).
///
/// # Errors
/// [`PartitionerError`]; nothing but this record is harmed.
pub fn choose_partition(
    partitioner: &dyn Partitioner,
    request: &PartitionRequest<'_>,
) -> Result<PartitionId, PartitionerError> {
    match catch_unwind(AssertUnwindSafe(|| partitioner.partition(request))) {
        Ok(Ok(partition)) if partition.0 < 0 => Err(PartitionerError::Negative(partition)),
        Ok(Ok(partition)) => Ok(partition),
        Ok(Err(error)) => Err(PartitionerError::Refused(error.to_string())),
        Err(panic) => Err(PartitionerError::Panicked(words_of(&*panic))),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    words
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_metadata::Partition;
    use kp_protocol::{BrokerId, TopicId};

    type Rule = fn(&PartitionRequest<'_>) -> Result<PartitionId, BoxError>;

    struct Ruled(Rule);

    impl fmt::Debug for Ruled {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Ruled")
        }
    }

    impl Partitioner for Ruled {
        fn partition(&self, request: &PartitionRequest<'_>) -> Result<PartitionId, BoxError> {
            (self.0)(request)
        }
    }

    fn ask(rule: Rule) -> Result<PartitionId, PartitionerError> {
        let topic = Topic::new("t".into(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1)); 4]);
        let cluster = Cluster::new(7, [], [topic.clone()]);
        let request = PartitionRequest {
            key: Some(&5u64),
            key_bytes: Some(b"five"),
            value: Some(&"value"),
            value_bytes: Some(b"v"),
            ..PartitionRequest::new(&topic, &cluster)
        };
        choose_partition(&Ruled(rule), &request)
    }

    // PA2
    #[test]
    fn a_partitioner_sees_topic_key_value_their_bytes_and_the_cluster() {
        let seen = ask(|request| {
            assert_eq!((request.topic.name().as_str(), request.topic.partitions().len()), ("t", 4));
            assert_eq!(request.key.and_then(|key| key.downcast_ref::<u64>()), Some(&5));
            assert_eq!(request.key_bytes, Some(&b"five"[..]));
            assert_eq!(request.value.and_then(|value| value.downcast_ref::<&str>()), Some(&"value"));
            assert_eq!(request.value_bytes, Some(&b"v"[..]));
            assert_eq!(request.cluster.version(), 7);
            Ok(PartitionId(3))
        });
        assert_eq!(seen, Ok(PartitionId(3)));
    }

    // PA2
    #[test]
    fn a_negative_answer_is_an_error_and_a_partition_beyond_the_known_ones_is_not() {
        assert_eq!(ask(|_| Ok(PartitionId(-1))), Err(PartitionerError::Negative(PartitionId(-1))));
        assert_eq!(ask(|_| Ok(PartitionId(4))), Ok(PartitionId(4)), "it may come to be known (FA6)");
    }

    // PA2
    #[test]
    fn a_partitioner_that_fails_or_panics_harms_only_its_record() {
        assert_eq!(ask(|_| Err("no".into())), Err(PartitionerError::Refused("no".into())));
        let panicked = ask(|request| panic!("not {}", request.topic.name()));
        assert_eq!(panicked, Err(PartitionerError::Panicked("not t".into())));
        assert_eq!(ask(|_| Ok(PartitionId(0))), Ok(PartitionId(0)), "the next record");
    }

    #[test]
    fn a_request_does_not_print_the_users_data() {
        let topic = Topic::new("t".into(), TopicId::ZERO, Vec::new());
        let cluster = Cluster::new(1, [], []);
        let request =
            PartitionRequest { key_bytes: Some(b"secret"), ..PartitionRequest::new(&topic, &cluster) };
        assert_eq!(format!("{request:?}"), "PartitionRequest(t)");
    }
}
