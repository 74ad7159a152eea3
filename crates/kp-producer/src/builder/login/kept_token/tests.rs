//! When a provider is asked, and what connections get meanwhile.

use super::*;
use crate::config::{Provided, Secret};
use std::time::{Duration, Instant, SystemTime};

/// A clock that stands at a moment of the epoch.
#[derive(Default)]
struct Standing(Mutex<i64>);

impl Clock for Standing {
    fn now(&self) -> Instant {
        unreachable!("only the time of day is asked for")
    }

    fn timestamp_ms(&self) -> i64 {
        *self.0.lock()
    }
}

/// Gives numbered tokens that live for an hour from the moment of the question; none while it is out of order.
#[derive(Default)]
struct Issuer {
    clock: Arc<Standing>,
    asked: Mutex<u64>,
    is_out_of_order: Mutex<bool>,
}

impl TokenProvider for Issuer {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        let mut asked = self.asked.lock();
        *asked += 1;
        if *self.is_out_of_order.lock() {
            return Box::pin(async { Err("the issuer is out of order".into()) });
        }
        let end = Duration::from_millis(self.clock.timestamp_ms().unsigned_abs()) + Duration::from_secs(3600);
        let token =
            Token::new(Secret::from(format!("token{asked}"))).expires_at(SystemTime::UNIX_EPOCH + end);
        Box::pin(async move { Ok(token) })
    }
}

impl Issuer {
    fn keeper(self: &Arc<Self>) -> TokenKeeper {
        TokenKeeper::new(Arc::<Self>::clone(self), Arc::<Standing>::clone(&self.clock))
    }

    fn asked(&self) -> u64 {
        *self.asked.lock()
    }

    fn at(&self, seconds: i64) {
        *self.clock.0.lock() = seconds * 1000;
    }
}

fn shown(keeper: &Arc<TokenKeeper>) -> Result<String, String> {
    let token = keeper.token("broker-1", keeper.settled()).map_err(|failure| failure.to_string())?;
    Ok(token.value().expose_text().expect("it is text").to_owned())
}

// SE43
#[test]
fn while_refreshes_fail_the_old_token_is_shown_and_another_is_asked_for_every_ten_seconds() {
    let issuer = Arc::new(Issuer::default());
    let keeper = Arc::new(issuer.keeper());
    assert_eq!(shown(&keeper).as_deref(), Ok("token1"));
    *issuer.is_out_of_order.lock() = true;
    // The token is due after four fifths of an hour, and ends after 3600 seconds.
    for (seconds, asked) in
        [(2879, 1), (2880, 2), (2881, 2), (2889, 2), (2890, 3), (2899, 3), (3700, 4), (3709, 4), (3710, 5)]
    {
        issuer.at(seconds);
        assert_eq!(shown(&keeper).as_deref(), Ok("token1"), "at {seconds}");
        assert_eq!(issuer.asked(), asked, "at {seconds}");
    }
    *issuer.is_out_of_order.lock() = false;
    issuer.at(3720);
    assert_eq!(shown(&keeper).as_deref(), Ok("token6"));
}

// SE43
#[test]
fn a_token_that_is_still_good_is_replaced_aside_and_holds_no_connection_up() {
    type Work = Box<dyn FnOnce() + Send>;
    let issuer = Arc::new(Issuer::default());
    let works = Arc::<Mutex<Vec<Work>>>::default();
    let taken = Arc::clone(&works);
    let mut keeper = issuer.keeper();
    keeper.aside = Some(Box::new(move |work| {
        taken.lock().push(work);
        true
    }));
    let keeper = Arc::new(keeper);
    assert_eq!(shown(&keeper).as_deref(), Ok("token1"), "the first is waited for");
    issuer.at(2880);
    assert_eq!(shown(&keeper).as_deref(), Ok("token1"));
    assert_eq!(shown(&keeper).as_deref(), Ok("token1"));
    assert_eq!(issuer.asked(), 1, "not by a connection");
    let begun = std::mem::take(&mut *works.lock());
    assert_eq!(begun.len(), 1, "one for both");
    begun.into_iter().for_each(|work| work());
    assert_eq!(shown(&keeper).as_deref(), Ok("token2"));
    issuer.at(2880 + 3600);
    assert_eq!(shown(&keeper).as_deref(), Ok("token3"), "the old one has ended: it is waited for");
}

