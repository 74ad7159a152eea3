//! When to ask a broker about the cluster, for which topics, and what its answer changes.
//! Owns: the set of topics of interest, the current [`Cluster`], the moments of the next request. Never: a clock,
//! a socket. Owner: the sender core, alone (`&mut self`).

use crate::answer::TopicAnswer;
use crate::interest::Interests;
use crate::leader_epoch::{hinted, merge_topic};
use crate::{Answer, Cluster, Pending, Topic};
use kp_protocol::{BrokerAddress, BrokerId, ErrorCode, LeaderEpoch, PartitionId, TopicName};
use kp_time::{Backoff, Jitter};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest string a message can carry; brokers take topic names of at most 249 characters.
const LONGEST_NAME: usize = i16::MAX as usize;

/// The least wait between two requests about the same, whatever `retry.backoff.ms` says: a backoff of zero must not make
/// a loop of questions without answers.
const LEAST_BACKOFF: Duration = Duration::from_millis(10);

/// What the machine needs of the configuration.
#[derive(Clone, Debug)]
pub struct MetadataSettings {
    /// `metadata.max.age.ms`: a full update is due this long after the last successful one.
    pub max_age: Duration,
    /// `metadata.max.idle.ms`: a topic that nothing was sent to for this long leaves the set (MD6).
    pub max_idle: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// Whether brokers may create a topic that is asked for (Metadata v4 and newer; older ones always may).
    pub allow_auto_topic_creation: bool,
    /// `metadata.recovery.strategy`: `true` = `rebootstrap` (KIP-899), `false` = `none` (MD25).
    pub rebootstrap: bool,
    /// `metadata.recovery.rebootstrap.trigger.ms`: go back to the bootstrap list when no answer was had for this long
    /// since the attempt began (KIP-1102, MD24).
    pub rebootstrap_trigger: Duration,
}

impl Default for MetadataSettings {
    /// Kafka's defaults of today.
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(300),
            max_idle: Duration::from_secs(300),
            retry_backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
            allow_auto_topic_creation: true,
            rebootstrap: true,
            rebootstrap_trigger: Duration::from_secs(300),
        }
    }
}

/// What an answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The snapshot is another one now.
    pub changed: bool,
    /// The broker asks to start over from the bootstrap list (REBOOTSTRAP_REQUIRED, MD24), and the settings allow it.
    /// The machine has done so; open connections are to be closed.
    pub rebootstrapped: bool,
    /// The answer was no use and counted as a failure: an error for the whole, or no brokers (MD17).
    pub failure: Option<ErrorCode>,
}

/// The machine: the caller says what is wanted and what was answered; it says when to ask for what.
///
/// `now` must not run backwards between calls. One request is in flight at most: [`begin_request`](Self::begin_request)
/// hands out a [`Pending`], which exactly one of [`answered`](Self::answered), [`failed`](Self::failed) and
/// [`rebootstrap`](Self::rebootstrap) consumes.
#[derive(Debug)]
pub struct Metadata {
    settings: MetadataSettings,
    bootstrap: Vec<BrokerAddress>,
    snapshot: Arc<Cluster>,
    interests: Interests,
    full_requested: bool,
    /// A [`Pending`] is out.
    is_in_flight: bool,
    /// The last successful full update.
    refreshed_at: Option<Instant>,
    /// Nothing is asked before this moment, except about topics never asked about (MD2).
    not_before: Instant,
    /// Failed attempts in a row.
    failures: u32,
    /// Requested updates in a row that brought nothing new (MD3).
    equivalent: u32,
    /// Something waits for a partition whose leader is gone, since the last answer that brought something new.
    awaits_leader: bool,
    /// When the first of the attempts began that have not led to an answer yet (MD24).
    attempting_since: Option<Instant>,
    jitter: Jitter,
}

impl Metadata {
    /// A machine that knows the bootstrap addresses (`bootstrap.servers`), and may ask at once (MD1).
    #[must_use]
    pub fn new(settings: MetadataSettings, bootstrap: Vec<BrokerAddress>, now: Instant, seed: u64) -> Self {
        let snapshot = Arc::new(Cluster::bootstrap(bootstrap.clone()));
        Self {
            settings,
            bootstrap,
            snapshot,
            interests: Interests::default(),
            full_requested: true,
            is_in_flight: false,
            refreshed_at: None,
            not_before: now,
            failures: 0,
            equivalent: 0,
            awaits_leader: false,
            attempting_since: None,
            jitter: Jitter::seeded(seed),
        }
    }

