//! The way of a record up to its acceptance: checked, its topic found, its partition chosen, encoded into an open batch.
//! On the hot path an atomic load, a map look-up and the partition's own lock inside the accumulator.

use super::view::{CachedTopic, TopicView, View};
use super::waiting::{Waited, refusal_of};
use crate::error::{SendError, SendErrorKind};
use crate::outcome::delivery::Delivery;
use crate::send::metadata_wait::Wanted;
use crate::shared::Shared;
use crate::transaction::scope::{Scope, unless_ended};
use kp_accumulator::{
    Append, AppendError, Notify, PartitionRequest, PartitionerError, Spent, Target, choose_partition,
};
use kp_memory::Buffer;
use kp_protocol::records::{BATCH_HEADER_SIZE, RecordEncoder};
use kp_protocol::{Timestamp, TopicName};
use kp_record::ProducerRecord;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// What came of a record that is not to wait.
pub(crate) enum AtOnce {
    /// It is in, or refused for good.
    Done(Result<Delivery, SendError>),
    /// It has to wait: [`Shared::accept`] goes on from here, with the place that was chosen already.
    Waits(Option<Target>),
}

/// How far one attempt to append came.
enum Attempt {
    Accepted(Delivery),
    NeedsMetadata(Wanted),
    NeedsBuffer(usize),
}

/// A record on its way in, and what is decided or got for it once, however often the append is tried.
struct Incoming<'r, 'a> {
    record: &'r ProducerRecord<'a>,
    timestamp: Timestamp,
    /// The transaction it is to belong to.
    scope: Option<&'r Scope>,
    target: Option<Target>,
    spare: Option<Buffer>,
}

impl Shared {
    /// Accepts a record: waits only for metadata and memory, both within `max.block.ms` (FA2).
    ///
    /// Cancel-safe: nothing is awaited after the append, so a dropped future means "not accepted", and the places
    /// it held among the waiters and in the pool are given back.
    pub(crate) fn accept(
        &self,
        scope: Option<&Scope>,
        record: &ProducerRecord<'_>,
        notify: &mut Option<Notify>,
        chosen: Option<Target>,
    ) -> impl Future<Output = Result<Delivery, SendError>> {
        self.accept_after(scope, Waited::default(), record, notify, chosen)
    }

    /// The same for a call that may have waited for something else before.
    pub(crate) async fn accept_after(
        &self,
        scope: Option<&Scope>,
        mut waited: Waited,
        record: &ProducerRecord<'_>,
        notify: &mut Option<Notify>,
        chosen: Option<Target>,
    ) -> Result<Delivery, SendError> {
        let refuse = |kind, spent: &Spent| self.refuse(scope, kind, record.topic(), *spent);
        let timestamp = self.check(record).map_err(|kind| refuse(kind, &waited.spent))?;
        let mut incoming = Incoming { target: chosen, ..Incoming::new(scope, record, timestamp) };
        loop {
            let attempt = self.attempt(&mut incoming, notify);
            match attempt.map_err(|kind| refuse(kind, &waited.spent))? {
                Attempt::Accepted(delivery) => return Ok(delivery),
                Attempt::NeedsMetadata(wanted) => {
                    unless_ended(scope, self.wait_for_metadata(wanted, &mut waited)).await
                }
                Attempt::NeedsBuffer(bytes) => {
                    let buffer = unless_ended(scope, self.wait_for_buffer(bytes, &mut waited)).await;
                    buffer.map(|buffer| incoming.spare = Some(buffer))
                }
            }
            .map_err(|kind| refuse(kind, &waited.spent))?;
        }
    }

    /// Accepts a record if neither metadata nor memory has to be waited for. The usual way of a call that may block: for a record
    /// that goes straight in, no future is made and no waker registered.
    pub(crate) fn accept_at_once(
        &self,
        scope: Option<&Scope>,
        record: &ProducerRecord<'_>,
        notify: &mut Option<Notify>,
    ) -> AtOnce {
        self.at_once(scope, record, |incoming| self.attempt(incoming, notify))
    }

    /// The same for a caller that sends to one topic again and again: the topic's place is looked up anew only when the view is another one.
    pub(crate) fn accept_cached(
        &self,
        scope: Option<&Scope>,
        record: &ProducerRecord<'_>,
        cached: &mut Option<CachedTopic>,
        notify: &mut Option<Notify>,
    ) -> AtOnce {
        // Before the view: a view that comes in between is then looked up once too often, never too rarely.
        let generation = self.views.generation();
        if cached.as_ref().is_none_or(|cached| cached.generation != generation) {
            let view = self.views.load_full();
            *cached =
                view.topics.get(record.topic()).cloned().map(|found| CachedTopic { generation, view, found });
        }
        let Some(CachedTopic { view, found, .. }) = cached else { return AtOnce::Waits(None) };
        self.at_once(scope, record, |incoming| self.attempt_in(view, found, incoming, notify))
    }

