//! A server on a port of this machine that does what a test says, one connection after the other, and keeps what it was asked:
//! for tests of what asks endpoints. Its thread ends with the last connection.
//! It serves tests only and is never published. It knows no more of HTTP than where a request ends.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// The server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    /// Takes as many connections as this, one after the other. `serve` is handed each, with the request that came on it.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start(connections: usize, serve: impl Fn(&mut TcpStream, &str) + Send + 'static) -> Self {
        Self::bare(connections, move |_, stream| {
            let request = read_request(stream);
            serve(stream, &request);
            request
        })
    }

    /// The same before anything was read: `serve` is handed the number of the connection, from 0, and answers what is kept
    /// of it.
    ///
    /// # Panics
    /// There is no free port.
    pub fn bare(
        connections: usize,
        serve: impl Fn(usize, &mut TcpStream) -> String + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let run = move || {
            let accept = |number| serve(number, &mut listener.accept().expect("a connection").0);
            (0..connections).map(accept).collect()
        };
        let thread = std::thread::Builder::new().spawn(run).expect("a thread");
        Self { address, thread }
    }

    /// Answers a connection with each of these, in their order.
    ///
    /// # Panics
    /// There is no free port.
    pub fn answering<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> Self {
        let answers: Vec<Vec<u8>> = answers.into_iter().map(Into::into).collect();
        Self::bare(answers.len(), move |number, stream| {
            let request = read_request(stream);
            // A client that has read enough closes before all is written.
            drop(stream.write_all(&answers[number]));
            request
        })
    }

    /// Answers one connection with these bytes, then with a byte after the other until the client is gone.
    ///
    /// # Panics
    /// There is no free port.
    pub fn trickling(head: &'static str) -> Self {
        Self::start(1, move |stream, _| {
            drop(stream.write_all(head.as_bytes()));
            trickle(stream, b' ');
        })
    }

    /// The URL of a path, such as `/token`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests that came, when all have come.
    ///
    /// # Panics
    /// The server's thread did.
    #[must_use]
    pub fn requests(self) -> Vec<String> {
        self.thread.join().expect("the server did not panic")
    }
}

/// An answer with a status, such as `200 OK`, and a body; the connection is at its end then.
#[must_use]
pub fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// The value of a header of a request.
#[must_use]
pub fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split_once("\r\n\r\n").map_or(request, |(head, _)| head);
    let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
    pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Whether a request has its head, and as much of a body as the head says.
///
/// # Panics
/// The length that the head says is no number.
#[must_use]
pub fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = header(head, "content-length").map_or(0, |length| length.parse().expect("a length"));
    body.len() >= length
}

/// Reads head and body; less if the client says no more.
pub fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if is_whole(&text) {
            return text;
        }
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return text,
        }
    }
}

/// Writes `byte` again and again, a few milliseconds apart, until the client is gone.
///
/// # Panics
/// The socket takes no timeout.
pub fn trickle(stream: &mut TcpStream, byte: u8) {
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    while stream.write_all(&[byte]).is_ok() {
        let is_gone = match stream.read(&mut [0; 16]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        if is_gone {
            return;
        }
    }
}

/// Says nothing until the client is gone.
pub fn stay_silent(stream: &mut TcpStream) {
    while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_its_answer_and_what_was_asked_is_kept_whole() {
        let server = Server::answering([answer("200 OK", "one"), answer("500 Broken", "")]);
        let ask = |parts: &[&str]| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
            for part in parts {
                stream.write_all(part.as_bytes()).expect("written");
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("text");
            answer
        };
        let parts = ["POST /a HTTP/1.1\r\ncontent-LENGTH: 4\r\n", "\r\nab", "cd"];
        assert!(ask(&parts).ends_with("Content-Length: 3\r\nConnection: close\r\n\r\none"));
        assert!(ask(&["GET /b HTTP/1.1\r\n\r\n"]).starts_with("HTTP/1.1 500 Broken\r\n"));
        assert_eq!(server.requests(), [&parts.concat(), "GET /b HTTP/1.1\r\n\r\n"]);
    }

    #[test]
    fn a_header_is_found_whatever_its_case_and_never_in_the_body() {
        let request = "POST / HTTP/1.1\r\nX-A: 1\r\n\r\nX-B: 2";
        assert_eq!((header(request, "x-a"), header(request, "X-B")), (Some("1"), None));
    }

    #[test]
    fn half_a_request_is_not_whole() {
        for half in ["", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"] {
            assert!(!is_whole(half), "{half}");
        }
        assert!(is_whole("GET / HTTP/1.1\r\n\r\n"));
    }
}