    /// The current picture. Keep the `Arc`, not the reference, across calls.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Cluster> {
        &self.snapshot
    }

    /// Makes `topic` one of the topics to ask for. A topic never asked about is asked about at once, in a request of
    /// its own (MD5); one whose last answer was an error is asked about again, after the backoff.
    ///
    /// A name that no message can carry is answered here, as a broker would.
    pub fn want_topic(&mut self, now: Instant, topic: TopicName) {
        if topic.len() > LONGEST_NAME {
            self.snapshot =
                Arc::new(self.snapshot.with_topic(Topic::failed(topic, ErrorCode::INVALID_TOPIC_EXCEPTION)));
            return;
        }
        let unusable = self.snapshot.topic(&topic).is_none_or(|known| known.error().is_some());
        self.interests.want(now, topic, unusable);
    }

    /// Asks about `topic` again, after the backoff, whatever was answered: one of its partitions has no leader (AC12).
    /// A topic that had left the set enters it again.
    pub fn refresh_topic(&mut self, now: Instant, topic: TopicName) {
        if topic.len() <= LONGEST_NAME {
            self.interests.want(now, topic, true);
            self.awaits_leader = true;
        }
    }

    /// Asks for a full update because something waits for a leader that cannot be reached: another may be elected at any
    /// moment. Until an answer brings something new, answers that do not are waited out for `retry.backoff.ms` and no longer.
    pub fn await_leader(&mut self) {
        self.full_requested = true;
        self.awaits_leader = true;
    }

    /// Says that something was sent to `topic`, so that it stays wanted for `metadata.max.idle.ms` more (MD6).
    pub fn touch(&mut self, now: Instant, topic: &TopicName) {
        self.interests.touch(now, topic);
    }

    /// Asks for a full update, as soon as the backoff allows: something looked stale. Made while a request is in
    /// flight, it is kept for the next one (MD4).
    pub fn request_update(&mut self) {
        self.full_requested = true;
    }

    /// When the next request is due; perhaps in the past. `None`: one is in flight.
    #[must_use]
    pub fn next_update_at(&self, now: Instant) -> Option<Instant> {
        if self.is_in_flight {
            return None;
        }
        // MD5: what was never asked about waits for no backoff but that of a cluster that does not answer.
        if self.interests.any_new() && self.failures == 0 {
            return Some(now);
        }
        let due = if self.full_requested || self.interests.any_open() { now } else { self.expires_at(now) };
        Some(due.max(self.not_before))
    }

    /// Starts a request; the next one waits for its end. Full if one was asked for or the age limit has passed, else
    /// for the topics that are open.
    pub fn begin_request(&mut self, now: Instant) -> Pending {
        debug_assert!(!self.is_in_flight, "one metadata request at a time (NC26)");
        let aged = self.expires_at(now) <= now;
        let full = self.full_requested || aged;
        if aged {
            self.equivalent = 0; // MD3: the age limit ends the backoff of equivalent answers.
        }
        if full {
            self.full_requested = false;
            self.interests.forget_idle(now, self.settings.max_idle);
        }
        let topics = if full { self.interests.all() } else { self.interests.open() };
        self.interests.mark_asked(&topics);
        self.attempting_since.get_or_insert(now);
        self.is_in_flight = true;
        Pending::new(topics, !full, self.settings.allow_auto_topic_creation)
    }

    /// Takes the answer to `pending`. A broker's bytes are not trusted: an answer without brokers, or with an error for
    /// the whole, is a failure (MD17).
    pub fn answered(&mut self, now: Instant, pending: Pending, answer: Answer) -> Updated {
        if answer.error == Some(ErrorCode::REBOOTSTRAP_REQUIRED) && self.settings.rebootstrap {
            self.rebootstrap(now, Some(pending));
            return Updated { changed: true, rebootstrapped: true, failure: answer.error };
        }
        if answer.error.is_some() || answer.brokers.is_empty() {
            self.failed(now, pending);
            let failure = answer.error.or(Some(ErrorCode::BROKER_NOT_AVAILABLE));
            return Updated { changed: false, rebootstrapped: false, failure };
        }
        self.is_in_flight = false;
        self.failures = 0;
        self.attempting_since = None;
        if !pending.is_partial() {
            self.refreshed_at = Some(now); // MD5: a partial answer does not reset the age.
        }
        let changed = self.take_answer(&pending, answer);
        self.equivalent = if changed { 0 } else { self.equivalent.saturating_add(1) };
        // MD3, but once, and not while something waits for a leader: an election ends any moment.
        let waits = if self.awaits_leader { 0 } else { self.equivalent.min(1) };
        self.awaits_leader &= !changed;
        self.not_before = now + self.backoff(waits);
        Updated { changed, rebootstrapped: false, failure: None }
    }

    /// The request got no usable answer. What it asked for stays asked for; the backoff grows (MD2).
    pub fn failed(&mut self, now: Instant, pending: Pending) {
        self.is_in_flight = false;
        self.full_requested |= !pending.is_partial();
        self.interests.reopen(pending.topics());
        self.found_no_broker(now);
    }

    /// A request was due and no broker could take it. The backoff grows as after a request that failed (MD2).
    pub fn found_no_broker(&mut self, now: Instant) {
        debug_assert!(!self.is_in_flight, "a request in flight ends with its `Pending`");
        self.attempting_since.get_or_insert(now);
        self.not_before = now + self.backoff(self.failures);
        self.failures = self.failures.saturating_add(1);
    }

    /// Takes the leader that a Produce error names (KIP-951): only if its epoch is strictly newer, the broker is known
    /// or among `endpoints`, and the partition is cached (MD13). Asks for a full update as well (MD14).
    ///
    /// Says whether the snapshot has changed.
    pub fn apply_leader_hint(
        &mut self,
        topic: &TopicName,
        partition: PartitionId,
        leader: BrokerId,
        epoch: LeaderEpoch,
        endpoints: &[BrokerAddress],
    ) -> bool {
        let Some(known) = self.snapshot.topic(topic).map(Arc::clone) else { return false };
        let Some(led) = known.partition(partition).and_then(|cached| hinted(cached, leader, epoch)) else {
            return false;
        };
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id == leader);
        if endpoint.is_none() && self.snapshot.broker(leader).is_none() {
            return false;
        }
        self.snapshot = Arc::new(self.snapshot.with_leader(&known, partition, led, endpoint));
        self.equivalent = 0;
        self.request_update();
        true
    }

    /// Whether the known brokers should be given up for the bootstrap list because none has answered for
    /// `metadata.recovery.rebootstrap.trigger.ms` (MD24).
    #[must_use]
    pub fn rebootstrap_at(&self) -> Option<Instant> {
        let may = self.settings.rebootstrap && !self.snapshot.is_bootstrap();
        self.attempting_since.filter(|_| may)?.checked_add(self.settings.rebootstrap_trigger)
    }

    /// Whether going back to the bootstrap list is allowed and would change anything (MD23, MD25).
    #[must_use]
    pub fn can_rebootstrap(&self) -> bool {
        self.settings.rebootstrap && !self.snapshot.is_bootstrap()
    }

    /// Starts over from the bootstrap list; topics of interest stay (MD23). The request in flight, `pending`, is given up:
    /// the caller ignores its answer. With the strategy `none` nothing starts over (MD25) and `pending` has failed.
    pub fn rebootstrap(&mut self, now: Instant, pending: Option<Pending>) {
        if !self.settings.rebootstrap {
            if let Some(pending) = pending {
                self.failed(now, pending);
            }
            return;
        }
        debug_assert_eq!(
            self.is_in_flight,
            pending.is_some(),
            "the request in flight is given up with the brokers"
        );
        if let Some(pending) = pending {
            self.is_in_flight = false;
            self.interests.reopen(pending.topics());
        }
        self.snapshot = Arc::new(self.snapshot.rebootstrapped(self.bootstrap.clone()));
        self.full_requested = true;
        self.attempting_since = None;
        self.failures = 0;
        self.equivalent = 0;
        self.not_before = now;
    }

    /// A broker is being looked for: from now on the time without an answer counts (MD24). Brokers that never become ready
    /// take turns in being connected to, so perhaps no request ever begins.
    pub fn begin_attempt(&mut self, now: Instant) {
        self.attempting_since.get_or_insert(now);
    }

    /// How long ago the last full answer was had (metric `metadata-age`, MD27).
    #[must_use]
    pub fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.refreshed_at?))
    }

    fn backoff(&mut self, attempts: u32) -> Duration {
        self.settings.retry_backoff.delay(attempts, &mut self.jitter).max(LEAST_BACKOFF)
    }

    fn expires_at(&self, now: Instant) -> Instant {
        match self.refreshed_at {
            None => now,
            // An age limit beyond the clock's end means "never"; a year from now is asked again by then.
            Some(at) => {
                at.checked_add(self.settings.max_age).unwrap_or(now + Duration::from_secs(365 * 86_400))
            }
        }
    }

    /// Merges the answer into the snapshot; says whether that changed anything.
    fn take_answer(&mut self, pending: &Pending, answer: Answer) -> bool {
        let old = Arc::clone(&self.snapshot);
        // MD19: what is not wanted any more goes; what was not asked for now, or not answered, stays as it was.
        let mut topics: BTreeMap<TopicName, Arc<Topic>> = old
            .topics()
            .filter(|topic| self.interests.contains(topic.name()))
            .map(|topic| (topic.name().clone(), Arc::clone(topic)))
            .collect();
        self.interests.reopen(pending.topics());
        for answered in answer.topics {
            // The name of the set, so that each exists once however many snapshots hold it.
            let Some(name) = self.interests.name(&answered.name).cloned() else { continue };
            let asks_again = answered.asks_again(); // MD16
            let answered = TopicAnswer { name: name.clone(), ..answered };
            let merged = merge_topic(topics.get(&name).map(Arc::as_ref), answered);
            self.interests.answered(&name, asks_again);
            match topics.get(&name) {
                Some(same) if **same == merged => {}
                _ => drop(topics.insert(name, Arc::new(merged))),
            }
        }
        let cluster_id = answer.cluster_id.or_else(|| old.cluster_id().map(Arc::from));
        let next = old.succeed(answer.brokers, topics, cluster_id, answer.controller);
        let changed = !next.same_content(&old);
        if changed {
            self.snapshot = Arc::new(next);
        }
        changed
    }
}

#[cfg(test)]
mod tests;