    #[inline]
    fn at_once(
        &self,
        scope: Option<&Scope>,
        record: &ProducerRecord<'_>,
        mut attempt: impl FnMut(&mut Incoming<'_, '_>) -> Result<Attempt, SendErrorKind>,
    ) -> AtOnce {
        let refuse = |kind| AtOnce::Done(Err(self.refuse(scope, kind, record.topic(), Spent::default())));
        let timestamp = match self.check(record) {
            Ok(timestamp) => timestamp,
            Err(kind) => return refuse(kind),
        };
        let mut incoming = Incoming::new(scope, record, timestamp);
        loop {
            match attempt(&mut incoming) {
                Ok(Attempt::Accepted(delivery)) => return AtOnce::Done(Ok(delivery)),
                Ok(Attempt::NeedsBuffer(bytes)) => match self.waits.pool().try_allocate(bytes) {
                    Ok(Some(buffer)) => incoming.spare = Some(buffer),
                    _ => return AtOnce::Waits(incoming.target),
                },
                Ok(Attempt::NeedsMetadata(_)) => return AtOnce::Waits(incoming.target),
                Err(kind) => return refuse(kind),
            }
        }
    }

    /// Accepts a record if that takes no waiting.
    pub(crate) fn try_accept(
        &self,
        scope: Option<&Scope>,
        record: &ProducerRecord<'_>,
        notify: &mut Option<Notify>,
    ) -> Result<Delivery, SendError> {
        let refuse = |kind| self.refuse(scope, kind, record.topic(), Spent::default());
        let timestamp = self.check(record).map_err(refuse)?;
        let mut incoming = Incoming::new(scope, record, timestamp);
        loop {
            match self.attempt(&mut incoming, notify).map_err(refuse)? {
                Attempt::Accepted(delivery) => return Ok(delivery),
                Attempt::NeedsMetadata(wanted) => {
                    self.link.tell(wanted.command());
                    return Err(refuse(SendErrorKind::WouldBlock));
                }
                Attempt::NeedsBuffer(bytes) => match self.waits.pool().try_allocate(bytes) {
                    Ok(Some(buffer)) => incoming.spare = Some(buffer),
                    Ok(None) => return Err(refuse(SendErrorKind::WouldBlock)),
                    Err(error) => return Err(refuse(refusal_of(&error, Duration::ZERO))),
                },
            }
        }
    }

    /// FA1: the process and the record itself, before anything is waited for. Gives the record's timestamp. That the producer
    /// is closed is found at the append; a record that is wrong as well hears of the end all the same.
    fn check(&self, record: &ProducerRecord<'_>) -> Result<Timestamp, SendErrorKind> {
        if self.link.origin().is_forked() {
            return Err(SendErrorKind::Forked);
        }
        self.verify(record).map_err(|kind| self.refusal().unwrap_or(kind))
    }

    /// FA3, FA7: what is wrong whatever the cluster says.
    fn verify(&self, record: &ProducerRecord<'_>) -> Result<Timestamp, SendErrorKind> {
        if record.topic().is_empty() {
            return Err(SendErrorKind::InvalidRecord("the topic's name is empty"));
        }
        if record.partition_number().is_some_and(|number| number < 0) {
            return Err(SendErrorKind::InvalidRecord("the partition is negative"));
        }
        if record.timestamp().is_some_and(|timestamp| timestamp < 0) {
            return Err(SendErrorKind::InvalidRecord("the timestamp is negative"));
        }
        let (key, value) = (record.key_bytes().map(<[u8]>::len), record.value_bytes().map(<[u8]>::len));
        let size_bytes = match self.accumulator.record_format() {
            None => BATCH_HEADER_SIZE + RecordEncoder::upper_bound(key, value, record.headers()),
            Some(format) => format.overhead() + key.unwrap_or(0) + value.unwrap_or(0),
        };
        let bounds = [
            (self.limits.max_request_size, "max.request.size"),
            (self.limits.buffer_memory, "buffer.memory"),
        ];
        for (limit_bytes, key) in bounds {
            if size_bytes > limit_bytes {
                return Err(SendErrorKind::RecordTooLarge { size_bytes, limit_bytes, key });
            }
        }
        Ok(Timestamp(record.timestamp().unwrap_or_else(|| self.clock.timestamp_ms())))
    }

