//! A question to the network thread, and what that alone knows. Asked by any thread, answered between two turns of the driver.

use kp_accumulator::{Accumulator, HeadSurvey, QueueSurvey};
use kp_metadata::Cluster;
use kp_network::{KafkaClient, Readiness, WaitReason};
use kp_protocol::BrokerId;
use kp_sender::{SenderCore, SenderReport};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long the network thread has to answer; one that does not is stuck, which is worth being told.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What the network thread adds to an explanation.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkSide {
    pub(crate) report: SenderReport,
    pub(crate) readiness: BTreeMap<BrokerId, BrokerState>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BrokerState {
    Ready,
    Waits(WaitReason, Option<Instant>),
    Failed(Option<Instant>),
}

impl NetworkSide {
    pub(crate) fn look(
        now: Instant,
        core: &SenderCore,
        client: &mut dyn KafkaClient,
        accumulator: &Accumulator,
        cluster: &Cluster,
    ) -> Self {
        // Asking may begin a connection: only leaders are asked for which something is ready.
        let ready = accumulator.survey(now).into_iter().filter(|queue| queue.head == HeadSurvey::Ready);
        let leader = |queue: QueueSurvey| cluster.leader(&queue.partition.topic, queue.partition.partition);
        let leaders: BTreeSet<BrokerId> = ready.filter_map(leader).collect();
        let mut state = |broker: BrokerId| match client.readiness(now, broker) {
            Readiness::Ready { .. } => BrokerState::Ready,
            Readiness::Wait { until, why } => BrokerState::Waits(why, until),
            Readiness::Failed { retry_at, .. } => BrokerState::Failed(retry_at),
        };
        let readiness = leaders.into_iter().map(|broker| (broker, state(broker)));
        Self { report: core.report(now), readiness: readiness.collect() }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Question {
    answer: Mutex<Option<NetworkSide>>,
    answered: Condvar,
}

impl Question {
    /// For the network thread.
    pub(crate) fn answer(&self, side: NetworkSide) {
        *self.answer.lock() = Some(side);
        self.answered.notify_all();
    }

    /// Waits for the answer, half a second at most.
    pub(crate) fn wait(&self) -> Option<NetworkSide> {
        let mut answer = self.answer.lock();
        self.answered.wait_while_for(&mut answer, |answer| answer.is_none(), ANSWER_WITHIN);
        answer.take()
    }

    /// The answer, if it is there.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> Option<NetworkSide> {
        self.answer.lock().take()
    }
}
