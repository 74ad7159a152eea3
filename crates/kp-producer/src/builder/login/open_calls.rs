//! Calls of a provider that gives each connection its own answer. Owns: how many are open, and what the producer is told when as many
//! hang as may. Never: a lock that is held across a call. Touched by threads that may wait.

use super::not_given::not_given;
use crate::observe::notes::Notes;
use kp_sasl::SaslFailure;
use kp_time::Questions;
use parking_lot::Mutex;
use std::sync::Arc;

/// The calls of one provider; clones count the same ones.
#[derive(Clone)]
pub(super) struct OpenCalls(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct State {
    questions: Questions,
    /// The producer was told that the provider is not asked again.
    is_told: bool,
}

/// A call that is open as long as this lives, be it ended by a panic.
struct Open<'a> {
    calls: &'a OpenCalls,
    number: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let was_told = {
            let mut state = self.calls.0.state.lock();
            state.questions.end(self.number);
            std::mem::take(&mut state.is_told)
        };
        if was_told {
            self.calls.0.notes.is_over("the provider of credentials answers again");
        }
    }
}

impl Default for OpenCalls {
    fn default() -> Self {
        Self::told_to(&Arc::new(Notes::new(Arc::from(""))))
    }
}

impl OpenCalls {
    /// None yet; `notes` has room for what there is to tell.
    pub(super) fn told_to(notes: &Arc<Notes>) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), notes: Arc::clone(notes) }))
    }

    /// Makes the call, unless [`Questions::MOST_OPEN`] have not returned. `what` it asks for stands in the words.
    pub(super) fn call<T>(&self, what: &'static str, call: impl FnOnce() -> T) -> Result<T, SaslFailure> {
        let begun = {
            let mut state = self.0.state.lock();
            if state.questions.are_exhausted() {
                let why = not_given(what, state.questions.unanswered());
                Err((why, !std::mem::replace(&mut state.is_told, true)))
            } else {
                Ok(state.questions.begin())
            }
        };
        match begun {
            Ok(number) => {
                let _open = Open { calls: self, number };
                Ok(call())
            }
            Err((why, is_news)) => {
                if is_news {
                    self.0.notes.begins("credentials", why.to_string());
                }
                Err(why)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHAT: &str = "asking for credentials";
    const LINE: &str = "asking for credentials: 3 calls of the provider have not returned, and it is not asked again until \
                        one of them does";

    // H59
    #[test]
    fn with_three_calls_that_hang_the_provider_is_not_asked_until_one_returns_and_that_is_told_once() {
        fn hang(calls: &OpenCalls, open: usize) {
            let inner = calls.call(WHAT, || hang(calls, open + 1));
            assert_eq!(inner.is_ok(), open < Questions::MOST_OPEN, "{inner:?}");
            if open == Questions::MOST_OPEN {
                for _ in 0..9 {
                    let why = calls.call(WHAT, || panic!("it is not asked")).unwrap_err();
                    assert_eq!(why.to_string(), LINE);
                }
            }
        }
        let notes = Arc::new(Notes::new(Arc::from("c")));
        let calls = OpenCalls::told_to(&notes);
        calls.call(WHAT, || hang(&calls, 1)).unwrap();
        assert_eq!(notes.notices(), [LINE]);
        assert_eq!(calls.call(WHAT, || 7).unwrap(), 7);
    }

    // H59
    #[test]
    fn a_call_that_panics_is_over() {
        let calls = OpenCalls::told_to(&Arc::new(Notes::new(Arc::from("c"))));
        for _ in 0..=Questions::MOST_OPEN {
            let panics = || calls.call(WHAT, || panic!("on purpose"));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
        }
    }
}
