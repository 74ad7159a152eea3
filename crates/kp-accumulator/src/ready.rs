//! The driver's look at everything that changed: which brokers can be sent to now, which partitions lack a leader, and when to
//! look again (AC10–AC13).

use crate::accumulator::Accumulator;
use crate::ready_queues::Look;
use kp_metadata::Cluster;
use kp_protocol::{BrokerId, TopicName};
use smallvec::SmallVec;
use std::time::Instant;

/// What a look at the accumulator found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadyCheck {
    /// Brokers that lead at least one partition that may be sent now.
    pub brokers: SmallVec<[BrokerId; 8]>,
    /// Topics of partitions that could be sent if their leader were known (AC12).
    pub leaderless: Vec<TopicName>,
    /// When something lingering or backing off becomes ready by itself, or a broker counts as one that takes nothing;
    /// `None`: not before something happens (AC13).
    pub next_check: Option<Instant>,
}

impl Accumulator {
    /// Looks at everything that changed since the last look. For the driver, once in each of its turns.
    ///
    /// Reading it twice without sending anything names the same brokers again: a partition stays ready until it is
    /// drained, muted, or finds itself with another leader.
    pub fn ready(&self, now: Instant, cluster: &Cluster) -> ReadyCheck {
        self.announcements.park.look();
        let mut queues = self.ready_queues.lock();
        let look = self.look(now, cluster);
        queues.follow_cluster(look);
        queues.take_announced(&self.announcements, &self.topics, look);
        queues.ring_alarms(look);
        let slow_check = queues.note_slow_brokers(look);
        ReadyCheck {
            brokers: queues.brokers().collect(),
            leaderless: queues.leaderless().cloned().collect(),
            next_check: queues.next_alarm().into_iter().chain(slow_check).min(),
        }
    }

    /// What the driver's looks of this moment are made with.
    pub(crate) fn look<'a>(&'a self, now: Instant, cluster: &'a Cluster) -> Look<'a> {
        let urgent = self.is_urgent();
        Look { now, urgent, cluster, settings: &self.settings, brokers: &self.brokers }
    }
}

#[cfg(test)]
mod tests;
