//! A server that answers one connection after the other, each as its script says. Ends with the last.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    /// Answers with these, in their order.
    pub(crate) fn answering(answers: impl IntoIterator<Item = String>) -> Self {
        let answers: Vec<String> = answers.into_iter().collect();
        Self::run(move |listener| {
            let mut requests = Vec::new();
            for answer in &answers {
                let mut stream = listener.accept().expect("a connection").0;
                requests.push(read_request(&mut stream));
                // A client that has read enough closes before all is written.
                drop(stream.write_all(answer.as_bytes()));
            }
            requests
        })
    }

    /// Answers one connection with a byte after the other, until the client is gone.
    pub(crate) fn trickling() -> Self {
        Self::run(|listener| {
            let mut stream = listener.accept().expect("a connection").0;
            let request = read_request(&mut stream);
            stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nX: "));
            while stream.write_all(b"x").is_ok() {
                let is_gone = match stream.read(&mut [0; 16]) {
                    Ok(read) => read == 0,
                    Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                };
                if is_gone {
                    break;
                }
            }
            vec![request]
        })
    }

    fn run(serve: impl Fn(TcpListener) -> Vec<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let thread = std::thread::Builder::new().spawn(move || serve(listener)).expect("a thread");
        Self { address, thread }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests that came, when all have come.
    pub(crate) fn requests(self) -> Vec<String> {
        self.thread.join().expect("the server did not panic")
    }
}

/// An answer with a body.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

pub(crate) fn ok(body: &str) -> String {
    answer("200 OK", body)
}

/// Reads head and body.
fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(": "));
            let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = length.map(|(_, value)| value.parse::<usize>().expect("a length")).next();
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return text,
        }
    }
}

/// The value of a header.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let pairs = request.lines().filter_map(|line| line.split_once(": "));
    pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}
