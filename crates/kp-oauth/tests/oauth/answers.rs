//! What an endpoint answers, and what is believed of it.

use crate::endpoint::{Asker, Endpoint, NOW_MS, SECRET, answer, jwt, login, token_answer};
use kp_oauth::OidcError;
use std::time::{Duration, UNIX_EPOCH};

/// The error that comes of one answer.
fn error_of(answer: String) -> OidcError {
    let endpoint = Endpoint::giving(vec![answer]);
    let error = Asker::new(login(&endpoint.url)).refused();
    endpoint.asked();
    error
}

// H53
#[test]
fn a_refusal_has_the_endpoints_error_and_its_description() {
    let body = r#"{"error":"invalid_client","error_description":"no such client"}"#;
    for status in [400, 401, 403, 404] {
        let error = error_of(answer(status, body));
        let text = error.to_string();
        assert!(
            text.ends_with(&format!(
                "/token refused to give a token: {status}, invalid_client: no such client"
            )),
            "{text}"
        );
        assert!(!error.is_retriable());
    }
    assert!(error_of(answer(401, "<html>")).to_string().ends_with("refused to give a token: 401"));
}

// H53
#[test]
fn a_refusal_that_repeats_the_secret_is_withheld_and_a_long_one_is_cut() {
    let text = error_of(answer(400, &format!(r#"{{"error":"bad secret {SECRET}"}}"#))).to_string();
    assert!(text.contains("withheld"), "{text}");
    let long = format!(r#"{{"error":"e\u001b[31m\n","error_description":"{}"}}"#, "x".repeat(100_000));
    let text = error_of(answer(400, &long)).to_string();
    assert!(text.len() < 2000 && text.contains("\\u{1b}"), "{text}");
}

// H55
#[test]
fn an_answer_without_a_token_to_use_is_refused_with_the_reason() {
    let control = r#"{"access_token":"a.b\u0001c.d"}"#.to_owned();
    let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(100_000));
    for (body, problem) in [
        ("<html>login</html>".to_owned(), "no JSON object (text/html)"),
        ("[1]".to_owned(), "no JSON object"),
        (String::new(), "no JSON object"),
        (r#"{"token_type":"Bearer"}"#.to_owned(), "no access_token"),
        (r#"{"access_token":7}"#.to_owned(), "no access_token"),
        (r#"{"access_token":" "}"#.to_owned(), "is empty"),
        (control, "no token of RFC 6750"),
        (long, "longer than 64 KiB"),
        (r#"{"access_token":"opaque"}"#.to_owned(), "three parts"),
    ] {
        let error = error_of(answer(200, &body));
        assert!(error.to_string().contains(problem), "{problem}: {error}");
        assert!(!error.is_retriable(), "{error}");
    }
}

// H56
#[test]
fn a_token_that_has_ended_names_both_clocks() {
    let ended = NOW_MS / 1000 - 10;
    let text = error_of(token_answer(&format!(r#"{{"sub":"a","exp":{ended}}}"#), "")).to_string();
    for part in ["2026-11-29T23:59:50Z", "2026-11-30T00:00:00Z", "Mon, 30 Nov 2026 00:00:05 GMT"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

// H56
#[test]
fn an_end_that_no_clock_can_hold_saturates_and_a_missing_one_is_that_of_the_answer() {
    let end_of = |answer: String| {
        let endpoint = Endpoint::giving(vec![answer]);
        let token = Asker::new(login(&endpoint.url)).ask().expect("a token");
        endpoint.asked();
        token.end()
    };
    let far = end_of(token_answer(r#"{"sub":"a","exp":9223372036854775807}"#, ""));
    assert!(far.is_none_or(|end| end > UNIX_EPOCH + Duration::from_millis(NOW_MS.unsigned_abs() * 2)));
    let now = UNIX_EPOCH + Duration::from_millis(NOW_MS.unsigned_abs());
    let by_answer = end_of(token_answer(r#"{"sub":"a"}"#, r#","expires_in":300"#));
    assert_eq!(by_answer, Some(now + Duration::from_secs(300)));
    let text = error_of(token_answer(r#"{"sub":"a"}"#, "")).to_string();
    assert!(text.contains("has no exp"), "{text}");
    let text = error_of(token_answer(r#"{"sub":"a"}"#, r#","expires_in":-5"#)).to_string();
    assert!(text.contains("ended at"), "{text}");
}

// SE46
#[test]
fn a_token_without_a_subject_is_refused_and_the_claim_may_have_another_name() {
    let exp = NOW_MS / 1000 + 60;
    let text = error_of(token_answer(&format!(r#"{{"exp":{exp}}}"#), "")).to_string();
    assert!(text.contains("has no subject"), "{text}");
    assert!(!text.contains(&jwt("{}")[..10]), "{text}");
}

// SE44
#[test]
fn created_is_a_success_too_and_accepted_is_none() {
    let exp = NOW_MS / 1000 + 60;
    let body = format!(r#"{{"access_token":"{}"}}"#, jwt(&format!(r#"{{"sub":"a","exp":{exp}}}"#)));
    let endpoint = Endpoint::giving(vec![answer(201, &body)]);
    assert!(Asker::new(login(&endpoint.url)).ask().is_ok());
    endpoint.asked();
    assert!(matches!(error_of(answer(202, &body)), OidcError::Refused { status: 202, .. }));
}
