//! The token that later connections take too.
//! Owns: when the provider is asked again (`sasl.login.refresh.*`), and that several connections share one question. Never: a token in
//! a text. The network thread notes and refuses, and is never held up; the thread that asks waits for the provider.

use super::not_given::{not_given, of_provider};
use crate::builder::provided::answer_of;
use crate::config::{Token, TokenProvider, TokenRefresh, TokenRequest};
use crate::observe::notes::Notes;
use kp_network::TokenFacts;
use kp_sasl::SaslFailure;
use kp_time::{Clock, Jitter, Questions};
use parking_lot::{Condvar, Mutex};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

pub(super) const ASKING_FOR_A_TOKEN: &str = "asking for a token";
/// After a refresh that failed the old token is shown for so long before the provider is asked again, in milliseconds, as in Java.
const QUIET_MS: i64 = 10_000;

/// Runs something on a thread of its own; `false` if the system gives none.
pub(super) type Aside = Box<dyn Fn(Box<dyn FnOnce() + Send>) -> bool + Send + Sync>;

/// The tokens of one provider.
pub(super) struct TokenKeeper {
    source: Arc<dyn TokenProvider>,
    clock: Arc<dyn Clock>,
    refresh: TokenRefresh,
    notes: Arc<Notes>,
    /// Where a token that is still good is replaced; without it, by the connection that wants one.
    aside: Option<Aside>,
    chance: Mutex<Jitter>,
    state: Mutex<State>,
    /// A question has come to its end.
    is_over: Condvar,
    patience: Duration,
}

#[derive(Default)]
struct State {
    kept: Kept,
    /// Questions that have come to their end.
    settled: u64,
    questions: Questions,
    failure: Option<Failure>,
    is_asked_aside: bool,
    given: u64,
    not_given: u64,
}

#[derive(Default)]
enum Kept {
    #[default]
    Nothing,
    /// Shown to connections; from `due` on another one is asked for. Both in milliseconds since the epoch.
    Good { token: Token, due: i64, end: i64 },
    /// Shown no more: a broker did not take it.
    Refused(Token),
}

/// The newest question had no token for an answer.
struct Failure {
    at: i64,
    why: SaslFailure,
}

/// A question that is open as long as this lives, be it ended by a panic.
struct Question<'a> {
    keeper: &'a TokenKeeper,
    number: u64,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.keeper.state.lock().questions.end(self.number);
        self.keeper.is_over.notify_all();
    }
}

/// What changed with an answer.
enum News {
    /// There are no tokens any more, in words.
    Begins(String),
    IsOver,
}

/// What a connection gets without a question.
enum Standing {
    Shown(Token),
    /// It is good, but it is time for another.
    Due(Token),
    Nothing,
}

