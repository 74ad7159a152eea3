//! What is sent, and the answers that are good.

use kp_http::{HttpClient, HttpRequest, HttpUrl, MAX_BODY};
use scripted_http::Server;
use std::io::Write;

fn url(text: &str) -> HttpUrl {
    HttpUrl::parse(text).expect("a URL")
}

const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn a_post_arrives_with_its_headers_and_its_body() {
    let server = Server::answering(["HTTP/1.1 200 OK\r\nX-Ttl: 7\r\nContent-Length: 2\r\n\r\n{}"]);
    let request = HttpRequest::post(url(&server.url("/token?tenant=a")))
        .header("Authorization", "Basic a3A6c2VjcmV0")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let answer = HttpClient::new().send(&request).expect("an answer");
    assert_eq!((answer.status(), answer.body()), (200, &b"{}"[..]));
    assert_eq!((answer.header("x-ttl"), answer.header("no")), (Some("7"), None));
    let port = server.port();
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("POST /token?tenant=a HTTP/1.1\r\n"), "{sent}");
    let lower = sent.to_lowercase();
    for line in [
        &format!("host: 127.0.0.1:{port}\r\n"),
        "authorization: basic a3a6c2vjcmv0\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-length: 29\r\n",
        "user-agent: kp/",
    ] {
        assert!(lower.contains(line), "{line}: {sent}");
    }
    assert!(sent.ends_with("\r\n\r\ngrant_type=client_credentials"), "{sent}");
    assert!(!lower.contains("expect:") && !lower.contains("transfer-encoding"), "{sent}");
}

#[test]
fn get_and_put_arrive_with_their_methods() {
    let server = Server::start(2, |stream, _| stream.write_all(EMPTY.as_bytes()).expect("written"));
    let client = HttpClient::new();
    let get = client.send(&HttpRequest::get(url(&server.url("/a"))).header("X-Aws-Ec2-Metadata-Token", "t"));
    assert_eq!(get.expect("an answer").status(), 204);
    let put = client.send(&HttpRequest::put(url(&server.url("/b"))));
    assert_eq!(put.expect("an answer").status(), 204);
    let sent = server.requests();
    assert!(sent[0].starts_with("GET /a HTTP/1.1\r\n") && !sent[0].contains("ontent-"), "{}", sent[0]);
    assert!(sent[1].starts_with("PUT /b HTTP/1.1\r\n"), "{}", sent[1]);
    assert!(sent[1].to_lowercase().contains("content-length: 0\r\n"), "{}", sent[1]);
}

// H53
#[test]
fn a_refusal_is_an_answer_with_its_body() {
    let server =
        Server::answering(["HTTP/1.1 401 Unauthorized\r\nContent-Length: 15\r\n\r\n{\"error\":\"bad\"}"]);
    let answer = HttpClient::new().send(&HttpRequest::post(url(&server.url("/")))).expect("an answer");
    assert_eq!((answer.status(), answer.into_body()), (401, br#"{"error":"bad"}"#.to_vec()));
}

#[test]
fn an_answer_in_chunks_and_one_that_ends_with_the_connection_are_whole() {
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for bytes in [chunks, "HTTP/1.1 200 OK\r\n\r\nabcde", "HTTP/1.0 200 OK\r\n\r\nabcde"] {
        let server = Server::answering([bytes]);
        let answer = HttpClient::new().send(&HttpRequest::get(url(&server.url("/")))).expect(bytes);
        assert_eq!(answer.body(), b"abcde", "{bytes}");
    }
}

// H51
#[test]
fn a_body_of_a_mebibyte_is_taken_whole() {
    let length = usize::try_from(MAX_BODY).expect("it fits");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let server = Server::answering([[head.into_bytes(), vec![b'a'; length]].concat()]);
    let answer = HttpClient::new().send(&HttpRequest::get(url(&server.url("/")))).expect("an answer");
    assert_eq!(answer.body().len(), length);
}

// H57
#[test]
fn http_goes_to_this_machine_and_to_others_only_if_it_may() {
    let far = url("http://issuer.example/token");
    let refused = HttpClient::new().check(&far).expect_err("it would travel in the clear").to_string();
    assert!(refused.contains("issuer.example:80") && refused.contains("https"), "{refused}");
    assert!(HttpClient::new().send(&HttpRequest::get(far.clone())).is_err());
    assert_eq!(HttpClient::new().http_to_others(true).check(&far), Ok(()));
    assert_eq!(HttpClient::new().check(&url("http://127.0.0.1:1/")), Ok(()));
}

#[test]
fn https_without_tls_is_an_error_that_names_the_features() {
    let error =
        HttpClient::new().send(&HttpRequest::get(url("https://issuer.example/"))).expect_err("no TLS");
    assert!(error.to_string().contains("`tls-graviola`"), "{error}");
}

#[test]
fn neither_headers_nor_bodies_are_printed() {
    let server =
        Server::answering(["HTTP/1.1 200 OK\r\nX-Token: hunter2\r\nContent-Length: 7\r\n\r\nhunter2"]);
    let request = HttpRequest::post(url(&server.url("/?q=hunter2"))).header("Authorization", "hunter2");
    let request = request.body("hunter2");
    let answer = HttpClient::new().send(&request).expect("an answer");
    let text = format!("{request:?} {answer:?} {:?}", HttpClient::new());
    assert!(!text.contains("hunter2"), "{text}");
}
