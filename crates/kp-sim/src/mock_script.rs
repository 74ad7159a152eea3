//! What a mock broker's transactions come to: the ends that a test wrote down, one for each commit.
//! Owns: the script, and where it stands. Never: what a coordinator does; that is the cluster's.

use std::collections::VecDeque;

use bytes::Bytes;
use kp_protocol::api::EndTxnRequest;
use kp_protocol::{ApiKey, ErrorCode, Message};

use crate::{Fault, SimCluster};

/// How a commit ends at a [`MockBroker`](crate::MockBroker).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MockCommit {
    /// All of it is visible.
    Committed,
    /// The coordinator has aborted it, as `transaction.timeout.ms` had passed: `EndError::Aborted`. The producer is good.
    Aborted,
    /// The coordinator says that it is loading, until [`resolve_commit`](crate::MockBroker::resolve_commit): `EndError::Unresolved`
    /// after `max.block.ms`.
    Unresolved,
    /// It is committed, its answer is lost, and another instance is started before it is asked for again: `EndError::Unknown`.
    Unknown,
    /// Another instance with this `transactional.id` was started: nothing of it is visible, `EndError::Fatal`.
    Fenced,
}

/// What is still to come, and the commit that is held.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) commits: VecDeque<MockCommit>,
    pub(crate) inits: VecDeque<ErrorCode>,
    held: Held,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    /// An unresolved commit.
    Commit,
    /// The same, with its end.
    Resolved(bool),
}

/// What becomes of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Answer,
    /// It is lost, and another instance of this id is started.
    LoseAndFence(String),
}

impl Script {
    /// An unresolved commit is, or was, this.
    pub(crate) fn resolve(&mut self, committed: bool) {
        if self.held == Held::Commit {
            self.held = Held::Resolved(committed);
        }
    }

    /// What happens before a request is carried out.
    pub(crate) fn before(
        &mut self,
        cluster: &mut SimCluster,
        api: ApiKey,
        body: &[Bytes],
        version: i16,
    ) -> Step {
        match api {
            ApiKey::InitProducerId => {
                if let Some(code) = self.inits.pop_front().filter(|code| !code.is_ok()) {
                    cluster.inject(Fault::RefuseProducerId { code }, 1);
                }
                Step::Answer
            }
            ApiKey::EndTxn => {
                let body = Bytes::from(body.concat());
                let Ok(request) = EndTxnRequest::parse(&body, version) else { return Step::Answer };
                if request.committed {
                    self.commit(cluster, request.transactional_id.as_str())
                } else {
                    Step::Answer
                }
            }
            _ => Step::Answer,
        }
    }

    /// The answer, unless it is lost.
    pub(crate) fn after<T>(&self, cluster: &mut SimCluster, step: Step, answer: Option<T>) -> Option<T> {
        match step {
            Step::Answer => answer,
            Step::LoseAndFence(id) => {
                cluster.fence(&id);
                None
            }
        }
    }

    fn commit(&mut self, cluster: &mut SimCluster, id: &str) -> Step {
        let end = match std::mem::take(&mut self.held) {
            Held::Commit => MockCommit::Unresolved,
            Held::Resolved(true) => MockCommit::Committed,
            Held::Resolved(false) => MockCommit::Aborted,
            Held::Nothing => self.commits.pop_front().unwrap_or(MockCommit::Committed),
        };
        match end {
            MockCommit::Committed => {}
            MockCommit::Aborted => drop(cluster.time_out_now(id)),
            MockCommit::Unresolved => {
                self.held = Held::Commit;
                let code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
                cluster.inject(Fault::AnswerInstead { api: ApiKey::EndTxn, code }, 1);
            }
            MockCommit::Unknown => return Step::LoseAndFence(id.to_owned()),
            MockCommit::Fenced => drop(cluster.fence(id)),
        }
        Step::Answer
    }
}
