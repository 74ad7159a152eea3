//! What an endpoint may do to a client, and what comes of it.

use kp_http::{HttpClient, HttpError, HttpRequest, HttpUrl, Proxies};
use scripted_http::{Server, stay_silent, trickle};
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

/// Long enough for a busy machine to connect to itself, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

fn post(server: &Server) -> HttpRequest {
    let url = HttpUrl::parse(&server.url("/token")).expect("a URL");
    HttpRequest::post(url).header("Authorization", "Basic hunter2").body("client_secret=hunter2")
}

fn failure(client: &HttpClient, request: &HttpRequest) -> HttpError {
    let error = client.send(request).expect_err("no answer");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

// H50
#[test]
fn a_redirect_is_not_followed_and_the_error_names_the_host_alone() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::answering([format!(
            "HTTP/1.1 {status} Moved\r\nLocation: http://alice:hunter2@evil.example/take?it=hunter2\r\nContent-Length: 0\r\n\r\n"
        )]);
        let error = failure(&HttpClient::new(), &post(&server));
        assert!(
            matches!(&error, HttpError::Redirected { to: Some(to), .. } if to == "evil.example"),
            "{error:?}"
        );
        assert!(error.to_string().contains("evil.example") && !error.is_retriable(), "{error}");
    }
}

// H50, H58
#[test]
fn a_redirect_to_a_file_to_the_same_host_or_to_nowhere_is_not_followed() {
    for location in ["Location: file:///etc/passwd\r\n", "Location: /other\r\n", "Location: :::\r\n", ""] {
        let server =
            Server::answering([format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n")]);
        let error = failure(&HttpClient::new(), &post(&server));
        assert!(matches!(error, HttpError::Redirected { to: None, .. }), "{location}: {error:?}");
    }
}

// H51
#[test]
fn a_body_without_an_end_is_cut_off_at_a_mebibyte() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n"]
    {
        let server = Server::start(1, move |stream, _| {
            let mut part = head.as_bytes().to_vec();
            while stream.write_all(&part).is_ok() {
                part = vec![b' '; 65536];
            }
        });
        let error = failure(&HttpClient::new(), &post(&server));
        assert!(matches!(error, HttpError::TooLarge { limit: 1_048_576, .. }), "{error:?}");
        assert_eq!(server.requests().len(), 1);
    }
}

// H51
#[test]
fn headers_without_an_end_are_cut_off() {
    let server = Server::start(1, |stream, _| {
        let mut part = b"HTTP/1.1 200 OK\r\n".to_vec();
        while stream.write_all(&part).is_ok() {
            part = b"X-More: 0123456789012345678901234567890123456789\r\n".repeat(100);
        }
    });
    let error = failure(&HttpClient::new(), &post(&server));
    assert!(matches!(error, HttpError::TooLarge { .. } | HttpError::Protocol { .. }), "{error:?}");
}

// H52
#[test]
fn a_byte_now_and_then_does_not_move_the_deadline() {
    for head in ["", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"] {
        let server = Server::start(1, move |stream, _| {
            stream.write_all(head.as_bytes()).expect("written");
            trickle(stream, b' ');
        });
        let error = failure(&HttpClient::new().deadline(SHORT), &post(&server));
        // Some servers begin with a space and are told apart from HTTP at once.
        let is_right = matches!(error, HttpError::TimedOut { stage: "the whole exchange", limit: SHORT, .. })
            || (head.is_empty() && matches!(error, HttpError::Protocol { .. }));
        assert!(is_right, "{head}: {error:?}");
        assert_eq!(server.requests().len(), 1, "the connection was closed");
    }
}

// H52
#[test]
fn an_endpoint_that_says_nothing_is_given_up_at_the_deadline() {
    let server = Server::start(1, |stream, _| stay_silent(stream));
    let error = failure(&HttpClient::new().deadline(SHORT), &post(&server));
    assert!(matches!(error, HttpError::TimedOut { limit: SHORT, .. }) && error.is_retriable(), "{error:?}");
    assert!(error.to_string().contains("300 ms"), "{error}");
    assert_eq!(server.requests().len(), 1, "the connection was closed");
}

// H52
#[test]
fn interim_answers_without_an_end_come_to_an_end() {
    let server =
        Server::start(1, |stream, _| while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {});
    let error = failure(&HttpClient::new().deadline(SHORT), &post(&server));
    let is_bounded = matches!(error, HttpError::TimedOut { .. } | HttpError::TooLarge { .. });
    assert!(is_bounded, "{error:?}");
}

// H54
#[test]
fn a_port_at_which_nothing_listens_is_an_error_to_retry() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let error = failure(&HttpClient::new(), &HttpRequest::get(HttpUrl::parse(&url).expect("a URL")));
    assert!(matches!(error, HttpError::Connection { .. }) && error.is_retriable(), "{error:?}");
}

// H54
#[test]
fn an_answer_that_is_cut_off_anywhere_is_an_error_and_never_half_an_answer() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
    for end in 0..whole.len() {
        let server = Server::start(1, move |stream, _| {
            stream.write_all(&whole.as_bytes()[..end]).expect("written");
            stream.shutdown(Shutdown::Both).expect("closed");
        });
        let error = failure(&HttpClient::new(), &post(&server));
        assert!(
            matches!(error, HttpError::Connection { .. } | HttpError::Protocol { .. }),
            "{end}: {error:?}"
        );
    }
}

#[test]
fn what_is_no_http_is_an_error_and_its_text_is_harmless() {
    let head = "HTTP/1.1 200 OK\r\n";
    for bytes in [
        "\x16\x03\x01 a TLS server \x1b[31m\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        "HTTP/9.9 200 OK\r\n\r\n".to_owned(),
        "HTTP/1.1 99999 OK\r\n\r\n".to_owned(),
        format!("{head}Content-Length: -1\r\n\r\n"),
        format!("{head}Content-Length: 99999999999999999999\r\n\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n"),
        format!("{head}\x1b[31mbad\x07: x\r\n\r\n"),
    ] {
        let server = Server::answering([bytes.clone()]);
        let error = failure(&HttpClient::new().deadline(Duration::from_secs(5)), &post(&server));
        assert!(!matches!(error, HttpError::TimedOut { .. }), "{bytes:?}: {error:?}");
        assert!(error.to_string().chars().all(|c| !c.is_control()), "{error:?}");
    }
}

#[test]
fn a_header_that_would_break_the_request_is_refused() {
    let url = HttpUrl::parse("http://127.0.0.1:1/").expect("a URL");
    let request = HttpRequest::post(url).header("Authorization", "Basic hunter2\r\nX-Evil: 1");
    let error = failure(&HttpClient::new(), &request);
    assert_eq!(error, HttpError::BadHeader { name: "Authorization" });
}

// H50
#[test]
fn a_proxy_that_refuses_is_named_as_such_and_gets_no_credentials_of_ours() {
    let server =
        Server::answering(["HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"]);
    let proxies = Proxies::through(&server.url("").replace("http://", "http://u:p@"), "").expect("a proxy");
    let config = crate::tls::trusting(&[]);
    let client = HttpClient::new().tls(config).proxies(proxies);
    let url = HttpUrl::parse("https://issuer.example/token").expect("a URL");
    let error = failure(&client, &HttpRequest::post(url).header("Authorization", "Basic hunter2"));
    assert!(matches!(error, HttpError::Proxy { .. }), "{error:?}");
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("CONNECT issuer.example:443 HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("Proxy-Authorization: Basic dTpw\r\n") && !sent.contains("hunter2"), "{sent}");
}
