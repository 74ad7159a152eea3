//! What stands in front of the brokers: it knows where a request ends (or a record of TLS), and can cut before or behind one,
//! hold everything, or be slow. Of transactions it can also hold back one request and deliver it when its client has long asked
//! again elsewhere. Two threads for each connection; there are few.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xtask::kafka::ClientListener;

use crate::transactions::sight::{Sight, Waiting};

/// Produce's API key, which a request begins with.
const PRODUCE: [u8; 2] = [0, 0];
/// What a record of TLS begins with that carries data of the application.
const APPLICATION_DATA: u8 = 23;
/// A record of TLS that is longer is taken for a part of a Produce request: what else a client says is short.
const LONG_RECORD: usize = 1_200;

/// How bytes are cut into pieces that pass whole or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// Requests and answers of Kafka.
    #[default]
    Frames,
    /// Records of TLS; what is in them is not seen.
    TlsRecords,
}

/// What happens to the next request of an API, whichever broker it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The API key.
    pub(crate) api: i16,
    pub(crate) what: What,
}

/// See [`Trouble`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is lost, with its connection.
    Lost,
    /// Its answer is lost, with the connection.
    AnswerLost,
    /// The client loses the connection, and the broker gets the request on it so much later: the client has asked again by then.
    Late(Duration),
}

/// Troubles that wait for their requests, and what is seen of those of transactions.
#[derive(Debug, Default)]
pub(crate) struct Ambush {
    waiting: Mutex<Vec<Trouble>>,
    pub(crate) sight: Sight,
}

impl Ambush {
    /// One more trouble, unless so many of its API wait already.
    pub(crate) fn lay(&self, trouble: Trouble) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.iter().filter(|other| other.api == trouble.api).count() < MOST_WAITING {
            waiting.push(trouble);
        }
    }

    /// Nothing waits any longer.
    pub(crate) fn lift(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self, frame: &[u8]) -> Option<What> {
        let api = i16::from_be_bytes(frame.get(4..6)?.try_into().ok()?);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.iter().position(|trouble| trouble.api == api)?;
        Some(waiting.remove(place).what)
    }
}

/// So many troubles of one API wait at most: those of an API that no client uses would pile up.
const MOST_WAITING: usize = 3;
/// How long a broker may take to answer what came late.
const LATE_ANSWER: Duration = Duration::from_secs(3);

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
    /// Of a run with transactions.
    pub(crate) ambush: Option<Arc<Ambush>>,
}

/// One for each broker, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) ways: Vec<Arc<Way>>,
    ports: Vec<u16>,
}

impl Proxy {
    pub(crate) fn start(
        listeners: &[ClientListener],
        pieces: Pieces,
        ambush: Option<&Arc<Ambush>>,
    ) -> std::io::Result<Self> {
        let mut proxy = Self { ways: Vec::new(), ports: Vec::new() };
        for listener in listeners {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, listener.advertised))?;
            let way = Arc::new(Way { ambush: ambush.cloned(), ..Way::default() });
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
    let connection = Arc::new(Connection { way: Arc::clone(way), pieces, ..Connection::default() });
    let back = Arc::clone(&connection);
    let answers = std::thread::spawn(move || {
        let _ = back.answers(broker_again, client_again);
    });
    let _ = connection.requests(&client, &broker);
    let _ = (client.shutdown(Shutdown::Both), broker.shutdown(Shutdown::Both));
    let _ = answers.join();
}

/// What both threads of a connection know.
#[derive(Debug, Default)]
struct Connection {
    way: Arc<Way>,
    pieces: Pieces,
    /// The next answer is lost, with the connection.
    swallows: AtomicBool,
    /// The client is gone, and the broker does not know.
    is_held: AtomicBool,
    waiting: Waiting,
}

impl Connection {
    fn requests(&self, mut client: &TcpStream, mut broker: &TcpStream) -> std::io::Result<()> {
        let (way, pieces) = (&self.way, self.pieces);
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
                self.swallows.store(true, Ordering::SeqCst);
            }
            if let Some(ambush) = &way.ambush {
                ambush.sight.written(&frame, &self.waiting);
                let trouble = ambush.take(&frame);
                if trouble.is_some() {
                    way.cuts.fetch_add(1, Ordering::Relaxed);
                }
                match trouble {
                    None => {}
                    Some(What::Lost) => return Ok(()),
                    Some(What::AnswerLost) => self.swallows.store(true, Ordering::SeqCst),
                    Some(What::Late(by)) => return self.deliver_late(client, broker, &frame, by, ambush),
                }
            }
            broker.write_all(&frame)?;
        }
    }

    /// The client is let go now; the broker gets the request later, from a client that it takes for the same.
    fn deliver_late(
        &self,
        client: &TcpStream,
        mut broker: &TcpStream,
        frame: &[u8],
        by: Duration,
        ambush: &Ambush,
    ) -> std::io::Result<()> {
        self.is_held.store(true, Ordering::SeqCst);
        client.shutdown(Shutdown::Both)?;
        std::thread::sleep(by);
        ambush.sight.delivered(frame, &self.waiting);
        broker.write_all(frame)?;
        std::thread::sleep(LATE_ANSWER);
        Ok(())
    }

    /// Passes answers on; one that is to be swallowed ends the connection, the request having been carried out.
    fn answers(&self, mut broker: TcpStream, mut client: TcpStream) -> std::io::Result<()> {
        let sight = self.way.ambush.as_ref().map(|ambush| &ambush.sight);
        while let Some(frame) = self.pieces.read(&mut broker)? {
            self.way.wait();
            if self.swallows.load(Ordering::SeqCst) {
                break;
            }
            let is_passed = !self.is_held.load(Ordering::SeqCst) && client.write_all(&frame).is_ok();
            match sight {
                Some(sight) if is_passed => sight.answered(&frame, &self.waiting),
                Some(sight) if self.is_held.load(Ordering::SeqCst) => {
                    sight.answered_late(&frame, &self.waiting)
                }
                None if is_passed => {}
                Some(sight) => {
                    sight.answered_late(&frame, &self.waiting);
                    break;
                }
                None => break,
            }
        }
        let _ = (client.shutdown(Shutdown::Both), broker.shutdown(Shutdown::Both));
        Ok(())
    }
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
