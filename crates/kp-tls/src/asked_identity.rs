//! The certificate of this client where the program gives it, for each connection anew. Owns: that connections that wait together
//! share one question, and its answer. Touched by threads that may wait; the connections' own thread notes alone.

use crate::TlsFailure;
use crate::identity::Identity;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What came of the questions of one client.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Held while one is asked.
    turn: Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Questions that have come to their end.
    settled: u64,
    /// The newest that could be used.
    identity: Option<Identity>,
    /// Why the newest question had no answer that could be.
    failure: Option<TlsFailure>,
}

impl Asked {
    /// Noted when a connection begins: a question that ends later is its question, too.
    pub(crate) fn settled(&self) -> u64 {
        self.known().settled
    }

    /// What is shown now.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.known().identity.clone()
    }

    /// Asks, unless another connection has asked since `noted` questions were settled. `take` makes use of an answer that is
    /// another than that of before.
    pub(crate) fn ask(
        &self,
        noted: u64,
        ask: impl FnOnce() -> Result<Identity, TlsFailure>,
        take: impl FnOnce(&Identity) -> Result<(), TlsFailure>,
    ) -> Result<(), TlsFailure> {
        // What a panic left behind is a question without an end.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = {
            let known = self.known();
            if known.settled > noted {
                return known.failure.clone().map_or(Ok(()), Err);
            }
            known.identity.clone()
        };
        let taken = ask().and_then(|identity| {
            // Files may have changed behind their names.
            let is_the_same = before.as_ref() == Some(&identity) && !identity.has_files();
            if is_the_same { Ok(identity) } else { take(&identity).map(|()| identity) }
        });
        let mut known = self.known();
        known.settled += 1;
        match taken {
            Ok(identity) => {
                (known.identity, known.failure) = (Some(identity), None);
                Ok(())
            }
            Err(failure) => {
                known.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
