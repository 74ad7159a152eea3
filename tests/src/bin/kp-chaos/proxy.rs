//! What stands in front of the brokers: it knows where a request ends (or a record of TLS), and can cut before or behind one,
//! hold everything, or be slow. Two threads for each connection; there are few.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use xtask::kafka::ClientListener;

/// Produce's API key, which a request begins with.
const PRODUCE: [u8; 2] = [0, 0];
/// What a record of TLS begins with that carries data of the application.
const APPLICATION_DATA: u8 = 23;
/// A record of TLS that is longer is taken for a part of a Produce request: what else a client says is short.
const LONG_RECORD: usize = 1_200;

/// How bytes are cut into pieces that pass whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// Requests and answers of Kafka.
    Frames,
    /// Records of TLS; what is in them is not seen.
    TlsRecords,
}

/// What is wrong with the way to one broker.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// The next Produce requests whose connection is cut before they are forwarded.
    pub(crate) cut_before: AtomicU64,
    /// The next Produce requests whose answer is swallowed, with the connection.
    pub(crate) cut_after: AtomicU64,
    /// Nothing passes.
    pub(crate) is_black_hole: AtomicBool,
    /// Each request is held back so long, in milliseconds.
    pub(crate) delay_ms: AtomicU64,
    /// How many connections were cut by it.
    pub(crate) cuts: AtomicU64,
}

/// One for each broker, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) ways: Vec<Arc<Way>>,
    ports: Vec<u16>,
}

impl Proxy {
    pub(crate) fn start(listeners: &[ClientListener], pieces: Pieces) -> std::io::Result<Self> {
        let mut proxy = Self { ways: Vec::new(), ports: Vec::new() };
        for listener in listeners {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, listener.advertised))?;
            let way = Arc::new(Way::default());
            proxy.ways.push(Arc::clone(&way));
            proxy.ports.push(listener.advertised);
            let port = listener.port;
            std::thread::spawn(move || {
                for client in socket.incoming().flatten() {
                    let way = Arc::clone(&way);
                    std::thread::spawn(move || connect(client, port, &way, pieces));
                }
            });
        }
        Ok(proxy)
    }

    pub(crate) fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }
}

fn connect(client: TcpStream, port: u16, way: &Arc<Way>, pieces: Pieces) {
    way.wait();
    // A broker that is down refuses; so does the way to it.
    let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let (Ok(client_again), Ok(broker_again)) = (client.try_clone(), broker.try_clone()) else { return };
    let swallow = Arc::new(AtomicBool::new(false));
    let (back, swallows) = (Arc::clone(way), Arc::clone(&swallow));
    let answers = std::thread::spawn(move || {
        let _ = answers(broker_again, client_again, &back, &swallows, pieces);
    });
    let _ = requests(&client, &broker, way, &swallow, pieces);
    let _ = (client.shutdown(Shutdown::Both), broker.shutdown(Shutdown::Both));
    let _ = answers.join();
}

fn requests(
    mut client: &TcpStream,
    mut broker: &TcpStream,
    way: &Way,
    swallow: &AtomicBool,
    pieces: Pieces,
) -> std::io::Result<()> {
    loop {
        let Some(frame) = pieces.read(&mut client)? else { return Ok(()) };
        way.wait();
        let is_produce = pieces.is_produce(&frame);
        if is_produce && take_one(&way.cut_before) {
            way.cuts.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if is_produce && take_one(&way.cut_after) {
            way.cuts.fetch_add(1, Ordering::Relaxed);
            swallow.store(true, Ordering::SeqCst);
        }
        broker.write_all(&frame)?;
    }
}

/// Passes answers on; one that is to be swallowed ends the connection, the request having been carried out.
fn answers(
    mut broker: TcpStream,
    mut client: TcpStream,
    way: &Way,
    swallow: &AtomicBool,
    pieces: Pieces,
) -> std::io::Result<()> {
    while let Some(frame) = pieces.read(&mut broker)? {
        way.wait();
        if swallow.load(Ordering::SeqCst) {
            break;
        }
        client.write_all(&frame)?;
    }
    let _ = (client.shutdown(Shutdown::Both), broker.shutdown(Shutdown::Both));
    Ok(())
}

impl Pieces {
    /// The next piece, whole; `None` at the end.
    fn read(self, from: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
        let mut header = match self {
            Self::Frames => vec![0; 4],
            Self::TlsRecords => vec![0; 5],
        };
        if from.read_exact(&mut header).is_err() {
            return Ok(None);
        }
        let length = match (self, &header[..]) {
            (Self::Frames, [a, b, c, d]) => u32::from_be_bytes([*a, *b, *c, *d]) as usize,
            (_, [.., high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        let begin = header.len();
        header.resize(begin + length, 0);
        from.read_exact(&mut header[begin..])?;
        Ok(Some(header))
    }

    /// Whether a client's piece is a Produce request, or looks like a part of one.
    fn is_produce(self, piece: &[u8]) -> bool {
        match self {
            Self::Frames => piece.get(4..6) == Some(&PRODUCE),
            Self::TlsRecords => piece.first() == Some(&APPLICATION_DATA) && piece.len() > LONG_RECORD,
        }
    }
}

fn take_one(count: &AtomicU64) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Way {
    /// Holds the caller as long as nothing may pass.
    fn wait(&self) {
        let delay = Duration::from_millis(self.delay_ms.load(Ordering::Relaxed));
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let begun = Instant::now();
        while self.is_black_hole.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
