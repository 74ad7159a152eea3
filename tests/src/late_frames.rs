//! A network that holds one request back: it stands in front of the brokers, passes everything on, and keeps the requests that a
//! test names until the test delivers them, long after their client has given up and asked again (KAFKA-17754).
//!
//! Owns: the sockets between clients and brokers. Never: a request that no test named.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kp_protocol::{ApiKey, Message, Request, decode_response_header};
use xtask::kafka::ClientListener;

/// How long a test waits for a frame before it fails.
const PATIENCE: Duration = Duration::from_secs(30);
/// A frame's size, API, version and correlation id: what each begins with.
const SHORTEST: usize = 12;

/// The way to a cluster, broker by broker.
#[derive(Debug)]
pub struct LateFrames {
    ports: Vec<u16>,
    wanted: Arc<Mutex<Vec<Wanted>>>,
}

/// Which request is to be held back.
#[derive(Debug)]
struct Wanted {
    api: ApiKey,
    text: String,
    holder: Sender<Late>,
}

/// A request that will be held back when it comes.
#[derive(Debug)]
pub struct Held(Receiver<Late>);

/// A request that is held back, on a connection that the broker takes for a good one.
#[derive(Debug)]
pub struct Late {
    frame: Vec<u8>,
    broker: TcpStream,
    answer: Receiver<Vec<u8>>,
}

/// The answer that a connection must not pass on: its correlation id, and who waits for it.
type Diverted = OnceLock<(i32, Sender<Vec<u8>>)>;

impl LateFrames {
    /// Listens where each broker tells its clients to go.
    ///
    /// # Errors
    /// A port is taken.
    pub fn start(listeners: &[ClientListener]) -> std::io::Result<Self> {
        let wanted = Arc::<Mutex<Vec<Wanted>>>::default();
        for &ClientListener { port, advertised } in listeners {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, advertised))?;
            let wanted = Arc::clone(&wanted);
            std::thread::spawn(move || {
                for client in socket.incoming().flatten() {
                    let wanted = Arc::clone(&wanted);
                    std::thread::spawn(move || connect(client, port, &wanted));
                }
            });
        }
        Ok(Self { ports: listeners.iter().map(|listener| listener.advertised).collect(), wanted })
    }

    /// What clients start from.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// From now on the next request of `api` in which `text` stands is held back, e.g. a `transactional.id`; once. What its
    /// client says behind it on the same connection is lost.
    #[must_use]
    pub fn hold(&self, api: ApiKey, text: &str) -> Held {
        let (holder, held) = channel();
        let wanted = Wanted { api, text: text.to_owned(), holder };
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).push(wanted);
        Held(held)
    }
}

impl Held {
    /// Waits until there is such a request.
    ///
    /// # Panics
    /// When none came within 30 seconds.
    #[must_use]
    pub fn wait(self) -> Late {
        self.0.recv_timeout(PATIENCE).expect("there is such a request")
    }
}

impl Late {
    /// Gives it to the broker at last, and answers what that says.
    ///
    /// # Panics
    /// When it is no `R`, or the broker gives no answer to it.
    #[must_use]
    pub fn deliver<R: Request>(mut self) -> R::Response {
        let version = i16::from_be_bytes([self.frame[6], self.frame[7]]);
        assert_eq!(api_of(&self.frame), R::KEY.key(), "a request of that kind was held back");
        self.broker.write_all(&self.frame).expect("the connection was kept");
        let answer = Bytes::from(self.answer.recv_timeout(PATIENCE).expect("the broker answers"));
        let (_, body) = decode_response_header(R::KEY, version, &answer).expect("a response header");
        R::Response::parse(&body, version).expect("an answer of this version")
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        let _ = self.broker.shutdown(Shutdown::Both);
    }
}

fn connect(client: TcpStream, port: u16, wanted: &Mutex<Vec<Wanted>>) {
    // A broker that is down refuses; so does the way to it.
    let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let (Ok(client_again), Ok(broker_again)) = (client.try_clone(), broker.try_clone()) else { return };
    let diverted = Arc::new(Diverted::new());
    let back = Arc::clone(&diverted);
    let answers = std::thread::spawn(move || {
        let _ = pass_answers(broker_again, client_again, &back);
    });
    let _ = pass_requests(&client, &broker, wanted, &diverted);
    let _ = client.shutdown(Shutdown::Both);
    // One with a request that is held back outlives its client.
    if diverted.get().is_none() {
        let _ = broker.shutdown(Shutdown::Both);
    }
    let _ = answers.join();
}

fn pass_requests(
    mut client: &TcpStream,
    mut broker: &TcpStream,
    wanted: &Mutex<Vec<Wanted>>,
    diverted: &Diverted,
) -> std::io::Result<()> {
    while let Some(frame) = read_frame(&mut client)? {
        let holder = take_holder(&frame, wanted);
        if let Some(holder) = holder {
            let (teller, answer) = channel();
            let id = i32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
            // One frame is held for each connection: nothing behind it is passed on.
            let _ = diverted.set((id, teller));
            let _ = holder.send(Late { frame, broker: broker.try_clone()?, answer });
            while read_frame(&mut client)?.is_some() {}
            return Ok(());
        }
        broker.write_all(&frame)?;
    }
    Ok(())
}

/// Who wants this request to be held back, if anybody does.
fn take_holder(frame: &[u8], wanted: &Mutex<Vec<Wanted>>) -> Option<Sender<Late>> {
    if frame.len() < SHORTEST {
        return None;
    }
    let mut wanted = wanted.lock().unwrap_or_else(PoisonError::into_inner);
    let is_wanted = |wanted: &Wanted| {
        let text = wanted.text.as_bytes();
        wanted.api.key() == api_of(frame) && frame.windows(text.len()).any(|part| part == text)
    };
    let place = wanted.iter().position(is_wanted)?;
    Some(wanted.swap_remove(place).holder)
}

fn pass_answers(mut broker: TcpStream, mut client: TcpStream, diverted: &Diverted) -> std::io::Result<()> {
    while let Some(frame) = read_frame(&mut broker)? {
        match diverted.get() {
            Some((id, teller)) if frame.get(4..8) == Some(&id.to_be_bytes()) => {
                let _ = teller.send(frame[4..].to_vec());
            }
            // Its client has gone.
            Some(_) => drop(client.write_all(&frame)),
            None => client.write_all(&frame)?,
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    Ok(())
}

/// The next request or answer with its size; `None` at the end.
fn read_frame(from: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; 4];
    if from.read_exact(&mut frame).is_err() {
        return Ok(None);
    }
    let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
    frame.resize(4 + length, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

fn api_of(frame: &[u8]) -> i16 {
    i16::from_be_bytes([frame[4], frame[5]])
}
