//! A listener with TLS in front of kp-sim's broker: it hands requests on, one after the other.

use kp_protocol::BrokerId;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Ends with its value.
pub(crate) struct TlsListener {
    port: u16,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    broker: EmbeddedBroker,
}

impl TlsListener {
    /// A cluster of one broker, which is reached under `localhost`.
    pub(crate) fn start(config: Arc<ServerConfig>) -> Self {
        Self::before(EmbeddedOptions::new(), config)
    }

    /// The same of a broker with these options.
    pub(crate) fn before(options: EmbeddedOptions, config: Arc<ServerConfig>) -> Self {
        let broker = EmbeddedBroker::start(options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        broker.cluster().lock().advertise(BrokerId(1), "localhost", port).unwrap();
        let (ended, behind) = (Arc::new(AtomicBool::new(false)), broker.bootstrap());
        let over = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (config, behind) = (Arc::clone(&config), behind.clone());
                // It ends with its connection, whatever ends that.
                std::thread::spawn(move || serve(config, socket, &behind));
            }
        });
        Self { port, ended, thread: Some(thread), broker }
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

fn serve(config: Arc<ServerConfig>, socket: TcpStream, behind: &str) -> io::Result<()> {
    let mut client = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
    let mut broker = TcpStream::connect(behind)?;
    loop {
        let request = frame(&mut client)?;
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
    frame.resize(4 + size, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}