// A12
#[test]
fn connections_that_wait_together_share_one_answer_be_it_good_or_bad() {
    let issuer = Arc::new(Issuer::default());
    let keeper = Arc::new(issuer.keeper());
    *issuer.is_out_of_order.lock() = true;
    let noted = keeper.settled();
    for _ in 0..5 {
        let failure = keeper.token("broker-1", noted).expect_err("the issuer is out of order");
        assert_eq!(failure.to_string(), "asking for a token: the issuer is out of order");
    }
    assert_eq!(issuer.asked(), 1);
    *issuer.is_out_of_order.lock() = false;
    let noted = keeper.settled();
    for _ in 0..5 {
        let token = keeper.token("broker-1", noted).expect("it is in order again");
        assert_eq!(token.value().expose_text(), Some("token2"));
    }
    assert_eq!(issuer.asked(), 2);
}

// U12
#[cfg(feature = "tracing")]
#[test]
fn tokens_that_cannot_be_had_are_warned_of_once_and_it_is_said_once_that_this_is_over() {
    use crate::facade_tests::traced::Noted;
    let (issuer, noted) = (Arc::new(Issuer::default()), Noted::default());
    let notes = Arc::new(Notes::new(Arc::from("c")));
    let keeper = Arc::new(issuer.keeper().refreshed(TokenRefresh::default(), 1, &notes));
    tracing::subscriber::with_default(noted.clone(), || {
        for outage in 0..2 {
            let begun = outage * 100_000;
            issuer.at(begun);
            assert!(shown(&keeper).is_ok());
            *issuer.is_out_of_order.lock() = true;
            for seconds in (begun + 3400..begun + 3900).step_by(10) {
                issuer.at(seconds);
                let _ = shown(&keeper);
            }
            *issuer.is_out_of_order.lock() = false;
            for seconds in 0..3 {
                issuer.at(begun + 4000 + seconds);
                assert!(shown(&keeper).is_ok());
            }
        }
    });
    let line = "event WARN message=asking for a token: the issuer is out of order client_id=\"c\"";
    assert_eq!(noted.of("event WARN"), [line, line], "one for each outage");
    let line = "event INFO message=there is a token again client_id=\"c\"";
    assert_eq!(noted.of("event INFO"), [line, line]);
    assert_eq!(notes.notices(), ["asking for a token: the issuer is out of order"]);
    assert!(!noted.of("").iter().any(|line| line.contains("token1")), "no token is in them");
    let facts = keeper.facts();
    assert!(facts.refreshes == 4 && facts.refreshes_failed > 50, "{facts:?}");
}

// U12
#[cfg(feature = "tracing")]
#[test]
fn the_network_thread_never_waits_for_a_subscriber_that_hears_of_tokens() {
    use crate::facade_tests::traced::Noted;
    let (issuer, heard) = (Arc::new(Issuer::default()), Arc::new(Mutex::new(Vec::new())));
    let keeper = Arc::new(issuer.keeper());
    let (of_subscriber, hears) = (Arc::clone(&keeper), Arc::clone(&heard));
    // A subscriber may ask the producer for its metrics, whose thread takes this lock as well.
    let noted = Noted::and(move || hears.lock().push(of_subscriber.state.try_lock().is_some()));
    tracing::subscriber::with_default(noted, || {
        for is_out_of_order in [true, false] {
            *issuer.is_out_of_order.lock() = is_out_of_order;
            assert_eq!(shown(&keeper).is_err(), is_out_of_order);
        }
    });
    assert_eq!(*heard.lock(), [true, true], "that it begins, and that it is over");
}

/// Refuses with words that look at the tokens' keeper while they are written.
#[derive(Clone, Default)]
struct Nosy {
    keeper: Arc<Mutex<Option<Arc<TokenKeeper>>>>,
    was_free: Arc<Mutex<Vec<bool>>>,
}

impl TokenProvider for Nosy {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        let words = self.clone();
        Box::pin(async move { Err(words.into()) })
    }
}

