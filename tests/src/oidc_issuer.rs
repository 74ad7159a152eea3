//! An issuer of tokens for tests: an OAuth 2.0 token endpoint with its keys (`/jwks`), on a port of this machine.
//! What it does wrong is in the path: `/redirect`, `/huge`, `/slow`, `/html`, `/500`, `/400`, `/notoken`, `/expired`, `/short`. `/token`
//! does nothing wrong; `/unsigned` and `/unsigned-short` do not sign, for brokers that take such tokens. It knows the clients `kp` with the
//! secret [`OidcIssuer::SECRET`] and `client-id` with `client/secret==`, as guides of vendors call theirs, and takes any assertion.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use scripted_http::{is_whole, read_request};
use serde_json::json;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// For nothing but these tests.
const KEY: &[u8] = include_bytes!("../testdata/issuer.pem");
/// `SEQUENCE { INTEGER, INTEGER }`: the modulus and the exponent 65537.
const PUBLIC_KEY: &[u8] = include_bytes!("../testdata/issuer.public.der");
/// Where the 256 bytes of the modulus stand in it.
const MODULUS: std::ops::Range<usize> = 9..265;

/// An issuer that runs until it is dropped.
pub struct OidcIssuer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    key: Arc<dyn SigningKey>,
    requests: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl OidcIssuer {
    /// The secret of the client `kp`.
    pub const SECRET: &str = xtask::kafka::ISSUER_SECRET;

    /// An issuer on this port of the loopback interface; 0 is any that is free.
    ///
    /// # Panics
    /// The port cannot be had.
    #[must_use]
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let provider = rustls::crypto::ring::default_provider();
        let shared = Arc::new(Shared {
            address: listener.local_addr().expect("an address"),
            key: provider.key_provider.load_private_key(key).expect("a key of RSA"),
            requests: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serving.serve(&listener));
        Self { shared, thread: Some(thread) }
    }

    /// The URL of a path, such as `/token`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.shared.address)
    }

    /// The requests that came, head and body.
    ///
    /// # Panics
    /// A thread of the issuer panicked.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().expect("no thread panicked").clone()
    }

    /// Serves until the process ends.
    pub fn run(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for OidcIssuer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One connection more, for the thread to look up.
            drop(TcpStream::connect(self.shared.address));
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(mut stream) = stream else { continue };
            let serving = Arc::clone(self);
            // Its end is the client's: what is slow or huge goes on until then.
            std::thread::spawn(move || {
                let request = read_request(&mut stream);
                if !is_whole(&request) {
                    return;
                }
                serving.requests.lock().expect("no thread panicked").push(request.clone());
                let _ = serving.answer(&mut stream, &request);
            });
        }
    }

    fn answer(&self, stream: &mut TcpStream, request: &str) -> std::io::Result<()> {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let mut out = |status: u16, more: &str, body: &str| {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n{more}"
            );
            stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes())
        };
        match path {
            "/jwks" => out(200, "", &self.keys()),
            "/redirect" => out(302, &format!("Location: http://{}/token\r\n", self.address), ""),
            "/500" => out(500, "", r#"{"error":"server_error"}"#),
            "/400" => out(400, "", r#"{"error":"invalid_client","error_description":"no such client"}"#),
            "/html" => out(200, "", "<html>login</html>"),
            "/notoken" => out(200, "", r#"{"token_type":"Bearer"}"#),
            "/slow" => trickle(stream),
            "/huge" => flood(stream),
            _ if !is_known(request) => out(401, "", r#"{"error":"invalid_client"}"#),
            _ => out(200, "", &self.token(path)),
        }
    }

    fn keys(&self) -> String {
        let modulus = URL_SAFE_NO_PAD.encode(&PUBLIC_KEY[MODULUS]);
        let key = json!({"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": modulus, "e": "AQAB"});
        json!({"keys": [key]}).to_string()
    }

    fn token(&self, path: &str) -> String {
        let life = match path {
            "/expired" => -10,
            "/short" => 5,
            "/unsigned-short" => 12,
            _ => 300,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let exp = i64::try_from(now).expect("it is before the end of time") + life;
        let issuer = format!("http://{}", self.address);
        let claims = json!({"iss": issuer, "aud": "kafka", "sub": "kp-oidc", "iat": now, "exp": exp, "scope": "kafka"});
        let is_signed = !path.starts_with("/unsigned");
        let header = if is_signed {
            json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
        } else {
            json!({"alg": "none"})
        };
        let part = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = if is_signed { self.signature(&message) } else { Vec::new() };
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        json!({"access_token": token, "token_type": "Bearer", "expires_in": life}).to_string()
    }

    fn signature(&self, message: &str) -> Vec<u8> {
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).expect("a key of RSA");
        signer.sign(message.as_bytes()).expect("it signs")
    }
}

/// Whether the client shows its secret, or an assertion.
fn is_known(request: &str) -> bool {
    let clients = [("kp", OidcIssuer::SECRET), ("client-id", "client/secret==")];
    clients.iter().any(|(client, secret)| {
        let basic = STANDARD.encode(format!("{client}:{secret}"));
        request.contains(&format!("Basic {basic}\r\n"))
    }) || request.contains("client_assertion=")
        || request.contains("grant-type%3Ajwt-bearer")
}

fn trickle(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
    loop {
        stream.write_all(b" ")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn flood(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    loop {
        stream.write_all(&[b' '; 65536])?;
    }
}
