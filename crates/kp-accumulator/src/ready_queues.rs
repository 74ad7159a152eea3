//! Which partitions may be sent now, and to which leader: full, lingered, flushing, closing, memory short (AC10–AC13).
//! Owner of what is in here: the driver, one caller. Work is proportional to what changed since its last look, not to
//! how many partitions there are: a queue is looked at when it was announced or when one of its alarms rings, and
//! otherwise rests where it is until the cause of its rest ends.

use crate::age::Age;
use crate::alarms::Alarms;
use crate::announcements::Announcements;
use crate::broker_states::BrokerStates;
use crate::partition_queue::{Head, PartitionQueue};
use crate::queue_index::QueueIndex;
use crate::settings::AccumulatorSettings;
use crate::standing::Standing;
use crate::topics::Topics;
use kp_metadata::{Cluster, Partition};
use kp_protocol::{BrokerId, LeaderEpoch, TopicName};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// The queues that the driver has something to do with, by what they wait for.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueues {
    /// By [`QueueIndex`]; a copy, so that no lock is taken to find one.
    pub(crate) all: Vec<Arc<PartitionQueue>>,
    cluster_version: Option<u64>,
    /// Ready queues by the leader of their partition, the one that waits longest in front (AC17).
    pub(crate) brokers: BTreeMap<BrokerId, VecDeque<QueueIndex>>,
    /// Lists that are empty, to be used again.
    spare_lists: Vec<VecDeque<QueueIndex>>,
    leaderless: BTreeMap<TopicName, Vec<QueueIndex>>,
    lingering: Alarms,
    backing_off: Alarms,
    pub(crate) expiring: Alarms,
    /// Since when brokers have had something to take, if that matters (PA11).
    waiting_since: BTreeMap<BrokerId, Instant>,
    announced: Announced,
}

/// Lists that are swapped for those that appends write, empty between two looks.
#[derive(Debug, Default)]
struct Announced {
    ready: Vec<QueueIndex>,
    opened: Vec<(QueueIndex, Instant)>,
}

/// What one look is made with.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) now: Instant,
    pub(crate) urgent: bool,
    pub(crate) cluster: &'a Cluster,
    pub(crate) settings: &'a AccumulatorSettings,
    pub(crate) brokers: &'a BrokerStates,
}

impl ReadyQueues {
    /// Brokers that lead at least one partition that may be sent now.
    pub(crate) fn brokers(&self) -> impl Iterator<Item = BrokerId> {
        self.brokers.keys().copied()
    }

    /// Topics of partitions that could be sent if their leader were known.
    pub(crate) fn leaderless(&self) -> impl Iterator<Item = &TopicName> {
        self.leaderless.keys()
    }

    /// When the next queue stops lingering or backing off.
    pub(crate) fn next_alarm(&self) -> Option<Instant> {
        self.lingering.next().into_iter().chain(self.backing_off.next()).min()
    }

    /// Finds the brokers that have had something to take for `partitioner.availability.timeout.ms` and took nothing
    /// (PA11). Gives the next moment at which one may be found.
    pub(crate) fn note_slow_brokers(&mut self, look: Look<'_>) -> Option<Instant> {
        let timeout = look.settings.partitioning.availability_timeout;
        if timeout.is_zero() || !look.settings.partitioning.weighs() {
            return None;
        }
        let Self { brokers, waiting_since, .. } = self;
        // A broker for which nothing waits any more has a new chance: else it would never be asked again.
        waiting_since.retain(|broker, _| brokers.contains_key(broker));
        for broker in brokers.keys() {
            waiting_since.entry(*broker).or_insert(look.now);
        }
        let (slow, rest): (Vec<_>, Vec<_>) = waiting_since
            .iter()
            .partition(|(_, since)| look.now.saturating_duration_since(**since) >= timeout);
        look.brokers.reach.set_slow(slow.into_iter().map(|(broker, _)| *broker).collect());
        rest.into_iter().filter_map(|(_, since)| since.checked_add(timeout)).min()
    }

    /// What is left of a broker's list after a drain.
    pub(crate) fn keep_list(&mut self, broker: BrokerId, ready: VecDeque<QueueIndex>) {
        if ready.is_empty() {
            self.spare_lists.push(ready);
        } else {
            self.brokers.insert(broker, ready);
        }
    }

    /// A broker takes something.
    pub(crate) fn broker_takes(&mut self, broker: BrokerId) {
        self.waiting_since.remove(&broker);
    }

    /// Sorts the ready queues anew when leaders may have moved. Whether they may have.
    pub(crate) fn follow_cluster(&mut self, look: Look<'_>) -> bool {
        let version = look.cluster.version();
        if self.cluster_version.replace(version) == Some(version) {
            return false;
        }
        look.brokers.follow_racks(&look.settings.partitioning, look.cluster);
        let mut again = Vec::new();
        for queues in std::mem::take(&mut self.brokers).into_values() {
            again.extend(queues);
        }
        for queues in std::mem::take(&mut self.leaderless).into_values() {
            again.extend(queues);
        }
        for queue in again {
            self.look_anew(look, queue);
        }
        // A newer leader ends a backoff at once (AC15).
        let mut held_back = Vec::new();
        while let Some(queue) = self.backing_off.pop_any() {
            held_back.push(queue);
        }
        for queue in held_back {
            self.examine(look, queue);
        }
        true
    }