impl std::fmt::Debug for Nosy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nosy")
    }
}

impl std::fmt::Display for Nosy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(keeper) = &*self.keeper.lock() {
            self.was_free.lock().push(keeper.state.try_lock().is_some());
        }
        f.write_str("it is none of your business")
    }
}

impl std::error::Error for Nosy {}

// U12
#[test]
fn the_network_thread_never_waits_for_the_words_of_a_provider() {
    let nosy = Nosy::default();
    let keeper = Arc::new(TokenKeeper::new(Arc::new(nosy.clone()), Arc::<Standing>::default()));
    *nosy.keeper.lock() = Some(Arc::clone(&keeper));
    assert_eq!(shown(&keeper), Err("asking for a token: it is none of your business".to_owned()));
    assert_eq!(*nosy.was_free.lock(), [true]);
}

const EXHAUSTED: &str =
    "3 calls of the provider have not returned, and it is not asked again until one of them does";

/// Asks its own keeper for tokens while it is asked, as other connections do while a provider hangs.
#[derive(Default)]
struct Hanging {
    keeper: Mutex<Option<Arc<TokenKeeper>>>,
    asked: Mutex<usize>,
    heard: Mutex<Vec<Result<String, String>>>,
}

impl TokenProvider for Hanging {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        *self.asked.lock() += 1;
        let number = *self.asked.lock();
        let keeper = self.keeper.lock().clone().expect("it is there");
        for _ in 0..=Questions::MOST_IN_VAIN {
            let answer = shown(&keeper);
            self.heard.lock().push(answer);
        }
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        let token = Token::new(Secret::from(format!("token{number}"))).expires_at(end);
        Box::pin(async move { Ok(token) })
    }
}

// H59
#[test]
fn a_provider_that_hangs_holds_no_thread_up_and_after_a_minute_another_question_is_asked() {
    let hanging = Arc::new(Hanging::default());
    let mut keeper = TokenKeeper::new(Arc::<Hanging>::clone(&hanging), Arc::<Standing>::default());
    keeper.patience = Duration::ZERO;
    let notes = Arc::new(Notes::new(Arc::from("c")));
    let keeper = Arc::new(keeper.refreshed(TokenRefresh::default(), 1, &notes));
    *hanging.keeper.lock() = Some(Arc::clone(&keeper));
    assert_eq!(shown(&keeper).as_deref(), Ok("token1"), "what comes late serves who asked");
    assert_eq!(*hanging.asked.lock(), Questions::MOST_OPEN, "so many hang and no more");
    assert_eq!(shown(&keeper).as_deref(), Ok("token3"), "and no one else: another answer is newer");
    let in_vain = "asking for a token: an earlier connection asked for it, and there is no answer yet";
    let heard = std::mem::take(&mut *hanging.heard.lock());
    let vain = heard.iter().filter(|answer| answer.as_ref().is_err_and(|words| words == in_vain)).count();
    assert_eq!(vain, 2 * Questions::MOST_IN_VAIN as usize, "{heard:?}");
    let exhausted = format!("asking for a token: {EXHAUSTED}");
    let told = heard.iter().filter(|answer| answer.as_ref().is_err_and(|words| *words == exhausted)).count();
    assert_eq!(told, Questions::MOST_IN_VAIN as usize + 1, "{heard:?}");
    assert_eq!(notes.notices(), [exhausted], "told once");
}

/// Panics when it is asked, with a token in its words.
struct Clumsy;

impl TokenProvider for Clumsy {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        panic!("no claims in clumsy-secret");
    }
}

// H59, U12
#[test]
fn a_provider_that_panics_is_told_of_without_its_words_and_asked_again() {
    let notes = Arc::new(Notes::new(Arc::from("c")));
    let keeper = TokenKeeper::new(Arc::new(Clumsy), Arc::<Standing>::default());
    let keeper = Arc::new(keeper.refreshed(TokenRefresh::default(), 1, &notes));
    for _ in 0..2 {
        assert_eq!(shown(&keeper), Err("asking for a token: it panicked".to_owned()));
    }
    assert_eq!(notes.notices(), ["asking for a token: it panicked"]);
    assert_eq!(keeper.facts().refreshes_failed, 2);
}
