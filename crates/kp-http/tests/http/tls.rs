//! https, with certificates that are made here.

use kp_http::{HttpClient, HttpError, HttpRequest, HttpUrl, Proxies};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, Stream};
use scripted_http::{Server, read_request, stay_silent, trickle};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// A client's configuration that believes these certificates.
pub(crate) fn trusting(certificates: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.expect("versions").with_root_certificates(roots).with_no_client_auth())
}

/// A server's configuration for `name`, and the certificate that a client has to believe.
fn certified(name: &str) -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    let config = builder.with_single_cert(vec![cert.der().clone()], key).expect("a key");
    (Arc::new(config), cert.der().clone())
}

/// Answers one request over TLS.
fn answer_over_tls(config: &Arc<ServerConfig>, socket: &mut TcpStream) -> String {
    let mut connection = ServerConnection::new(Arc::clone(config)).expect("a connection");
    let mut stream = Stream::new(&mut connection, socket);
    let request = read_request(&mut stream);
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken"));
    request
}

fn https_server(name: &str) -> (Server, CertificateDer<'static>) {
    let (config, certificate) = certified(name);
    (Server::bare(1, move |_, socket| answer_over_tls(&config, socket)), certificate)
}

fn to(server: &Server, host: &str) -> HttpRequest {
    let url = HttpUrl::parse(&format!("https://{host}:{}/token", server.port())).expect("a URL");
    HttpRequest::post(url).header("Authorization", "Basic hunter2").body("a=b")
}

#[test]
fn a_request_and_its_answer_travel_over_tls() {
    let (server, certificate) = https_server("localhost");
    let client = HttpClient::new().tls(trusting(&[certificate]));
    let answer = client.send(&to(&server, "localhost")).expect("an answer");
    assert_eq!(answer.body(), b"token");
    assert!(server.requests()[0].starts_with("POST /token HTTP/1.1\r\n"));
}

#[test]
fn a_certificate_of_another_authority_or_of_another_name_is_refused_before_anything_is_sent() {
    let (server, _) = https_server("localhost");
    let error = HttpClient::new().tls(trusting(&[])).send(&to(&server, "localhost")).expect_err("unknown");
    assert!(matches!(&error, HttpError::Tls { cause, .. } if cause.contains("authority")), "{error:?}");
    assert!(!error.is_retriable());
    assert!(!server.requests()[0].contains("hunter2"));

    let (server, certificate) = https_server("elsewhere.example");
    let client = HttpClient::new().tls(trusting(&[certificate]));
    let error = client.send(&to(&server, "localhost")).expect_err("of another name");
    assert!(
        matches!(&error, HttpError::Tls { cause, .. } if cause.contains("elsewhere.example")),
        "{error:?}"
    );
}

// H52
#[test]
fn the_deadline_is_that_of_the_handshake_too() {
    for is_silent in [true, false] {
        let server = Server::bare(1, move |_, socket| {
            if is_silent {
                stay_silent(socket);
            } else {
                // The head of a record of 16 KiB, and then a byte now and then.
                socket.write_all(&[0x16, 3, 3, 0x40, 0]).expect("written");
                let _ = socket.read(&mut [0; 4096]);
                trickle(socket, 2);
            }
            String::new()
        });
        let client = HttpClient::new().tls(trusting(&[])).deadline(Duration::from_millis(300));
        let error = client.send(&to(&server, "localhost")).expect_err("no handshake");
        assert!(matches!(error, HttpError::TimedOut { .. }), "{error:?}");
        drop(server.requests());
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_an_error_at_once() {
    let server = Server::bare(1, |_, socket| {
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("written");
        stay_silent(socket);
        String::new()
    });
    let error = HttpClient::new().tls(trusting(&[])).send(&to(&server, "localhost")).expect_err("no TLS");
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
}

#[test]
fn https_goes_through_a_proxy_that_sees_no_more_than_the_name() {
    let (config, certificate) = certified("issuer.example");
    let proxy = Server::bare(1, move |_, socket| {
        let asked = read_request(socket);
        socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("written");
        asked + &answer_over_tls(&config, socket)
    });
    let client = HttpClient::new()
        .tls(trusting(&[certificate]))
        .proxies(Proxies::through(&proxy.url(""), "").expect("a proxy"));
    let url = HttpUrl::parse("https://issuer.example/token").expect("a URL");
    let answer = client.send(&HttpRequest::post(url).body("a=b")).expect("an answer");
    assert_eq!(answer.body(), b"token");
    let seen = proxy.requests().remove(0);
    assert!(seen.starts_with("CONNECT issuer.example:443 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("POST /token HTTP/1.1\r\n"), "{seen}");
}
