//! A question to the network thread, and what that alone knows. Asked by any thread, answered between two turns of the driver.

use kp_accumulator::{Accumulator, HeadSurvey, QueueSurvey};
use kp_metadata::Cluster;
use kp_network::{BrokerSecurity, ConnectionState, KafkaClient, Readiness, WaitReason};
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
    /// Where security stands, of brokers of which there is something to say.
    pub(crate) security: Vec<BrokerSecurity>,
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
        let readiness = readiness.collect();
        let mut security = client.security(now).brokers;
        security.retain(says_something);
        Self { report: core.report(now), readiness, security }
    }
}

/// Whether security stands in the way, or will. On a plain connection only a wrong port does.
fn says_something(broker: &BrokerSecurity) -> bool {
    let is_secured = broker.protocol != "PLAINTEXT";
    let is_on_its_way = matches!(broker.state, ConnectionState::SettingUp(_) | ConnectionState::Renewing);
    broker.refusal().is_some() || is_secured && (is_on_its_way || broker.session_ends_in.is_some())
}

#[derive(Debug)]
pub(crate) struct Question<T> {
    answer: Mutex<Option<T>>,
    answered: Condvar,
}

impl<T> Default for Question<T> {
    fn default() -> Self {
        Self { answer: Mutex::new(None), answered: Condvar::new() }
    }
}

impl<T> Question<T> {
    /// For the network thread.
    pub(crate) fn answer(&self, answer: T) {
        *self.answer.lock() = Some(answer);
        self.answered.notify_all();
    }

    /// Waits for the answer, half a second at most.
    pub(crate) fn wait(&self) -> Option<T> {
        let mut answer = self.answer.lock();
        self.answered.wait_while_for(&mut answer, |answer| answer.is_none(), ANSWER_WITHIN);
        answer.take()
    }

    /// The answer, if it is there.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> Option<T> {
        self.answer.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_network::{OtherProtocol, PastFailure};

    // SE30, H17
    #[test]
    fn of_a_plain_connection_a_wrong_port_is_told_and_nothing_else() {
        let mut broker = BrokerSecurity::new(BrokerId(1), "h:1", "PLAINTEXT");
        assert!(!says_something(&broker));
        broker.last_failure = Some(PastFailure::new(OtherProtocol::Tls.failure(), Duration::from_secs(2)));
        assert!(says_something(&broker));
        broker.state = ConnectionState::Ready;
        assert!(!says_something(&broker), "that is over");
    }
}
