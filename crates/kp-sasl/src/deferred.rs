//! A mechanism whose credentials have to be fetched first.
//! Owns: the order, fetch and then exchange. Never: the fetching; it is work, for whatever thread the caller chooses.

use std::fmt;

use crate::mechanism::{SaslMechanism, SaslStep};
use crate::{SaslFailure, Work, Worked};

/// The mechanism named `name`, that work makes out of what it fetches.
///
/// ```
/// use kp_sasl::{Deferred, Plain, SaslMechanism, SaslStep, Secret};
/// let mut mechanism = Deferred::new("PLAIN", "reading the password", || {
///     Ok(Box::new(Plain::new("alice", &Secret::from("alice-secret"))?))
/// });
/// let SaslStep::Pending(work) = mechanism.step(None)? else { panic!("it has to read first") };
/// let SaslStep::Send(token) = mechanism.resume(work.run())? else { panic!("then it goes on") };
/// assert_eq!(token.expose(), b"\0alice\0alice-secret");
/// # Ok::<(), kp_sasl::SaslFailure>(())
/// ```
pub struct Deferred {
    name: &'static str,
    state: State,
}

enum State {
    Begin(Work),
    Fetching,
    Fetched(Box<dyn SaslMechanism>),
}

impl Deferred {
    /// `make` may block. `what` says in a few words what it does, without a secret.
    pub fn new(
        name: &'static str,
        what: &'static str,
        make: impl FnOnce() -> Result<Box<dyn SaslMechanism>, SaslFailure> + Send + 'static,
    ) -> Self {
        let work = Work::new(what, move || make().map_or_else(Worked::failed, Worked::done));
        Self { name, state: State::Begin(work) }
    }
}

impl SaslMechanism for Deferred {
    fn name(&self) -> &str {
        self.name
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        if let State::Fetched(mechanism) = &mut self.state {
            return mechanism.step(challenge);
        }
        match (std::mem::replace(&mut self.state, State::Fetching), challenge) {
            (State::Begin(work), None) => Ok(SaslStep::Pending(work)),
            _ => Err(SaslFailure::out_of_turn(self.name, "a step before there are credentials")),
        }
    }

    fn resume(&mut self, worked: Worked) -> Result<SaslStep, SaslFailure> {
        if let State::Fetched(mechanism) = &mut self.state {
            return mechanism.resume(worked);
        }
        let mut mechanism: Box<dyn SaslMechanism> = worked.take(self.name)?;
        let step = mechanism.step(None);
        self.state = State::Fetched(mechanism);
        step
    }

    fn is_complete(&self) -> bool {
        matches!(&self.state, State::Fetched(mechanism) if mechanism.is_complete())
    }

    fn refusal(&self) -> Option<SaslFailure> {
        if let State::Fetched(mechanism) = &self.state { mechanism.refusal() } else { None }
    }

    fn principal(&self) -> Option<&str> {
        if let State::Fetched(mechanism) = &self.state { mechanism.principal() } else { None }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        if let State::Fetched(mechanism) = &self.state { mechanism.facts() } else { Vec::new() }
    }

    fn is_secret_in(&self, text: &str) -> bool {
        matches!(&self.state, State::Fetched(mechanism) if mechanism.is_secret_in(text))
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Deferred");
        debug.field("name", &self.name);
        if let State::Fetched(mechanism) = &self.state {
            debug.field("mechanism", mechanism);
        }
        debug.finish_non_exhaustive()
    }
}