    /// Takes the announced queues, all in one swap.
    pub(crate) fn take_announced(&mut self, announcements: &Announcements, topics: &Topics, look: Look<'_>) {
        let mut opened = std::mem::take(&mut self.announced.opened);
        announcements.take_opened(&mut opened);
        for (queue, created) in opened.drain(..) {
            self.expiring.set(queue, look.settings.expires_at(Age::new(created)));
            self.lingering.set(queue, look.settings.lingers_until(created));
        }
        self.announced.opened = opened;
        let mut taken = std::mem::take(&mut self.announced.ready);
        announcements.take_ready(&mut taken);
        // After the lists: a queue is made before it is announced, so each one that is in them is among these.
        topics.copy_new_queues(&mut self.all);
        for queue in taken.drain(..) {
            self.examine(look, queue);
        }
        self.announced.ready = taken;
    }

    /// Looks at queues whose linger or backoff is over; at every lingering one when it is urgent (AC11).
    pub(crate) fn ring_alarms(&mut self, look: Look<'_>) {
        if look.urgent {
            while let Some(queue) = self.lingering.pop_any() {
                self.examine(look, queue);
            }
        }
        while let Some(queue) = self.lingering.pop_due(look.now) {
            self.examine(look, queue);
        }
        while let Some(queue) = self.backing_off.pop_due(look.now) {
            self.examine(look, queue);
        }
    }

    /// Looks anew at a queue that was taken out of the list of ready ones in which it stood.
    pub(crate) fn look_anew(&mut self, look: Look<'_>, index: QueueIndex) {
        if let Some(queue) = self.all.get(index.0 as usize) {
            queue.state.lock().standing = Standing::Announced;
        }
        self.examine(look, index);
    }

    /// Looks at one queue, unless it stands with the ready ones already, and puts it where it belongs: to its broker, to an alarm,
    /// or to rest.
    fn examine(&mut self, look: Look<'_>, index: QueueIndex) {
        let Some(queue) = self.all.get(index.0 as usize) else { return };
        let queue = Arc::clone(queue);
        let to = &queue.context.topic_partition;
        let partition = || look.cluster.partition(&to.topic, to.partition);
        let (head, expiry) = {
            let mut state = queue.state.lock();
            if state.standing == Standing::Ready {
                return;
            }
            if look.settings.classic_expiry.is_some() {
                state.note_full(look.now);
            }
            let mut head = state.head(look.now, look.urgent, look.settings);
            if let Head::BackingOff(_, sent_under) = head
                && is_newer(partition(), sent_under)
            {
                state.end_backoff();
                head = Head::Ready;
            }
            state.standing = if head == Head::Ready { Standing::Ready } else { Standing::Resting };
            (head, state.head_expiry(look.settings))
        };
        if let Some(expiry) = expiry {
            self.expiring.set(index, expiry);
        }
        match head {
            Head::Quiet => {}
            Head::BackingOff(at, _) => self.backing_off.set(index, at),
            Head::Lingering(at) => self.lingering.set(index, at),
            Head::Ready => {
                let leader = partition().and_then(|partition| partition.leader);
                queue.last_leader.set(leader);
                match leader {
                    Some(broker) => {
                        let spare = || self.spare_lists.pop().unwrap_or_default();
                        self.brokers.entry(broker).or_insert_with(spare).push_back(index);
                    }
                    None => {
                        let topic = to.topic.clone();
                        self.leaderless.entry(topic).or_default().push(index);
                    }
                }
            }
        }
    }

    /// Queues that were emptied stand in no list any more: neither is their leader looked for, nor a connection to it made, and
    /// what is appended next is announced again.
    pub(crate) fn forget_empty(&mut self) {
        let Self { brokers, leaderless, all, .. } = self;
        let mut stays = |index: &QueueIndex| {
            let mut state = all[index.0 as usize].state.lock();
            if state.is_empty() {
                state.standing.rest();
            }
            !state.is_empty()
        };
        leaderless.values_mut().for_each(|waiting| waiting.retain(&mut stays));
        brokers.values_mut().for_each(|ready| ready.retain(&mut stays));
        leaderless.retain(|_, waiting| !waiting.is_empty());
        brokers.retain(|_, ready| !ready.is_empty());
    }
}

/// Whether `partition` has a leader whose epoch is newer than `sent_under` (AC15).
fn is_newer(partition: Option<&Partition>, sent_under: Option<LeaderEpoch>) -> bool {
    let Some(Partition { leader: Some(_), leader_epoch: Some(epoch), .. }) = partition else { return false };
    sent_under.is_some_and(|sent_under| *epoch > sent_under)
}
