//! The Produce requests that are not answered, and their batches.
//! Owns: batches between dispatch and verdict. Owner: the sender of batches.
//!
//! A partition whose batch was sent is muted until the request that held it ends, so that nothing can overtake a
//! retry (SN7). That is also so when the batch expires first: the request may still be appended.

use super::request::RequestTopics;
use crate::idempotence::sequences::Ticket;
use kp_accumulator::{Batch, InFlight, QueueIndex};
use kp_protocol::{BrokerId, TopicPartition};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A Produce request under way.
pub(crate) struct ProduceInFlight {
    pub(crate) broker: BrokerId,
    pub(crate) version: i16,
    /// When it was handed out.
    pub(crate) sent: Instant,
    /// The topics as they were when it was sent (SN16).
    pub(crate) topics: RequestTopics,
    pub(crate) slots: Vec<Slot>,
}

/// One partition's place in a request.
pub(crate) struct Slot {
    pub(crate) queue: QueueIndex,
    /// Its numbers, with idempotence; they stay although the batch has expired.
    pub(crate) ticket: Option<Ticket>,
    /// `None` once the batch has expired; the request goes on without it (SN9).
    pub(crate) batch: Option<Batch<InFlight>>,
}

/// All of them, by token.
pub(crate) struct Requests {
    by_token: BTreeMap<u64, ProduceInFlight>,
    delivery_timeout: Duration,
    /// No batch expires before this moment. Only a bound: batches that are answered do not move it.
    expiry_bound: Option<Instant>,
    /// Lists of requests that have ended, empty, to be used again.
    spares: Vec<(Vec<Slot>, RequestTopics)>,
}

/// How many lists are kept.
const SPARES: usize = 64;

impl Requests {
    pub(crate) fn new(delivery_timeout: Duration) -> Self {
        Self { by_token: BTreeMap::new(), delivery_timeout, expiry_bound: None, spares: Vec::new() }
    }

    /// Empty lists for a new request.
    pub(crate) fn lists(&mut self) -> (Vec<Slot>, RequestTopics) {
        self.spares.pop().unwrap_or_default()
    }

    /// Takes back the lists of a request that has ended.
    pub(crate) fn keep(&mut self, mut slots: Vec<Slot>, mut topics: RequestTopics) {
        slots.clear();
        topics.clear();
        if self.spares.len() < SPARES {
            self.spares.push((slots, topics));
        }
    }

    pub(crate) fn insert(&mut self, token: u64, request: ProduceInFlight) {
        let first = request.slots.iter().filter_map(|slot| self.expires_at(slot)).min();
        self.expiry_bound = earlier(self.expiry_bound, first);
        self.by_token.insert(token, request);
    }

    pub(crate) fn remove(&mut self, token: u64) -> Option<ProduceInFlight> {
        let request = self.by_token.remove(&token);
        if self.by_token.is_empty() {
            self.expiry_bound = None;
        }
        request
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_token.is_empty()
    }

    /// How many of them `broker` has.
    pub(crate) fn to(&self, broker: BrokerId) -> usize {
        self.by_token.values().filter(|request| request.broker == broker).count()
    }

    /// The partition of each batch that is still waited for.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        let slots = self.by_token.values().flat_map(|request| &request.slots);
        slots.filter_map(|slot| slot.batch.as_ref()).map(Batch::topic_partition)
    }

    /// A moment at or before the next expiry of a batch in here.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiry_bound
    }

    /// The batches whose time is over, oldest request first; their places stay, empty.
    pub(crate) fn take_expired(&mut self, now: Instant) -> Vec<Batch<InFlight>> {
        if self.expiry_bound.is_none_or(|bound| bound > now) {
            return Vec::new();
        }
        let (timeout, mut next, mut expired) = (self.delivery_timeout, None, Vec::new());
        for request in self.by_token.values_mut() {
            for slot in &mut request.slots {
                let Some(at) = slot.batch.as_ref().and_then(|batch| batch.created().checked_add(timeout))
                else {
                    continue;
                };
                if at <= now {
                    expired.extend(slot.batch.take());
                } else {
                    next = earlier(next, Some(at));
                }
            }
        }
        self.expiry_bound = next;
        expired
    }

    /// Every batch that is still waited for; the requests are forgotten.
    pub(crate) fn take_all(&mut self) -> Vec<Batch<InFlight>> {
        self.expiry_bound = None;
        let requests = std::mem::take(&mut self.by_token).into_values();
        requests.flat_map(|request| request.slots).filter_map(|slot| slot.batch).collect()
    }

    fn expires_at(&self, slot: &Slot) -> Option<Instant> {
        slot.batch.as_ref()?.created().checked_add(self.delivery_timeout)
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
