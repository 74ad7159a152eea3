//! The certificate of this client where the program gives it, for each connection anew. Owns: that connections that wait together
//! share one question, and its answer. Touched by threads that may wait; the connections' own thread notes alone.

use crate::identity::Identity;
use crate::{TlsFailure, TlsFailureKind};
use kp_time::{Questions, Unanswered};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What came of the questions of one client.
#[derive(Debug)]
pub(crate) struct Asked {
    known: Mutex<Known>,
    /// A question has come to its end.
    is_over: Condvar,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Known {
    /// Questions that have come to their end.
    settled: u64,
    /// The newest that could be used.
    identity: Option<Identity>,
    /// Why the newest question had no answer that could be.
    failure: Option<TlsFailure>,
    questions: Questions,
}

impl Default for Asked {
    fn default() -> Self {
        Self { known: Mutex::default(), is_over: Condvar::new(), patience: Questions::PATIENCE }
    }
}

/// A question that is open as long as this lives, be it ended by a panic.
struct Question<'a> {
    asked: &'a Asked,
    number: u64,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.asked.known().questions.end(self.number);
        self.asked.is_over.notify_all();
    }
}

/// What a connection that wants an answer has to do.
enum Turn<'a> {
    Ask(Question<'a>),
    Done(Result<(), TlsFailure>),
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
        match self.turn(noted) {
            Turn::Ask(question) => self.settle(&question, ask(), take),
            Turn::Done(outcome) => outcome,
        }
    }

    /// One question after another, unless one comes to no end. Waits for [`Questions::PATIENCE`] at most.
    fn turn(&self, noted: u64) -> Turn<'_> {
        let is_waited_for = |known: &mut Known| known.settled <= noted && known.questions.are_open();
        let waited = self.is_over.wait_timeout_while(self.known(), self.patience, is_waited_for);
        let (mut known, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if known.settled > noted {
            return Turn::Done(known.failure.clone().map_or(Ok(()), Err));
        }
        if is_waited_for(&mut known) {
            known.questions.waited_in_vain();
            let words = match known.questions.unanswered() {
                Unanswered::AskedEarlier => "the certificate of this client was asked for by an earlier connection, and there is no answer yet".to_owned(),
                why => format!("asking for the certificate of this client: {why}"),
            };
            return Turn::Done(Err(TlsFailure::new(TlsFailureKind::Lost, words)));
        }
        let number = known.questions.begin();
        Turn::Ask(Question { asked: self, number })
    }

    fn settle<G>(
        &self,
        question: &Question<'_>,
        answer: Result<Identity, TlsFailure>,
        take: impl FnOnce(&Identity) -> Result<Option<G>, TlsFailure>,
    ) -> Result<(), TlsFailure> {
        {
            // It was taken for one without an end: the newer answer stays.
            let known = self.known();
            if known.questions.is_overtaken(question.number) {
                return known.failure.clone().map_or(Ok(()), Err);
            }
        }
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
        if outcome.is_ok() {
            known.questions.answered(question.number);
        }
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

    fn hastily() -> Asked {
        Asked { patience: Duration::ZERO, ..Asked::default() }
    }

    // H59
    #[test]
    fn a_question_that_hangs_holds_no_thread_up_and_after_a_minute_another_is_asked() {
        let asked = hastily();
        let in_vain = || asked.ask(asked.settled(), never, |_| Ok(Some(()))).unwrap_err();
        let hangs = || {
            for _ in 0..Questions::MOST_IN_VAIN {
                let failure = in_vain();
                assert!(failure.to_string().contains("there is no answer yet"), "{failure}");
                assert_eq!(failure.kind(), TlsFailureKind::Lost);
            }
            // Connections that come meanwhile have the answer of this one.
            asked.ask(asked.settled(), || Ok(inline("new")), |_| Ok(Some(()))).unwrap();
            Ok(inline("old"))
        };
        let taken = Cell::new(false);
        let take = |_: &Identity| {
            taken.set(true);
            Ok(Some(()))
        };
        asked.ask(asked.settled(), hangs, take).unwrap();
        assert!(!taken.get(), "an answer that is older than another is not taken");
        assert_eq!(asked.identity(), Some(inline("new")));
        asked.ask(asked.settled(), || Ok(inline("newest")), |_| Ok(Some(()))).unwrap();
        assert_eq!(asked.identity(), Some(inline("newest")));
    }

    // H59
    #[test]
    fn so_many_questions_hang_and_no_more_and_a_late_answer_serves_those_who_come_then() {
        fn hang(asked: &Asked, open: usize) -> Result<Identity, TlsFailure> {
            for _ in 0..3 * Questions::MOST_IN_VAIN {
                let waits = || asked.ask(asked.settled(), || hang(asked, open + 1), |_| Ok(Some(())));
                if open == Questions::MOST_OPEN {
                    let line = "asking for the certificate of this client: 3 calls of the provider have not returned, \
                                and it is not asked again until one of them does";
                    assert_eq!(waits().unwrap_err().to_string(), line);
                } else if waits().is_ok() {
                    break;
                }
            }
            Ok(inline("late"))
        }
        let asked = hastily();
        asked.ask(asked.settled(), || hang(&asked, 1), |_| Ok(Some(()))).unwrap();
        assert_eq!(asked.identity(), Some(inline("late")));
        assert_eq!(asked.known().questions.begun(), Questions::MOST_OPEN as u64);
        assert_eq!(asked.known().questions.open(), 0);
    }

    // H59
    #[test]
    fn a_question_that_panics_is_over() {
        let asked = hastily();
        let panics = || asked.ask(0, never, |_| Ok(Some(())));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
        asked.ask(0, || Ok(inline("one")), |_| Ok(Some(()))).unwrap();
    }
}
