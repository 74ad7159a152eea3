//! The exchange: what goes out in which order, what each answer comes to, sessions.

use std::time::{Duration, Instant};

use kp_protocol::{ApiKey, BrokerVersions, ErrorCode, VersionRange};
use kp_sasl::{
    OAuthBearer, Plain, SaslDialect, SaslExchange, SaslFailure, SaslMechanism, SaslOutput, SaslSession,
    SaslStage, SaslStep, Scram, ScramHash, ScramNonce, Secret, Worked,
};

use crate::broker::{ScramBroker, lasting, mechanisms, refusal, token_answer, token_of};

const MODERN: SaslDialect = SaslDialect::Authenticate { version: 2 };

fn plain(dialect: SaslDialect) -> SaslExchange {
    let plain = Plain::new("alice", &Secret::from("alice-secret")).expect("they are legal");
    SaslExchange::new(Box::new(plain), dialect)
}

fn scram(dialect: SaslDialect) -> SaslExchange {
    let nonce = ScramNonce::fixed("fyko").expect("it is a nonce");
    let scram = Scram::new(ScramHash::Sha256, "user", &Secret::from("pencil"), nonce).expect("legal");
    SaslExchange::new(Box::new(scram), dialect)
}

fn bearer(dialect: SaslDialect) -> SaslExchange {
    let bearer = OAuthBearer::new(&Secret::from("abc.def.ghi")).expect("it is a token");
    SaslExchange::new(Box::new(bearer), dialect)
}

/// The first token, after a handshake that went well.
fn greeted(exchange: &mut SaslExchange) -> Vec<u8> {
    let Ok(SaslOutput::Handshake { .. }) = exchange.begin() else { panic!("no handshake") };
    token_of(exchange.on_handshake(&mechanisms(ErrorCode::NONE, &["PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"])))
}

fn session(output: Result<SaslOutput, SaslFailure>) -> SaslSession {
    match output.expect("it went well") {
        SaslOutput::Done(session) => session,
        other => panic!("not done: {other:?}"),
    }
}

fn versions(handshake: Option<(i16, i16)>, authenticate: Option<(i16, i16)>) -> BrokerVersions {
    let range = |api, range: Option<(i16, i16)>| range.map(|(min, max)| (api, VersionRange::new(min, max)));
    BrokerVersions::fixed(
        [range(ApiKey::SaslHandshake, handshake), range(ApiKey::SaslAuthenticate, authenticate)]
            .into_iter()
            .flatten(),
    )
}

// SE4, H25
#[test]
fn versions_decide_how_tokens_travel() {
    let of = |handshake, authenticate| SaslDialect::of(&versions(handshake, authenticate));
    assert_eq!(of(Some((0, 1)), Some((0, 2))), Ok(SaslDialect::Authenticate { version: 2 }));
    assert_eq!(of(Some((0, 9)), Some((0, 9))), Ok(SaslDialect::Authenticate { version: 2 }));
    assert_eq!(of(Some((0, 1)), Some((0, 0))), Ok(SaslDialect::Authenticate { version: 0 }));
    // Kafka 0.10, and a list that was shortened on the way.
    assert_eq!(of(Some((0, 0)), None), Ok(SaslDialect::Bare));
    assert_eq!(of(Some((0, 1)), None), Ok(SaslDialect::Bare));
    assert_eq!(of(Some((0, 0)), Some((0, 2))), Ok(SaslDialect::Bare));
    assert_eq!(of(Some((0, 1)), Some((3, 4))), Ok(SaslDialect::Bare));
    for handshake in [None, Some((2, 3))] {
        let failure = of(handshake, Some((0, 2))).expect_err("no handshake is spoken");
        assert_eq!(failure.to_string(), "the broker offers no SaslHandshake that kp speaks");
    }
    assert!(SaslDialect::Bare.is_bare() && SaslDialect::BareWithoutHandshake.is_bare() && !MODERN.is_bare());
}