impl TokenKeeper {
    pub(super) fn new(source: Arc<dyn TokenProvider>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            refresh: TokenRefresh { jitter: 0.0, ..TokenRefresh::default() },
            notes: Arc::new(Notes::new(Arc::from(""))),
            aside: None,
            chance: Mutex::new(Jitter::seeded(0)),
            state: Mutex::default(),
            is_over: Condvar::new(),
            patience: Questions::PATIENCE,
        }
    }

    /// When tokens are replaced, the seed of chance in that, and where the producer is told that there are none.
    pub(super) fn refreshed(mut self, refresh: TokenRefresh, seed: u64, notes: &Arc<Notes>) -> Self {
        self.refresh = refresh;
        self.chance = Mutex::new(Jitter::seeded(seed));
        self.notes = Arc::clone(notes);
        self
    }

    /// Replaces a token that is still good on a thread of its own: no connection waits for an endpoint that is slow.
    #[cfg(feature = "sasl-oidc")]
    pub(super) fn aside(mut self, aside: Aside) -> Self {
        self.aside = Some(aside);
        self
    }

    /// Noted when a connection begins: a question that ends later is its question, too.
    pub(super) fn settled(&self) -> u64 {
        self.state.lock().settled
    }

    /// The token that is kept, if there is nothing to ask.
    pub(super) fn shown(&self) -> Option<Token> {
        match self.state.lock().standing(self.clock.timestamp_ms()) {
            Standing::Shown(token) => Some(token),
            Standing::Due(_) | Standing::Nothing => None,
        }
    }

    /// A token for a connection to `host` that began when `noted` questions were settled. Blocks while the provider is asked.
    pub(super) fn token(self: &Arc<Self>, host: &str, noted: u64) -> Result<Token, SaslFailure> {
        let standing = self.state.lock().standing(self.clock.timestamp_ms());
        match standing {
            Standing::Shown(token) => Ok(token),
            Standing::Due(token) if self.ask_aside(host) => Ok(token),
            Standing::Due(_) | Standing::Nothing => self.ask_in_turn(host, noted),
        }
    }

    /// Whether another thread is replacing the token.
    fn ask_aside(self: &Arc<Self>, host: &str) -> bool {
        let Some(aside) = &self.aside else { return false };
        if std::mem::replace(&mut self.state.lock().is_asked_aside, true) {
            return true;
        }
        let (keeper, host) = (Arc::clone(self), host.to_owned());
        let is_begun = aside(Box::new(move || {
            let noted = keeper.settled();
            let _ = keeper.ask_in_turn(&host, noted);
            keeper.state.lock().is_asked_aside = false;
        }));
        if !is_begun {
            self.state.lock().is_asked_aside = false;
        }
        is_begun
    }

    /// Asks, unless another connection has asked meanwhile: its answer is that of all who waited. Waits for an earlier question for
    /// [`Questions::PATIENCE`] at most.
    fn ask_in_turn(&self, host: &str, noted: u64) -> Result<Token, SaslFailure> {
        let question = {
            let mut state = self.state.lock();
            let waits = |state: &mut State| {
                state.shared(noted, self.clock.timestamp_ms()).is_none() && state.questions.are_open()
            };
            self.is_over.wait_while_for(&mut state, waits, self.patience);
            if let Some(answer) = state.shared(noted, self.clock.timestamp_ms()) {
                return answer;
            }
            if state.questions.are_open() {
                state.questions.waited_in_vain();
                let (answer, news) = state.in_vain(self.clock.timestamp_ms());
                drop(state);
                self.tell(news);
                return answer;
            }
            Question { keeper: self, number: state.questions.begin() }
        };
        self.ask(host, question)
    }

    fn ask(&self, host: &str, question: Question<'_>) -> Result<Token, SaslFailure> {
        let refused = match &self.state.lock().kept {
            Kept::Refused(token) => Some(token.clone()),
            Kept::Nothing | Kept::Good { .. } => None,
        };
        let request = TokenRequest::new(host);
        let request = match &refused {
            Some(token) => request.after_refusal_of(token.value()),
            None => request,
        };
        // Its words, too, are code of the program's.
        let given = catch_unwind(AssertUnwindSafe(|| {
            answer_of(self.source.token(request)).map_err(|error| of_provider(ASKING_FOR_A_TOKEN, error))
        }));
        // What it panicked with is not repeated: that is the hook's to print.
        let given = given.unwrap_or_else(|_| Err(not_given(ASKING_FOR_A_TOKEN, "it panicked")));
        let (answer, news) = self.settle(question.number, given);
        drop(question);
        self.tell(news);
        answer
    }

    fn tell(&self, news: Option<News>) {
        match news {
            Some(News::Begins(words)) => self.notes.begins("tokens", words),
            Some(News::IsOver) => self.notes.is_over("there is a token again"),
            None => {}
        }
    }

    /// Keeps what came of a question; with what the producer is to be told once the state is free: who hears of it is the program,
    /// which may wait, and the network thread takes the state as well.
    fn settle(
        &self,
        number: u64,
        given: Result<Token, SaslFailure>,
    ) -> (Result<Token, SaslFailure>, Option<News>) {
        let now = self.clock.timestamp_ms();
        let mut state = self.state.lock();
        if state.questions.is_overtaken(number) {
            return (given, None);
        }
        state.settled += 1;
        match given {
            Ok(token) => {
                state.given += 1;
                state.questions.answered(number);
                state.kept = self.kept(&token, now);
                let news = state.failure.take().map(|_| News::IsOver);
                (Ok(token), news)
            }
            Err(why) => {
                let news = state.failure.is_none().then(|| News::Begins(why.to_string()));
                state.not_given += 1;
                state.failure = Some(Failure { at: now, why: why.clone() });
                match &state.kept {
                    Kept::Good { token, .. } => (Ok(token.clone()), news),
                    Kept::Nothing | Kept::Refused(_) => (Err(why), news),
                }
            }
        }
    }

    /// A token without an end serves the connection that asked, and no other.
    fn kept(&self, token: &Token, now: i64) -> Kept {
        let Some(end) = token.end().and_then(|end| end.duration_since(UNIX_EPOCH).ok()) else {
            return Kept::Nothing;
        };
        let end = i64::try_from(end.as_millis()).unwrap_or(i64::MAX);
        let due = self.refresh.moment(now, end, self.chance.lock().unit());
        Kept::Good { token: token.clone(), due, end }
    }

    /// The token that is kept is shown no more, if it is this one.
    pub(super) fn refuse_if(&self, is_this: impl FnOnce(&str) -> bool) {
        let mut state = self.state.lock();
        if let Kept::Good { token, .. } = &state.kept
            && token.value().expose_text().is_some_and(is_this)
        {
            state.kept = Kept::Refused(token.clone());
        }
    }

    /// What there is to report of them.
    pub(super) fn facts(&self) -> TokenFacts {
        let state = self.state.lock();
        let mut facts = TokenFacts::default();
        (facts.refreshes, facts.refreshes_failed) = (state.given, state.not_given);
        facts.ends = match &state.kept {
            Kept::Good { token, .. } => token.end(),
            Kept::Nothing | Kept::Refused(_) => None,
        };
        facts
    }

    /// The token that is kept is shown no more: the next connection asks.
    pub(super) fn forget(&self) {
        self.state.lock().kept = Kept::Nothing;
    }
}

