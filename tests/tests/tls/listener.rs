//! A listener with TLS in front of kp-sim's broker: it hands requests on, one after the other.

use kp_protocol::BrokerId;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The largest frame that is read.
const MOST: usize = 100 * 1024 * 1024;

/// Ends with its value.
pub(crate) struct TlsListener {
    port: u16,
    ended: Arc<AtomicBool>,
    is_plain: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    broker: EmbeddedBroker,
}

impl TlsListener {
    /// A cluster of one broker, which is reached under `localhost`.
    pub(crate) fn start(config: Arc<ServerConfig>) -> Self {
        let broker = EmbeddedBroker::start(EmbeddedOptions::new()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        broker.cluster().lock().advertise(BrokerId(1), "localhost", port).unwrap();
        let (ended, behind) = (Arc::new(AtomicBool::new(false)), broker.bootstrap());
        let is_plain = Arc::new(AtomicBool::new(false));
        let (over, plain) = (Arc::clone(&ended), Arc::clone(&is_plain));
        let thread = std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (config, plain, behind) = (Arc::clone(&config), Arc::clone(&plain), behind.clone());
                // It ends with its connection, whatever ends that.
                std::thread::spawn(move || match plain.load(Ordering::Relaxed) {
                    true => serve(socket, &behind, || plain.load(Ordering::Relaxed)),
                    false => {
                        let tls = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
                        serve(tls, &behind, || !plain.load(Ordering::Relaxed))
                    }
                });
            }
        });
        Self { port, ended, is_plain, thread: Some(thread), broker }
    }

    /// It speaks plaintext from now on, or TLS again; connections of the other kind end with their next request.
    pub(crate) fn be_plain(&self, is_plain: bool) {
        self.is_plain.store(is_plain, Ordering::Relaxed);
    }

    pub(crate) fn bootstrap(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(crate) fn records(&self) -> u64 {
        self.broker.cluster().lock().record_count("events")
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(mut client: impl Read + Write, behind: &str, goes_on: impl Fn() -> bool) -> io::Result<()> {
    let mut broker = TcpStream::connect(behind)?;
    loop {
        let request = frame(&mut client)?;
        if !goes_on() {
            return Ok(());
        }
        broker.write_all(&request)?;
        client.write_all(&frame(&mut broker)?)?;
        client.flush()?;
    }
}

/// A request or a response, with its size before it.
fn frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame)?;
    let size = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
    // As a broker: what begins like TLS has a size that no request has.
    if size > MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    frame.resize(4 + size, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}