// SE7, SE10, SE18
#[test]
fn plain_takes_a_handshake_a_token_and_an_answer() {
    let mut exchange = plain(MODERN);
    assert_eq!((exchange.mechanism(), exchange.stage()), ("PLAIN", SaslStage::Created));
    let Ok(SaslOutput::Handshake { request, version }) = exchange.begin() else { panic!("no handshake") };
    assert_eq!((&*request.mechanism, version), ("PLAIN", 1));
    assert_eq!(exchange.stage(), SaslStage::Handshake);
    let token = exchange.on_handshake(&mechanisms(ErrorCode::NONE, &["PLAIN"])).expect("it is offered");
    let SaslOutput::Authenticate { token, version: 2 } = token else { panic!("{token:?}") };
    assert_eq!(token.expose(), b"\0alice\0alice-secret");
    assert_eq!(exchange.stage(), SaslStage::Token { number: 1 });
    let session = session(exchange.on_authenticate(&lasting(b"", 3000)));
    assert_eq!(session.lifetime(), Some(Duration::from_secs(3)));
    assert_eq!(exchange.stage(), SaslStage::Done);
}

// H38
#[test]
fn what_plain_is_told_beside_the_code_is_ignored() {
    let mut exchange = plain(MODERN);
    let _ = greeted(&mut exchange);
    assert_eq!(session(exchange.on_authenticate(&token_answer(b"welcome"))).lifetime(), None);
}

// SE7, SE11
#[test]
fn scram_takes_two_tokens_and_work_between_them() {
    let broker = ScramBroker { password: "pencil", salt: b"salt", iterations: 4096 };
    let mut exchange = scram(MODERN);
    let first = greeted(&mut exchange);
    let work = exchange.on_authenticate(&token_answer(&broker.first(&first))).expect("it goes on");
    let SaslOutput::Work(work) = work else { panic!("{work:?}") };
    assert_eq!(exchange.stage(), SaslStage::Working);
    let worked = std::thread::scope(|scope| scope.spawn(|| work.run()).join()).expect("it does not panic");
    let proof = token_of(exchange.on_worked(worked));
    assert_eq!(exchange.stage(), SaslStage::Token { number: 2 });
    let session = session(exchange.on_authenticate(&lasting(&broker.last(&first, &proof), 60_000)));
    assert_eq!(session.lifetime(), Some(Duration::from_secs(60)));
}

// SE3
#[test]
fn a_token_that_goes_ahead_is_answered_behind_the_handshake() {
    let mut exchange = scram(MODERN);
    let Ok(SaslOutput::Handshake { .. }) = exchange.begin() else { panic!("no handshake") };
    let Ok(Some(SaslOutput::Authenticate { token, version: 2 })) = exchange.go_ahead() else {
        panic!("no token")
    };
    assert_eq!((token.expose(), exchange.stage()), (&b"n,,n=user,r=fyko"[..], SaslStage::Handshake));
    assert!(matches!(exchange.go_ahead(), Ok(None)), "once");
    let answer = mechanisms(ErrorCode::NONE, &["SCRAM-SHA-256"]);
    assert!(matches!(exchange.on_handshake(&answer), Ok(SaslOutput::Sent)));
    assert_eq!(exchange.stage(), SaslStage::Token { number: 1 });
    // A broker that refuses the mechanism has the last word all the same.
    let mut exchange = plain(MODERN);
    assert!(exchange.begin().is_ok() && matches!(exchange.go_ahead(), Ok(Some(_))));
    let refused = exchange.on_handshake(&mechanisms(ErrorCode::UNSUPPORTED_SASL_MECHANISM, &["OAUTHBEARER"]));
    assert!(matches!(refused, Err(SaslFailure::HandshakeRefused { .. })));
    // Nothing goes ahead of what has not begun, nor of an old broker.
    assert!(matches!(plain(MODERN).go_ahead(), Err(SaslFailure::OutOfTurn { .. })));
    let mut old = plain(SaslDialect::Bare);
    assert!(old.begin().is_ok() && matches!(old.go_ahead(), Ok(None)));
}

