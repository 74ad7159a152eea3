//! What a SASL mechanism is.
//! Owns: the trait; each mechanism has a file of its own. Never: how tokens travel, which is the exchange's.

use std::fmt;

use crate::{SaslFailure, Secret, Work, Worked};

/// One SASL mechanism in one exchange: told what the broker sent, it says what to send next. Object-safe.
///
/// A mechanism is used once; for another exchange, or for re-authentication, a new one is made. After a failure it is
/// good for nothing.
pub trait SaslMechanism: fmt::Debug + Send {
    /// The name as brokers list it (`sasl.mechanism`), in their case.
    fn name(&self) -> &str;

    /// The next step. `challenge` is `None` at the beginning, and then what the broker answered to the last token,
    /// which may be empty.
    ///
    /// # Errors
    /// Why the exchange cannot go on. The connection has to be closed.
    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure>;

    /// The step after work that [`SaslStep::Pending`] handed out.
    ///
    /// # Errors
    /// As [`step`](Self::step); and [`SaslFailure::OutOfTurn`] if no work was handed out.
    fn resume(&mut self, worked: Worked) -> Result<SaslStep, SaslFailure> {
        drop(worked);
        Err(SaslFailure::out_of_turn(self.name(), "work came back that it did not hand out"))
    }

    /// Whether the mechanism expects nothing more from the broker. Only when the broker, too, says that all is well
    /// is the exchange over.
    fn is_complete(&self) -> bool;

    /// What the mechanism knows of why a broker refuses, beside the code and the words that the broker sends now.
    fn refusal(&self) -> Option<SaslFailure> {
        None
    }

    /// As whom it authenticates, for what is shown to people; `None` where only the broker finds out.
    fn principal(&self) -> Option<&str> {
        None
    }

    /// What there is to tell of this login to who looks into why it works or not, as name and value: of Kerberos the service that a
    /// ticket was asked for, of AWS the region. Never a secret. Empty before credentials were fetched, and by itself.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether `text` repeats a secret of this mechanism. Such a text of a broker is not shown.
    fn is_secret_in(&self, text: &str) -> bool {
        let _ = text;
        false
    }
}

/// What a mechanism does next.
#[derive(Debug)]
#[must_use]
pub enum SaslStep {
    /// Sends this token, which may be empty.
    Send(Secret),
    /// Sends nothing more: it is complete.
    Done,
    /// Waits for this work, whose result goes to [`SaslMechanism::resume`].
    Pending(Work),
}
