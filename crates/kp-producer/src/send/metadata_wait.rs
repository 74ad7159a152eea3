//! Calls that wait for metadata: `send` for a topic it has not seen, `connect`, `partitions_for`.
//!
//! Owner: the producer's shared part. Waiters join from any thread; the driver alone serves and expires them, so a
//! future that is not polled delays only itself. Wakers run after the lock is released. Lock: one, short.

use crate::drive::link::Command;
use crate::error::SendErrorKind;
use kp_metadata::Cluster;
use kp_protocol::{ErrorCode, PartitionId, TopicName};
use kp_time::{Deadline, Overdue, Ticket, WaitList, Wakers};
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// What a call wants to know about the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any answer of any broker.
    AnyMetadata,
    /// The partitions of a topic.
    Topic(TopicName),
    /// That a topic has this partition.
    Partition(TopicName, PartitionId),
}

impl Wanted {
    pub(crate) fn topic(&self) -> Option<&TopicName> {
        match self {
            Self::AnyMetadata => None,
            Self::Topic(topic) | Self::Partition(topic, _) => Some(topic),
        }
    }

    /// What the driver is to be told.
    pub(crate) fn command(&self) -> Command {
        match self {
            Self::AnyMetadata => Command::WantMetadata,
            Self::Topic(topic) => Command::WantTopic(topic.clone()),
            Self::Partition(topic, _) => Command::RefreshTopic(topic.clone()),
        }
    }

    /// What a snapshot says to it: known, refused, or nothing yet.
    pub(crate) fn verdict(&self, cluster: &Cluster) -> Option<Result<(), SendErrorKind>> {
        let Some(name) = self.topic() else {
            return (!cluster.is_bootstrap()).then_some(Ok(()));
        };
        let topic = cluster.topic(name)?;
        match topic.error() {
            Some(code) if is_final(code) => return Some(Err(SendErrorKind::Topic(code))),
            Some(_) if topic.partitions().is_empty() => return None,
            Some(_) | None => {}
        }
        let count = topic.partitions().len();
        match self {
            Self::AnyMetadata => Some(Ok(())),
            Self::Topic(_) => (count > 0).then_some(Ok(())),
            Self::Partition(_, partition) => (partition.0 < count as i32).then_some(Ok(())),
        }
    }
}

/// MD9: these are a topic's own errors and end the wait at once; the others are asked again.
fn is_final(code: ErrorCode) -> bool {
    code == ErrorCode::INVALID_TOPIC_EXCEPTION || code == ErrorCode::TOPIC_AUTHORIZATION_FAILED
}

struct Waiter {
    wanted: Wanted,
    since: Instant,
    /// Answers of the cluster that came meanwhile and did not name the topic.
    answers_without: Cell<u32>,
}

#[derive(Default)]
struct Table {
    list: WaitList<Waiter, Result<(), SendErrorKind>>,
    /// What was heard last from the network, for the error of waits in vain.
    last_failure: Option<Arc<str>>,
    closed: Option<SendErrorKind>,
}

/// The waiters of one producer.
#[derive(Default)]
pub(crate) struct MetadataWaiters {
    table: Mutex<Table>,
}

impl MetadataWaiters {
    /// Joins the wait of a call that has waited since `since`. The caller then tells the driver what it wants, so that nothing
    /// is missed in between.
    pub(crate) fn join(self: &Arc<Self>, wanted: Wanted, since: Instant, deadline: Deadline) -> MetadataWait {
        let mut table = self.table.lock();
        let ticket = table.list.join(Waiter { wanted, since, answers_without: Cell::new(0) }, deadline);
        if let Some(closed) = table.closed.clone() {
            // It has registered no waker yet.
            drop(table.list.answer(ticket, Err(closed), &mut Wakers::default()));
        }
        drop(table);
        MetadataWait { waiters: Arc::clone(self), ticket }
    }

    /// Serves those whom a new snapshot answers.
    pub(crate) fn serve(&self, cluster: &Cluster) {
        self.settle(|waiter| {
            let is_named = waiter.wanted.topic().is_none_or(|topic| cluster.topic(topic).is_some());
            waiter.answers_without.update(|answers| answers + u32::from(!is_named));
            waiter.wanted.verdict(cluster)
        });
    }

    /// Fails all waiters of now.
    pub(crate) fn refuse(&self, kind: &SendErrorKind) {
        self.settle(|_| Some(Err(kind.clone())));
    }