    fn attempt(
        &self,
        incoming: &mut Incoming<'_, '_>,
        notify: &mut Option<Notify>,
    ) -> Result<Attempt, SendErrorKind> {
        let view = self.views.load();
        match view.topics.get(incoming.record.topic()) {
            Some(found) => self.attempt_in(&view, found, incoming, notify),
            None => self.not_in_view(&view, Wanted::Topic(TopicName::new(incoming.record.topic()))),
        }
    }

    #[inline]
    fn attempt_in(
        &self,
        view: &View,
        found: &TopicView,
        incoming: &mut Incoming<'_, '_>,
        notify: &mut Option<Notify>,
    ) -> Result<Attempt, SendErrorKind> {
        let TopicView { topic, queues } = found;
        let record = incoming.record;
        let target = match incoming.target {
            Some(target) => target,
            None => self.choose(view, found, incoming)?,
        };
        if let Target::Partition(partition) = target
            && partition.0 as usize >= topic.partitions().len()
        {
            return self.not_in_view(view, Wanted::Partition(topic.name().clone(), partition));
        }
        // Of no transaction, mostly: one branch.
        let entered = incoming.scope.map(|scope| scope.enter(&self.link)).transpose()?;
        let encoded = record.as_record_ref(incoming.timestamp);
        let clock = &*self.clock;
        match self.accumulator.append(queues, topic, target, &encoded, notify, &mut incoming.spare, clock) {
            Ok(Append::Accepted(appended)) => {
                if let Some(entered) = entered {
                    entered.accepted();
                }
                Ok(Attempt::Accepted(Delivery::new(
                    appended.completion,
                    appended.index,
                    self.link.origin().process_id(),
                    incoming.timestamp.0,
                )))
            }
            Ok(Append::NeedsBuffer(bytes)) => Ok(Attempt::NeedsBuffer(bytes)),
            Err(error) => Err(self.refusal_of_append(&error)),
        }
    }

    /// Where a record goes: as it says itself, as the user's partitioner says, or by the built-in rule. What is final is kept for
    /// further attempts.
    #[inline]
    fn choose(
        &self,
        view: &View,
        found: &TopicView,
        incoming: &mut Incoming<'_, '_>,
    ) -> Result<Target, SendErrorKind> {
        let (record, TopicView { topic, queues }) = (incoming.record, found);
        let partitioner = || self.extensions.partitioner.as_ref().and_then(|it| it.iter().next());
        let target = if let Some(partition) = record.partition_id() {
            Target::Partition(partition)
        } else if let Some(partitioner) = partitioner() {
            let request = PartitionRequest {
                key_bytes: record.key_bytes(),
                value_bytes: record.value_bytes(),
                ..PartitionRequest::new(topic, &view.cluster)
            };
            let chosen = choose_partition(&**partitioner, &request);
            let refused =
                |error: PartitionerError| SendErrorKind::Partitioner { reason: error.to_string().into() };
            Target::Partition(chosen.map_err(refused)?)
        } else {
            self.accumulator.target(queues, topic, record.key_bytes())
        };
        incoming.target = target.is_final().then_some(target);
        Ok(target)
    }

    fn not_in_view(&self, view: &View, wanted: Wanted) -> Result<Attempt, SendErrorKind> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        match view.verdict(&wanted) {
            Some(Err(kind)) => {
                // Rights may have been granted since, brokers upgraded: no call waits for that, but the broker is asked again (MD9).
                self.link.tell(wanted.command());
                Err(kind)
            }
            Some(Ok(())) | None => Ok(Attempt::NeedsMetadata(wanted)),
        }
    }

    fn refusal_of_append(&self, error: &AppendError) -> SendErrorKind {
        match error {
            AppendError::Closed => self.closed_kind(),
            AppendError::HeadersNotInFormat { magic } => {
                let known = self.old_cluster.without_headers();
                let reason =
                    known.unwrap_or_else(|| Arc::from(format!("message format {magic} has no headers")));
                SendErrorKind::HeadersNotSupported { reason }
            }
            other => {
                debug_assert!(false, "checked before the append: {other}");
                SendErrorKind::InvalidRecord("the record cannot be encoded")
            }
        }
    }
}

impl<'r, 'a> Incoming<'r, 'a> {
    fn new(scope: Option<&'r Scope>, record: &'r ProducerRecord<'a>, timestamp: Timestamp) -> Self {
        Self { record, timestamp, scope, target: None, spare: None }
    }
}