// SE4
#[test]
fn bare_tokens_follow_an_old_handshake_and_a_session_has_no_end() {
    let broker = ScramBroker { password: "pencil", salt: b"salt", iterations: 4096 };
    let mut exchange = scram(SaslDialect::Bare);
    let Ok(SaslOutput::Handshake { version: 0, .. }) = exchange.begin() else { panic!("no old handshake") };
    let first = token_of(exchange.on_handshake(&mechanisms(ErrorCode::NONE, &["SCRAM-SHA-256"])));
    let Ok(SaslOutput::Work(work)) = exchange.on_bare_token(&broker.first(&first)) else { panic!("no work") };
    let output = exchange.on_worked(work.run()).expect("it goes on");
    let SaslOutput::BareToken { token } = output else { panic!("{output:?}") };
    assert_eq!(session(exchange.on_bare_token(&broker.last(&first, token.expose()))).lifetime(), None);

    // An empty frame is the answer to a good PLAIN token.
    let mut exchange = plain(SaslDialect::Bare);
    let _ = greeted(&mut exchange);
    assert_eq!(session(exchange.on_bare_token(b"")).lifetime(), None);
}

// SE4
#[test]
fn a_close_in_place_of_a_bare_answer_is_a_refusal_and_otherwise_a_lost_connection() {
    let mut exchange = plain(SaslDialect::Bare);
    let _ = greeted(&mut exchange);
    assert_eq!(
        exchange.on_closed().expect("it was refused").to_string(),
        "PLAIN: refused (the broker closed the connection; Kafka before 1.0 gives no reason)"
    );
    let mut exchange = plain(SaslDialect::Bare);
    let _ = exchange.begin();
    assert_eq!(exchange.on_closed(), None, "the handshake is not what it refuses by a close");
    let mut exchange = plain(MODERN);
    let _ = greeted(&mut exchange);
    assert_eq!(exchange.on_closed(), None, "a newer broker would have said so");
    assert_eq!(exchange.stage(), SaslStage::Failed);
}

