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
    /// another than that of before; what it returns is held until the answer is known, so that a look at the files that waits for
    /// it reads with the new one. Nothing: the one of before stays.
    pub(crate) fn ask<G>(
        &self,
        noted: u64,
        ask: impl FnOnce() -> Result<Identity, TlsFailure>,
        take: impl FnOnce(&Identity) -> Result<Option<G>, TlsFailure>,
    ) -> Result<(), TlsFailure> {
        // What a panic left behind is a question without an end.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let known = self.known();
            if known.settled > noted {
                return known.failure.clone().map_or(Ok(()), Err);
            }
        }
        self.settle(ask(), take)
    }

    fn settle<G>(
        &self,
        answer: Result<Identity, TlsFailure>,
        take: impl FnOnce(&Identity) -> Result<Option<G>, TlsFailure>,
    ) -> Result<(), TlsFailure> {
        let taken = answer.and_then(|identity| {
            // Files may have changed behind their names.
            let is_the_same = self.identity().as_ref() == Some(&identity) && !identity.has_files();
            if is_the_same { Ok(None) } else { Ok(take(&identity)?.map(|held| (identity, held))) }
        });
        let (outcome, identity, _held) = match taken {
            Ok(Some((identity, held))) => (Ok(()), Some(identity), Some(held)),
            Ok(None) => (Ok(()), None, None),
            Err(failure) => (Err(failure), None, None),
        };
        let mut known = self.known();
        known.settled += 1;
        known.failure = outcome.clone().err();
        known.identity = identity.or(known.identity.take());
        outcome
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StoreSource, TlsFailureKind};
    use std::cell::{Cell, RefCell};

    fn inline(text: &str) -> Identity {
        Identity::Store(StoreSource::inline("identity", text.into()))
    }

    fn sealed() -> TlsFailure {
        TlsFailure::new(TlsFailureKind::Lost, "the agent is sealed".to_owned())
    }

    fn never() -> Result<Identity, TlsFailure> {
        panic!("nothing is asked")
    }

    // A12, A13
    #[test]
    fn connections_that_began_before_an_answer_share_it_and_later_ones_ask_anew() {
        let asked = Asked::default();
        let (first, second) = (asked.settled(), asked.settled());
        asked.ask(first, || Ok(inline("one")), |_| Ok(Some(()))).unwrap();
        asked.ask(second, never, |_| -> Result<Option<()>, _> { panic!("nothing is new") }).unwrap();
        assert_eq!(asked.identity(), Some(inline("one")));
        asked.ask(asked.settled(), || Ok(inline("two")), |_| Ok(Some(()))).unwrap();
        assert_eq!(asked.identity(), Some(inline("two")));
    }

    // A13
    #[test]
    fn that_there_is_none_is_told_to_all_who_waited_and_is_over_with_the_next_answer() {
        let asked = Asked::default();
        let noted = asked.settled();
        assert_eq!(asked.ask(noted, || Err(sealed()), |_| Ok(Some(()))), Err(sealed()));
        assert_eq!(asked.ask(noted, never, |_| Ok(Some(()))), Err(sealed()));
        let later = asked.settled();
        asked.ask(later, || Ok(inline("one")), |_| Ok(Some(()))).unwrap();
        asked.ask(later, never, |_| Ok(Some(()))).unwrap();
    }

    // A13
    #[test]
    fn one_that_cannot_be_used_leaves_the_one_before() {
        let asked = Asked::default();
        asked.ask(asked.settled(), || Ok(inline("good")), |_| Ok(Some(()))).unwrap();
        asked.ask(asked.settled(), || Ok(inline("bad")), |_| Err::<Option<()>, _>(sealed())).unwrap_err();
        assert_eq!(asked.identity(), Some(inline("good")));
    }

    // A13
    #[test]
    fn the_same_answer_is_read_again_only_where_a_file_may_have_changed() {
        for (identity, reads) in
            [(inline("one"), 1), (Identity::Store(StoreSource::file("identity", "c.p12")), 2)]
        {
            let (asked, read) = (Asked::default(), Cell::new(0));
            for _ in 0..2 {
                let take = |_: &Identity| {
                    read.set(read.get() + 1);
                    Ok(Some(()))
                };
                asked.ask(asked.settled(), || Ok(identity.clone()), take).unwrap();
            }
            assert_eq!(read.get(), reads, "{identity:?}");
        }
    }

    /// Looks at what is known when it is let go of.
    struct Lock<'a>(&'a Asked, &'a RefCell<Option<Identity>>);

    impl Drop for Lock<'_> {
        fn drop(&mut self) {
            *self.1.borrow_mut() = self.0.identity();
        }
    }

    // A13
    #[test]
    fn whoever_waits_until_an_answer_was_taken_finds_it() {
        let (asked, found) = (Asked::default(), RefCell::new(None));
        asked.ask(asked.settled(), || Ok(inline("one")), |_| Ok(Some(Lock(&asked, &found)))).unwrap();
        assert_eq!(
            *found.borrow(),
            Some(inline("one")),
            "a look that waited reads with another than is shown"
        );
    }
}
