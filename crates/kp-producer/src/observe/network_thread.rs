//! What came of a question to the network thread. Owns: the words.

use crate::drive::ended::Standing;
use crate::observe::question::Question;
use crate::shared::Shared;
use std::fmt;
use std::sync::Arc;

/// What came of asking the network thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkThread {
    /// It answered.
    Answered,
    /// It did not within half a second: it is stuck, or busy with a callback.
    Silent,
    /// This is that thread: a callback asked.
    Asking,
    /// It has ended: the producer is closed.
    Closed,
    /// It has panicked.
    Panicked,
    /// It is in the process that this one was forked from; nothing was looked at.
    Forked,
}

/// Has `ask` hand over a question, and waits a moment for its answer; unless there is no network thread that could answer.
pub(crate) fn asked<T>(
    shared: &Shared,
    ask: impl FnOnce(&Shared) -> Arc<Question<T>>,
) -> Result<T, NetworkThread> {
    if shared.is_forked() {
        return Err(NetworkThread::Forked);
    }
    match shared.ended.standing() {
        Standing::Closed => Err(NetworkThread::Closed),
        Standing::Panicked => Err(NetworkThread::Panicked),
        Standing::Running | Standing::Closing if shared.link.is_network_thread() => {
            Err(NetworkThread::Asking)
        }
        Standing::Running | Standing::Closing => ask(shared).wait().ok_or(NetworkThread::Silent),
    }
}

impl fmt::Display for NetworkThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "the network thread has answered",
            Self::Silent => "the network thread has not answered: it is stuck, or busy with a callback",
            Self::Asking => "asked from the network thread: what only that knows is missing",
            Self::Closed => "the producer is closed",
            Self::Panicked => "the network thread has panicked; make a new producer",
            Self::Forked => "this process was forked from the one that has the producer",
        })
    }
}
