//! A [`Selectable`] that does what a test says: names resolve, sockets connect, take and give bytes as told. Time is
//! a [`ManualClock`], which a wait moves to its end.

use crate::{
    CertificateSummary, ConnectionEncryption, ConnectionNumber, Dial, Selectable, SelectorEvent, TlsFailure,
    Wait,
};
use bytes::BytesMut;
use kp_sasl::Work;
use kp_time::ManualClock;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

/// The client's end.
pub(super) struct Scripted {
    clock: ManualClock,
    net: Net,
    rung: Arc<Ring>,
}

/// The test's end: shares the state with the client's.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    look_ups: Vec<(ConnectionNumber, String)>,
    attempts: Vec<(ConnectionNumber, SocketAddr)>,
    names: Vec<String>,
    sockets: BTreeMap<ConnectionNumber, Socket>,
    events: Vec<SelectorEvent>,
    waits: Vec<Wait>,
    works: Vec<(ConnectionNumber, Work)>,
    plain: Vec<ConnectionNumber>,
    encrypts: bool,
    only_encrypts: bool,
}

struct Socket {
    taken: Vec<u8>,
    writes: usize,
    /// How many bytes it takes before it is full.
    room: usize,
    inbox: VecDeque<io::Result<Vec<u8>>>,
    waits_to_read: bool,
    waits_to_write: bool,
}

#[derive(Default)]
struct Ring(AtomicBool);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Scripted {
    pub(super) fn new(clock: ManualClock, net: Net) -> Self {
        Self { clock, net, rung: Arc::default() }
    }
}

impl Net {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The names asked for since the last time.
    pub(super) fn look_ups(&self) -> Vec<(ConnectionNumber, String)> {
        std::mem::take(&mut self.lock().look_ups)
    }

    /// The attempts to connect since the last time.
    pub(super) fn attempts(&self) -> Vec<(ConnectionNumber, SocketAddr)> {
        std::mem::take(&mut self.lock().attempts)
    }

    /// The attempts that went without encryption, since the last time.
    pub(super) fn plain_attempts(&self) -> Vec<ConnectionNumber> {
        std::mem::take(&mut self.lock().plain)
    }

    /// The names of the brokers that the attempts were for, since the last time.
    pub(super) fn names(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().names)
    }

    pub(super) fn resolve(&self, number: ConnectionNumber, result: Result<Vec<SocketAddr>, Arc<str>>) {
        self.lock().events.push(SelectorEvent::Resolved { number, result });
    }

    pub(super) fn accept(&self, number: ConnectionNumber) {
        self.accept_with_room(number, usize::MAX);
    }

    /// As [`accept`](Self::accept); the socket is full after so many bytes.
    pub(super) fn accept_with_room(&self, number: ConnectionNumber, room: usize) {
        let socket = Socket {
            taken: Vec::new(),
            writes: 0,
            room,
            inbox: VecDeque::new(),
            waits_to_read: false,
            waits_to_write: false,
        };
        let mut state = self.lock();
        state.sockets.insert(number, socket);
        state.events.push(SelectorEvent::Connected { number });
    }

    pub(super) fn refuse(&self, number: ConnectionNumber) {
        let error = io::Error::from(io::ErrorKind::ConnectionRefused).into();
        self.lock().events.push(SelectorEvent::ConnectFailed { number, error });
    }

    /// Bytes for the client; empty ones say that the broker has closed.
    pub(super) fn give(&self, number: ConnectionNumber, bytes: Vec<u8>) {
        self.arrive(number, Ok(bytes));
    }

    pub(super) fn fail(&self, number: ConnectionNumber, kind: io::ErrorKind) {
        self.arrive(number, Err(kind.into()));
    }

    /// From now on it is a selector that encrypts.
    pub(super) fn encrypts(&self) {
        self.lock().encrypts = true;
    }

    /// From now on it is a selector that encrypts, and has no other way.
    pub(super) fn only_encrypts(&self) {
        self.encrypts();
        self.lock().only_encrypts = true;
    }

    /// There is a socket, on which a handshake begins.
    pub(super) fn encrypting(&self, number: ConnectionNumber) {
        self.lock().events.push(SelectorEvent::Encrypting { number });
    }

    /// The handshake comes to this end.
    pub(super) fn refuse_tls(&self, number: ConnectionNumber, failure: TlsFailure) {
        self.lock().events.push(SelectorEvent::ConnectFailed { number, error: failure.into() });
    }

    /// The connection ends with this, after it was made.
    pub(super) fn fail_tls(&self, number: ConnectionNumber, failure: TlsFailure) {
        self.arrive(number, Err(io::Error::new(io::ErrorKind::InvalidData, failure)));
    }

    fn arrive(&self, number: ConnectionNumber, what: io::Result<Vec<u8>>) {
        let mut state = self.lock();
        let socket = state.sockets.get_mut(&number).expect("the socket is open");
        socket.inbox.push_back(what);
        if std::mem::take(&mut socket.waits_to_read) {
            state.events.push(SelectorEvent::Readable { number });
        }
    }

    /// From now on the socket takes so many more bytes.
    pub(super) fn room(&self, number: ConnectionNumber, bytes: usize) {
        let mut state = self.lock();
        let socket = state.sockets.get_mut(&number).expect("the socket is open");
        socket.room = bytes;
        if bytes > 0 && std::mem::take(&mut socket.waits_to_write) {
            state.events.push(SelectorEvent::Writable { number });
        }
    }

    /// What the client has written since the last time.
    pub(super) fn taken(&self, number: ConnectionNumber) -> Vec<u8> {
        let mut state = self.lock();
        std::mem::take(&mut state.sockets.get_mut(&number).expect("the socket is open").taken)
    }

    /// How many writes took bytes.
    pub(super) fn writes(&self, number: ConnectionNumber) -> usize {
        self.lock().sockets[&number].writes
    }

    pub(super) fn is_open(&self, number: ConnectionNumber) -> bool {
        self.lock().sockets.contains_key(&number)
    }

    /// Does the work that the client has handed out; answers for which connections.
    pub(super) fn do_work(&self) -> Vec<ConnectionNumber> {
        let works = std::mem::take(&mut self.lock().works);
        let done = works.into_iter().map(|(number, work)| {
            let worked = work.run();
            self.lock().events.push(SelectorEvent::Worked { number, worked });
            number
        });
        done.collect()
    }

    /// How the client waited, turn by turn, since the last time.
    pub(super) fn waits(&self) -> Vec<Wait> {
        std::mem::take(&mut self.lock().waits)
    }
}

