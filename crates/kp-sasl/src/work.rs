//! Work that a mechanism hands out: too heavy, or too slow, for the thread that waits for sockets.
//! Owns: the job and its result, both opaque. Never: a thread; the caller chooses where a job runs.

use std::any::Any;
use std::fmt;

use crate::SaslFailure;

/// A job of a mechanism. Any thread may [`run`](Self::run) it; what comes out goes back into
/// [`SaslMechanism::resume`](crate::SaslMechanism::resume) of the mechanism that handed it out.
#[must_use = "the exchange waits for what comes out of it"]
pub struct Work {
    what: &'static str,
    job: Box<dyn FnOnce() -> Worked + Send>,
}

impl Work {
    /// A job. `what` says in a few words what is being done, without a secret.
    pub fn new(what: &'static str, job: impl FnOnce() -> Worked + Send + 'static) -> Self {
        Self { what, job: Box::new(job) }
    }

    /// What is being done, in a few words.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Does it. May take seconds.
    #[must_use = "the mechanism waits for it"]
    pub fn run(self) -> Worked {
        (self.job)()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("what", &self.what).finish_non_exhaustive()
    }
}

/// What came out of a [`Work`]: a value that only the mechanism understands, or why there is none.
pub struct Worked(Result<Box<dyn Any + Send>, SaslFailure>);

impl Worked {
    /// The result of a job.
    pub fn done<T: Any + Send>(result: T) -> Self {
        Self(Ok(Box::new(result)))
    }

    /// A job that failed.
    #[must_use]
    pub fn failed(failure: SaslFailure) -> Self {
        Self(Err(failure))
    }

    /// The result, if it is a `T`: a look at it, for a caller that keeps results (see
    /// [`ScramKeys`](crate::ScramKeys)).
    #[must_use]
    pub fn result<T: Any>(&self) -> Option<&T> {
        self.0.as_ref().ok()?.downcast_ref()
    }

    /// The result, for the mechanism named `mechanism`.
    ///
    /// # Errors
    /// The failure of the job, or [`SaslFailure::OutOfTurn`] if the result is no `T`: it belongs to another
    /// mechanism.
    pub fn take<T: Any>(self, mechanism: &str) -> Result<T, SaslFailure> {
        match self.0?.downcast() {
            Ok(result) => Ok(*result),
            Err(_) => Err(SaslFailure::out_of_turn(mechanism, "the work of another exchange came back")),
        }
    }
}

impl fmt::Debug for Worked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(_) => f.write_str("Worked(..)"),
            Err(failure) => f.debug_tuple("Worked").field(failure).finish(),
        }
    }
}
