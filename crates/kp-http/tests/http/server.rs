//! A server of which each connection goes as a closure says. Ends with the last of them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    /// Takes `connections` connections, one after the other. `serve` is handed each, with the request that came on it,
    /// whole.
    pub(crate) fn start(connections: usize, serve: impl Fn(&mut TcpStream, &str) + Send + 'static) -> Self {
        Self::bare(connections, move |stream| {
            let request = read_request(stream);
            serve(stream, &request);
            request
        })
    }

    /// The same, before anything was read.
    pub(crate) fn bare(
        connections: usize,
        serve: impl Fn(&mut TcpStream) -> String + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let run = move || {
            let connections = listener.incoming().take(connections);
            connections.map(|stream| serve(&mut stream.expect("a connection"))).collect()
        };
        let thread = std::thread::Builder::new().spawn(run).expect("a thread");
        Self { address, thread }
    }

    pub(crate) fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        // A client that has read enough closes before all is written.
        Self::start(1, move |stream, _| drop(stream.write_all(&bytes)))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests that came.
    pub(crate) fn requests(self) -> Vec<String> {
        self.thread.join().expect("the server did not panic")
    }
}

/// Reads head and body.
pub(crate) fn read_request(stream: &mut impl Read) -> String {
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

/// Writes `byte` again and again, a few milliseconds apart, until the client is gone.
pub(crate) fn trickle(stream: &mut TcpStream, byte: u8) {
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
pub(crate) fn stay_silent(stream: &mut TcpStream) {
    while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
}