/// One that is valid for so many seconds since 1970.
fn certificate(subject: &str, seconds: u64) -> CertificateSummary {
    CertificateSummary::new(
        subject,
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    )
}

impl Selectable for Scripted {
    fn resolve(&mut self, number: ConnectionNumber, host: &str, _port: u16) {
        self.net.lock().look_ups.push((number, host.to_owned()));
    }

    fn connect(&mut self, dial: Dial<'_>) {
        let mut state = self.net.lock();
        state.attempts.push((dial.number, dial.address));
        state.names.push(dial.host.to_owned());
    }

    fn connect_plainly(&mut self, dial: Dial<'_>) {
        self.net.lock().plain.push(dial.number);
    }

    fn can_connect_plainly(&self) -> bool {
        !self.net.lock().only_encrypts
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let Some(socket) = state.sockets.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if let Some(Err(error)) = socket.inbox.back() {
            return Poll::Ready(Err(error.kind().into()));
        }
        if socket.room == 0 {
            socket.waits_to_write = true;
            return Poll::Pending;
        }
        let before = socket.taken.len();
        for slice in slices {
            let fits = slice.len().min(socket.room);
            socket.taken.extend_from_slice(&slice[..fits]);
            socket.room -= fits;
        }
        socket.writes += 1;
        Poll::Ready(Ok(socket.taken.len() - before))
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let Some(socket) = state.sockets.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let room = into.capacity() - into.len();
        assert!(room > 0, "a read without room would look like the end");
        match socket.inbox.pop_front() {
            None => {
                socket.waits_to_read = true;
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(mut bytes)) => {
                if bytes.len() > room {
                    socket.inbox.push_front(Ok(bytes.split_off(room)));
                }
                into.extend_from_slice(&bytes);
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn work(&mut self, number: ConnectionNumber, work: Work) {
        self.net.lock().works.push((number, work));
    }

    fn connection_encryption(&self, number: ConnectionNumber) -> Option<ConnectionEncryption> {
        let state = self.net.lock();
        let is_encrypted = state.encrypts && state.sockets.contains_key(&number);
        is_encrypted.then(|| {
            let mut encryption = ConnectionEncryption::new("TLSv1.3", "TLS_AES_256_GCM_SHA384");
            encryption.certificate = Some(certificate("CN=kafka", 2_000));
            encryption.shows_certificate = true;
            encryption
        })
    }

    fn own_certificate(&self) -> Option<CertificateSummary> {
        self.net.lock().encrypts.then(|| certificate("CN=me", 1_000))
    }

    fn is_encrypted(&self) -> bool {
        self.net.lock().encrypts
    }

    fn close(&mut self, number: ConnectionNumber) {
        self.net.lock().sockets.remove(&number);
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        let mut state = self.net.lock();
        state.waits.push(wait);
        events.append(&mut state.events);
        let rung = self.rung.0.swap(false, Ordering::SeqCst);
        match wait {
            Wait::Until(at) if events.is_empty() && !rung => self.clock.advance_to(at),
            Wait::Forever if events.is_empty() && !rung => panic!("it would sleep for ever"),
            Wait::Turn | Wait::Until(_) | Wait::Forever => {}
        }
        rung
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.rung))
    }

    fn shutdown(&mut self) {
        self.net.lock().sockets.clear();
    }
}