    /// Fails those whose time is up (MD20, MD21); the cluster tells why they waited in vain.
    pub(crate) fn expire(&self, now: Instant, cluster: &Cluster) {
        let mut wakers = Wakers::default();
        let mut table = self.table.lock();
        let Table { list, last_failure, .. } = &mut *table;
        let end = |overdue, _| match overdue {
            Overdue::Waiting(waiter) => Err(expired(&waiter, now, cluster, last_failure.as_ref())),
            Overdue::NotTaken(answer) => answer,
        };
        list.expire(now, end, &mut wakers);
        drop(table);
        wakers.wake_all();
    }

    /// Remembers why metadata is not to be had at the moment.
    pub(crate) fn note_failure(&self, reason: Arc<str>) {
        self.table.lock().last_failure = Some(reason);
    }

    /// Forgets it: a broker answered.
    pub(crate) fn clear_failure(&self) {
        self.table.lock().last_failure = None;
    }

    /// Fails all waiters, and those that join from now on (CL7).
    pub(crate) fn close(&self, kind: &SendErrorKind) {
        self.table.lock().closed = Some(kind.clone());
        self.refuse(kind);
    }

    /// The earliest moment at which a waiter's time is up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.table.lock().list.next_deadline()
    }

    /// Topics of which a call waits for a partition that the last answer did not have.
    pub(crate) fn topics_to_refresh(&self) -> Vec<TopicName> {
        let table = self.table.lock();
        let partition = |waiter: &Waiter| match &waiter.wanted {
            Wanted::Partition(topic, _) => Some(topic.clone()),
            Wanted::AnyMetadata | Wanted::Topic(_) => None,
        };
        table.list.waiting().filter_map(partition).collect()
    }

    /// Every topic that a call waits for, by name, each once.
    pub(crate) fn topics(&self) -> Vec<String> {
        let table = self.table.lock();
        let topics = table.list.waiting().filter_map(|waiter| waiter.wanted.topic());
        let topics: BTreeSet<String> = topics.map(|topic| topic.as_str().to_owned()).collect();
        topics.into_iter().collect()
    }

    fn settle(&self, judge: impl Fn(&Waiter) -> Option<Result<(), SendErrorKind>>) {
        let mut wakers = Wakers::default();
        self.table.lock().list.answer_where(judge, &mut wakers);
        wakers.wake_all();
    }
}

fn expired(
    waiter: &Waiter,
    now: Instant,
    cluster: &Cluster,
    last_failure: Option<&Arc<str>>,
) -> SendErrorKind {
    let (wanted, waited) = (&waiter.wanted, now.saturating_duration_since(waiter.since));
    let answers_without = waiter.answers_without.get();
    let topic = wanted.topic().and_then(|name| cluster.topic(name));
    if let (Wanted::Partition(_, partition), Some(topic)) = (wanted, topic)
        && !topic.partitions().is_empty()
    {
        let partitions = topic.partitions().len();
        return SendErrorKind::NoSuchPartition { partition: partition.0, partitions, waited };
    }
    let topic_error = topic.and_then(|topic| topic.error());
    let reason = match (last_failure, topic_error) {
        (None, Some(code)) => format!("the cluster answers {code}"),
        (None, None) if answers_without > 0 => match answers_without {
            1 => "the cluster answered, and did not name the topic".to_owned(),
            answers => format!("the cluster answered {answers} times, and did not name the topic"),
        },
        (last_failure, _) => every_address(cluster, last_failure),
    };
    SendErrorKind::MetadataTimeout { waited, reason: Arc::from(reason) }
}

/// What each address said, and which have not said anything.
fn every_address(cluster: &Cluster, last_failure: Option<&Arc<str>>) -> String {
    let mut told: Vec<String> = last_failure.map(|told| told.to_string()).into_iter().collect();
    for broker in cluster.brokers() {
        let address = broker.to_string();
        if !told.iter().any(|told| told.contains(&address)) {
            told.push(format!("{address}: no answer yet"));
        }
    }
    told.join("; ")
}

/// A place among the waiters. Dropping it gives the place up; nothing else is held.
pub(crate) struct MetadataWait {
    waiters: Arc<MetadataWaiters>,
    ticket: Ticket,
}

impl Future for MetadataWait {
    type Output = Result<(), SendErrorKind>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloned before the lock, and dropped behind it: a waker is foreign code.
        let mut waker = Some(cx.waker().clone());
        let answer = self.waiters.table.lock().list.poll(self.ticket, &mut waker);
        answer.map(|answer| answer.unwrap_or(Ok(())))
    }
}

impl Drop for MetadataWait {
    fn drop(&mut self) {
        let mut wakers = Wakers::default();
        let left = self.waiters.table.lock().list.leave(self.ticket, &mut wakers);
        drop((left, wakers));
    }
}

#[cfg(test)]
mod tests;
