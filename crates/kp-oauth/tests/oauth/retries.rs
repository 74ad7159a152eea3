//! What is tried again, how often, and how long that may take.

use crate::endpoint::{Asker, Endpoint, SECRET, answer, good_answer};
use kp_config::{Oidc, OidcLimits};
use std::net::TcpListener;
use std::time::Duration;

fn login(url: &str) -> Oidc {
    Oidc::new(url).client("kp", SECRET)
}

// H54, SE44
#[test]
fn errors_of_the_endpoints_own_are_tried_again_after_waits_that_double() {
    let server_error = || answer(500, "{}");
    let answers = vec![server_error(), answer(503, ""), answer(429, ""), good_answer()];
    let endpoint = Endpoint::giving(answers);
    let asker = Asker::new(login(&endpoint.url));
    assert!(asker.ask().is_ok());
    assert_eq!(asker.pauses_ms(), [100, 200, 400]);
    assert_eq!(endpoint.asked().len(), 4);
}

// H54
#[test]
fn an_endpoint_that_does_not_listen_is_tried_until_the_time_is_used_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let asker = Asker::new(login(&url));
    let error = asker.refused();
    assert!(error.is_retriable() && error.to_string().contains("no connection to 127.0.0.1"), "{error}");
    assert_eq!(asker.pauses_ms(), [100, 200, 400, 800, 1600, 3200, 3700], "ten seconds in all");
}

// H53, SE44
#[test]
fn what_the_client_did_wrong_is_not_tried_again() {
    for status in [400, 401, 403, 404, 407, 409, 415, 501, 505] {
        let endpoint = Endpoint::giving(vec![answer(status, "{}")]);
        let asker = Asker::new(login(&endpoint.url));
        asker.refused();
        assert_eq!(asker.pauses_ms(), [0; 0], "{status}");
        endpoint.asked();
    }
    for status in [408, 429, 500, 502, 503, 504] {
        let endpoint = Endpoint::giving(vec![answer(status, "{}"), good_answer()]);
        let asker = Asker::new(login(&endpoint.url));
        assert!(asker.ask().is_ok(), "{status}");
        endpoint.asked();
    }
}

// SE44
#[test]
fn the_keys_say_how_long_is_waited_and_tried() {
    let endpoint = Endpoint::giving(vec![answer(500, ""), answer(500, ""), answer(500, "")]);
    let limits = OidcLimits {
        retry_backoff: Duration::from_millis(30),
        retry_total: Duration::from_millis(50),
        ..OidcLimits::default()
    };
    let asker = Asker::new(login(&endpoint.url).limits(limits));
    asker.refused();
    assert_eq!(asker.pauses_ms(), [30, 20]);
    assert_eq!(endpoint.asked().len(), 3);
}