// SE14, H37
#[test]
fn a_refused_token_is_named_whichever_way_the_broker_ends_it() {
    let json = br#"{"status":"invalid_token"}"#;
    let words = "OAUTHBEARER: the broker refused the token: invalid_token";
    let refused = |dialect| {
        let mut exchange = bearer(dialect);
        let _ = greeted(&mut exchange);
        let answer = match dialect {
            SaslDialect::Authenticate { .. } => exchange.on_authenticate(&token_answer(json)),
            _ => exchange.on_bare_token(json),
        };
        assert_eq!(token_of(answer), b"\x01");
        exchange
    };
    let with_code = refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(r#"{"status":"invalid_token"}"#));
    assert_eq!(refused(MODERN).on_authenticate(&with_code).expect_err("refused").to_string(), words);
    assert_eq!(refused(MODERN).on_authenticate(&token_answer(b"")).expect_err("refused").to_string(), words);
    assert_eq!(refused(MODERN).on_closed().expect("refused").to_string(), words);
    assert_eq!(refused(SaslDialect::Bare).on_closed().expect("refused").to_string(), words);
    assert_eq!(refused(SaslDialect::Bare).on_bare_token(b"").expect_err("refused").to_string(), words);
}

fn handshake_failure(code: ErrorCode, names: &[&str]) -> SaslFailure {
    let mut exchange = scram(MODERN);
    let Ok(SaslOutput::Handshake { .. }) = exchange.begin() else { panic!("no handshake") };
    let failure = exchange.on_handshake(&mechanisms(code, names)).expect_err("it is refused");
    assert_eq!(exchange.stage(), SaslStage::Failed);
    failure
}

// SE8, H23
#[test]
fn a_mechanism_that_is_not_offered_is_refused_with_the_list() {
    let unsupported = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
    let failure = handshake_failure(unsupported, &["PLAIN", "GSSAPI"]);
    assert_eq!(
        failure.to_string(),
        "SCRAM-SHA-256: the broker does not offer this mechanism (sasl.mechanism); it offers PLAIN, GSSAPI"
    );
    assert_eq!((failure.code(), failure.is_retriable()), (Some(unsupported), false));
    assert_eq!(
        handshake_failure(unsupported, &[]).to_string(),
        "SCRAM-SHA-256: the broker does not offer this mechanism (sasl.mechanism); it offers none"
    );
    assert_eq!(
        handshake_failure(unsupported, &["scram-sha-256"]).to_string(),
        "SCRAM-SHA-256: the broker does not offer this mechanism (sasl.mechanism); it offers scram-sha-256; \
         upper and lower case matter: scram-sha-256"
    );
}

// H23
#[test]
fn of_a_million_mechanisms_ten_are_kept_and_none_reaches_the_terminal_as_it_is() {
    let mut names = vec!["evil\u{1b}[2J\nPLAIN"; 1_000_000];
    let long = "x".repeat(1_000);
    names[1] = &long;
    let failure = handshake_failure(ErrorCode::UNSUPPORTED_SASL_MECHANISM, &names);
    let SaslFailure::HandshakeRefused { offered, .. } = &failure else { panic!("{failure}") };
    assert_eq!((offered.names().count(), offered.total()), (10, 1_000_000));
    let text = failure.to_string();
    assert!(text.len() < 500 && text.ends_with(" and 999990 more"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\n'), "{text}");
    assert!(!format!("{failure:?}").contains('\u{1b}'));
}

// SE8, H24
#[test]
fn an_error_is_an_error_although_the_list_has_the_mechanism() {
    let failure = handshake_failure(ErrorCode::ILLEGAL_SASL_STATE, &["SCRAM-SHA-256"]);
    assert_eq!(
        failure.to_string(),
        "SCRAM-SHA-256: the broker refused SaslHandshake: ILLEGAL_SASL_STATE (34); a listener without SASL (security.protocol), or a re-authentication too soon"
    );
    assert_eq!(failure.code(), Some(ErrorCode::ILLEGAL_SASL_STATE));
}

// SE8
#[test]
fn a_list_without_the_mechanism_is_no_error_if_the_broker_has_none() {
    let mut exchange = plain(MODERN);
    let _ = exchange.begin();
    assert!(exchange.on_handshake(&mechanisms(ErrorCode::NONE, &[])).is_ok());
}

fn refused(message: Option<&str>) -> SaslFailure {
    let mut exchange = plain(MODERN);
    let _ = greeted(&mut exchange);
    let answer = refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, message);
    exchange.on_authenticate(&answer).expect_err("it is refused")
}

// SE9
#[test]
fn wrong_credentials_come_with_the_brokers_words() {
    let failure = refused(Some("Authentication failed: Invalid username or password"));
    assert_eq!(
        failure.to_string(),
        "PLAIN: refused by the broker: SASL_AUTHENTICATION_FAILED (58): Authentication failed: Invalid username or password"
    );
    assert_eq!(failure.code(), Some(ErrorCode::SASL_AUTHENTICATION_FAILED));
    assert!(!failure.is_retriable());
}

// H28
#[test]
fn the_brokers_words_are_cut_and_made_harmless() {
    assert_eq!(refused(None).to_string(), "PLAIN: refused by the broker: SASL_AUTHENTICATION_FAILED (58)");
    assert_eq!(
        refused(Some("")).to_string(),
        "PLAIN: refused by the broker: SASL_AUTHENTICATION_FAILED (58)"
    );
    let huge = refused(Some(&"x".repeat(1 << 20)));
    assert!(huge.to_string().chars().count() < 600);
    assert!(format!("{huge:?}").len() < 700, "what is not shown is not kept");
    let evil = refused(Some("a\nb\u{1b}[31m\u{202e}\0")).to_string();
    assert!(evil.ends_with("(58): a\\nb\\u{1b}[31m\\u{202e}\\0"), "{evil}");
}

// H29, H36
#[test]
fn scram_is_not_done_because_the_broker_says_so() {
    let mut exchange = scram(MODERN);
    let _ = greeted(&mut exchange);
    let failure = exchange.on_authenticate(&token_answer(b"")).expect_err("nothing was proved");
    assert_eq!(failure, SaslFailure::EndedEarly { mechanism: "SCRAM-SHA-256" });
    let failure = exchange.on_authenticate(&token_answer(b"")).expect_err("it has failed");
    assert!(matches!(failure, SaslFailure::OutOfTurn { .. }), "{failure}");
}

// H26
#[test]
fn a_token_larger_than_any_honest_one_is_refused() {
    for mut exchange in [plain(MODERN), scram(MODERN), bearer(MODERN)] {
        let _ = greeted(&mut exchange);
        let failure = exchange.on_authenticate(&token_answer(&[b'x'; 524_289])).expect_err("it is huge");
        assert!(matches!(failure, SaslFailure::TooLarge { bytes: 524_289, most: 524_288, .. }), "{failure}");
    }
}

// H22
#[test]
fn answers_that_are_not_awaited_are_refused() {
    let handshake = mechanisms(ErrorCode::NONE, &["PLAIN"]);
    assert!(plain(MODERN).on_handshake(&handshake).is_err(), "before the request");
    assert!(plain(MODERN).on_authenticate(&token_answer(b"")).is_err());
    let mut twice = plain(MODERN);
    let _ = greeted(&mut twice);
    assert!(twice.on_handshake(&handshake).is_err(), "twice");
    let mut begun = plain(MODERN);
    let _ = begun.begin();
    assert!(begun.begin().is_err());
    let mut other_form = plain(MODERN);
    let _ = greeted(&mut other_form);
    assert!(other_form.on_bare_token(b"").is_err());
    let mut bare = plain(SaslDialect::Bare);
    let _ = greeted(&mut bare);
    assert!(bare.on_authenticate(&token_answer(b"")).is_err());
    let mut no_work = plain(MODERN);
    let _ = greeted(&mut no_work);
    assert!(no_work.on_worked(Worked::done(())).is_err());
    let mut done = plain(MODERN);
    let _ = greeted(&mut done);
    let _ = session(done.on_authenticate(&token_answer(b"")));
    assert!(done.on_authenticate(&token_answer(b"")).is_err(), "it is over");
}

/// A mechanism of so many tokens, as Kerberos is one: complete with the last that it sends, and with nothing to say
/// to what comes behind that.
#[derive(Debug)]
struct Counting {
    left: u32,
    sent: u32,
}

impl SaslMechanism for Counting {
    fn name(&self) -> &str {
        "COUNTING"
    }

    fn step(&mut self, _challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        let Some(left) = self.left.checked_sub(1) else {
            assert_eq!(self.sent, 0, "it was complete before this step");
            return Ok(SaslStep::Done);
        };
        (self.left, self.sent) = (left, self.sent + 1);
        Ok(SaslStep::Send(Secret::from("token")))
    }

    fn is_complete(&self) -> bool {
        self.left == 0
    }
}

fn counting(left: u32, dialect: SaslDialect) -> SaslExchange {
    SaslExchange::new(Box::new(Counting { left, sent: 0 }), dialect)
}

// SE7
#[test]
fn a_mechanism_that_is_complete_waits_for_the_answer_to_its_last_token() {
    let mut exchange = counting(2, MODERN);
    let _ = greeted(&mut exchange);
    let _ = token_of(exchange.on_authenticate(&token_answer(b"challenge")));
    assert_eq!(exchange.stage(), SaslStage::Token { number: 2 });
    assert_eq!(
        session(exchange.on_authenticate(&lasting(b"", 7))).lifetime(),
        Some(Duration::from_millis(7))
    );
}

// SE4, SE5
#[test]
fn the_last_bare_token_of_a_complete_mechanism_gets_no_answer() {
    let mut exchange = counting(2, SaslDialect::BareWithoutHandshake);
    let _ = token_of(exchange.begin());
    assert_eq!(exchange.stage(), SaslStage::Token { number: 1 });
    let output = exchange.on_bare_token(b"challenge").expect("it goes on");
    assert!(matches!(output, SaslOutput::LastBareToken { .. }), "{output:?}");
    assert_eq!(exchange.stage(), SaslStage::Done);
}

#[test]
fn an_exchange_without_an_end_is_ended() {
    let mut exchange = counting(1_000, MODERN);
    let _ = greeted(&mut exchange);
    let failure = (0..1_000).find_map(|_| exchange.on_authenticate(&token_answer(b"more")).err());
    assert_eq!(failure.expect("it ends").to_string(), "COUNTING: no end after 32 tokens");
}

#[test]
fn a_mechanism_that_is_done_before_it_sent_anything_proves_nothing() {
    let mut exchange = counting(0, MODERN);
    let _ = exchange.begin();
    assert!(exchange.on_handshake(&mechanisms(ErrorCode::NONE, &["COUNTING"])).is_err());
    // Without `resume` of its own a mechanism takes no work.
    assert!(Counting { left: 1, sent: 0 }.resume(Worked::done(())).is_err());
}

// SE18, SE24, H39, H40, H42
#[test]
fn lifetimes_of_zero_and_below_have_no_end_and_the_longest_never_comes() {
    let now = Instant::now_of_test();
    for millis in [0, -1, i64::MIN] {
        assert_eq!(SaslSession::of_millis(millis), SaslSession::without_end());
        assert_eq!(SaslSession::of_millis(millis).renew_at(now, None, 0.5), None);
    }
    assert_eq!(SaslSession::without_end().lifetime(), None);
    // 292 million years: whatever an `Instant` holds, nothing panics, and it is no moment that is near.
    for chance in [0.0, 1.0, f64::NAN, f64::INFINITY, -7.0] {
        let at = SaslSession::of_millis(i64::MAX).renew_at(now, Some(now), chance);
        assert!(at.is_none_or(|at| at > now + Duration::from_secs(1 << 40)), "{at:?}");
    }
}

// SE19, SE21, H41
#[test]
fn a_session_is_renewed_late_in_its_life_but_not_twice_a_second() {
    let now = Instant::now_of_test();
    let session = SaslSession::of_millis(10_000);
    let after = |chance| session.renew_at(now, None, chance).expect("it ends") - now;
    let near =
        |span: Duration, millis: u64| span.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(1);
    assert!(near(after(0.0), 8_500), "{:?}", after(0.0));
    assert!(near(after(1.0), 9_500), "{:?}", after(1.0));
    assert!(near(after(0.5), 9_000) && near(after(7.0), 9_500) && near(after(f64::NAN), 8_500));

    let short = SaslSession::of_millis(1);
    assert!(near(short.renew_at(now, None, 0.0).expect("it ends") - now, 1), "the first may come at once");
    let began = now - Duration::from_millis(300);
    assert_eq!(short.renew_at(now, Some(began), 0.5), Some(began + Duration::from_secs(1)));
}

#[test]
fn every_stage_has_words_for_a_timeout() {
    let words: Vec<String> = [
        SaslStage::Created,
        SaslStage::Handshake,
        SaslStage::Token { number: 2 },
        SaslStage::Working,
        SaslStage::Done,
        SaslStage::Failed,
    ]
    .map(|stage| stage.to_string())
    .into();
    assert_eq!(
        words,
        ["SASL not begun", "SASL handshake", "SASL token 2", "work for SASL", "SASL done", "SASL failed"]
    );
}

/// A moment for tests: which one does not matter.
trait OfTest {
    fn now_of_test() -> Self;
}

impl OfTest for Instant {
    #[expect(clippy::disallowed_methods, reason = "an `Instant` has no other beginning")]
    fn now_of_test() -> Self {
        Self::now()
    }
}