impl State {
    /// What one gets who waited in vain for the question of another. That the provider is not asked again is told once.
    fn in_vain(&mut self, now: i64) -> (Result<Token, SaslFailure>, Option<News>) {
        let why = not_given(ASKING_FOR_A_TOKEN, self.questions.unanswered());
        let is_told = self.failure.as_ref().is_some_and(|failure| failure.why == why);
        let mut news = None;
        if self.questions.are_exhausted() && !is_told {
            news = Some(News::Begins(why.to_string()));
            self.failure = Some(Failure { at: now, why: why.clone() });
        }
        match self.standing(now) {
            Standing::Shown(token) | Standing::Due(token) => (Ok(token), news),
            Standing::Nothing => (Err(why), news),
        }
    }

    /// The answer to a question that was settled since `noted` were, for all who waited for it.
    fn shared(&self, noted: u64, now: i64) -> Option<Result<Token, SaslFailure>> {
        if self.settled <= noted {
            return None;
        }
        match (self.standing(now), &self.failure) {
            (Standing::Shown(token), _) => Some(Ok(token)),
            (Standing::Nothing, Some(failure)) => Some(Err(failure.why.clone())),
            (Standing::Due(_) | Standing::Nothing, _) => None,
        }
    }

    fn standing(&self, now: i64) -> Standing {
        let Kept::Good { token, due, end } = &self.kept else { return Standing::Nothing };
        let is_quiet = self.failure.as_ref().is_some_and(|failure| now < failure.at.saturating_add(QUIET_MS));
        if now < *due || is_quiet {
            Standing::Shown(token.clone())
        } else if now < *end {
            Standing::Due(token.clone())
        } else {
            Standing::Nothing
        }
    }
}

#[cfg(test)]
mod tests;
