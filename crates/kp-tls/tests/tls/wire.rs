//! A selector over a wire in memory, and a broker at its other end.

use bytes::BytesMut;
use kp_network::{ConnectError, ConnectionNumber, Dial, Selectable, SelectorEvent, Wait, Work};
use kp_tls::{Encryption, FileLooks, TlsClient, TlsFailure, TlsSelector};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, IoSlice, Read};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

/// What is on its way between both ends.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) to_broker: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
    /// Bytes that one read gives at most.
    pub(crate) read_at_most: usize,
    /// Bytes that wait for the broker at most.
    pub(crate) room: usize,
    pub(crate) closed_by_broker: bool,
    pub(crate) closed_by_client: bool,
    pub(crate) work: Vec<(ConnectionNumber, Work)>,
    /// What the client last waited for.
    pub(crate) waited: Option<Wait>,
    events: Vec<SelectorEvent>,
    reader_waits: Option<ConnectionNumber>,
    writer_waits: Option<ConnectionNumber>,
}

/// Sockets that are one wire, which is connected whenever it is dialled.
#[derive(Clone, Debug)]
pub(crate) struct Below(Arc<Mutex<Wire>>);

impl Below {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Wire {
            to_broker: Vec::new(),
            to_client: Vec::new(),
            read_at_most: usize::MAX,
            room: usize::MAX,
            closed_by_broker: false,
            closed_by_client: false,
            work: Vec::new(),
            waited: None,
            events: Vec::new(),
            reader_waits: None,
            writer_waits: None,
        })))
    }

    pub(crate) fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap()
    }

    /// Does the work that the client asked for, and tells it; how much it was.
    pub(crate) fn do_work(&self) -> usize {
        let work = std::mem::take(&mut self.wire().work);
        let done = work.len();
        for (number, work) in work {
            let worked = work.run();
            self.wire().events.push(SelectorEvent::Worked { number, worked });
        }
        done
    }
}

impl Selectable for Below {
    fn resolve(&mut self, _: ConnectionNumber, _: &str, _: u16) {}

    fn connect(&mut self, dial: Dial<'_>) {
        self.0.lock().unwrap().events.push(SelectorEvent::Connected { number: dial.number });
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        let mut written = 0;
        for slice in slices {
            let count = slice.len().min(wire.room.saturating_sub(wire.to_broker.len()));
            wire.to_broker.extend_from_slice(&slice[..count]);
            written += count;
        }
        if written == 0 {
            wire.writer_waits = Some(number);
            return Poll::Pending;
        }
        Poll::Ready(Ok(written))
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        let room = into.capacity() - into.len();
        let count = wire.to_client.len().min(wire.read_at_most).min(room);
        if count == 0 && !wire.closed_by_broker {
            wire.reader_waits = Some(number);
            return Poll::Pending;
        }
        into.extend_from_slice(&wire.to_client[..count]);
        wire.to_client.drain(..count);
        Poll::Ready(Ok(count))
    }

    fn work(&mut self, number: ConnectionNumber, work: Work) {
        self.0.lock().unwrap().work.push((number, work));
    }

    fn close(&mut self, _: ConnectionNumber) {
        self.0.lock().unwrap().closed_by_client = true;
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        let mut wire = self.0.lock().unwrap();
        wire.waited = Some(wait);
        events.append(&mut wire.events);
        if !wire.to_client.is_empty() || wire.closed_by_broker {
            events.extend(wire.reader_waits.take().map(|number| SelectorEvent::Readable { number }));
        }
        if wire.to_broker.len() < wire.room {
            events.extend(wire.writer_waits.take().map(|number| SelectorEvent::Writable { number }));
        }
        false
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn shutdown(&mut self) {}
}

/// A client, the wire and a broker.
pub(crate) struct Stage {
    selector: TlsSelector<Below>,
    pub(crate) broker: ServerConnection,
    /// What the broker read.
    pub(crate) heard: Vec<u8>,
    wire: Below,
    number: ConnectionNumber,
}

impl Stage {
    /// A client that has begun to connect to `host`.
    pub(crate) fn new(client: TlsClient, broker: Arc<ServerConfig>, host: &str) -> Self {
        let below = Below::new();
        let mut selector = TlsSelector::new(below.clone(), client);
        let number = ConnectionNumber(1);
        selector.connect(Dial::new(number, "127.0.0.1:9093".parse().unwrap(), host));
        let broker = ServerConnection::new(broker).unwrap();
        Self { selector, broker, heard: Vec::new(), wire: below, number }
    }

    /// The client looks at its files from now on.
    pub(crate) fn looking(mut self, looks: FileLooks) -> Self {
        self.selector = self.selector.looking(looks);
        self
    }

    /// Dials `host` once more, at a new broker.
    pub(crate) fn dial(&mut self, broker: Arc<ServerConfig>, host: &str) {
        self.number = ConnectionNumber(self.number.0 + 1);
        self.broker = ServerConnection::new(broker).unwrap();
        self.wire(|wire| {
            wire.to_broker.clear();
            wire.to_client.clear();
        });
        self.selector.connect(Dial::new(self.number, "127.0.0.1:9093".parse().unwrap(), host));
    }

    /// Dials once more, without TLS.
    pub(crate) fn dial_plainly(&mut self) {
        self.number = ConnectionNumber(self.number.0 + 1);
        self.wire(|wire| (wire.to_broker.clear(), wire.to_client.clear()));
        self.selector.connect_plainly(Dial::new(self.number, "127.0.0.1:9093".parse().unwrap(), "broker"));
    }

    /// How the connection is encrypted.
    pub(crate) fn encryption(&self) -> Option<Encryption> {
        self.selector.encryption(self.number)
    }

    /// Does the work that the client asked for, and tells it; how much it was.
    pub(crate) fn do_work(&mut self) -> usize {
        self.wire.do_work()
    }

    pub(crate) fn wire<R>(&self, change: impl FnOnce(&mut Wire) -> R) -> R {
        change(&mut self.wire.wire())
    }

    /// One turn of the client.
    pub(crate) fn turn(&mut self) -> Vec<SelectorEvent> {
        let mut events = Vec::new();
        self.selector.poll(Wait::Turn, &mut events);
        events
    }

    /// One turn that may wait as long as it likes.
    pub(crate) fn wait_forever(&mut self) {
        self.selector.poll(Wait::Forever, &mut Vec::new());
    }

    /// The broker reads what is there and answers.
    pub(crate) fn broker_turn(&mut self) {
        let sent = self.wire(|wire| std::mem::take(&mut wire.to_broker));
        let mut sent = &sent[..];
        while !sent.is_empty() && self.broker.read_tls(&mut sent).is_ok() {
            // Of an error the client hears by an alert.
            let _ = self.broker.process_new_packets();
            let _ = self.broker.reader().read_to_end(&mut self.heard);
        }
        let mut answer = Vec::new();
        while self.broker.wants_write() {
            self.broker.write_tls(&mut answer).unwrap();
        }
        self.wire(|wire| wire.to_client.extend_from_slice(&answer));
    }

    /// Both, until the client tells of the connection's end or its making.
    pub(crate) fn shake(&mut self) -> Result<(), TlsFailure> {
        for _ in 0..10_000 {
            match self.turn().pop() {
                Some(SelectorEvent::Connected { .. }) => {
                    self.broker_turn();
                    return Ok(());
                }
                Some(SelectorEvent::ConnectFailed { error, .. }) => {
                    return Err(match error {
                        ConnectError::Tls(failure) => failure,
                        other => panic!("{other}"),
                    });
                }
                _ => self.broker_turn(),
            }
        }
        panic!("the handshake comes to no end");
    }

    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.selector.write(self.number, slices)
    }

    pub(crate) fn read(&mut self, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.selector.read(self.number, into)
    }

    pub(crate) fn close(&mut self) {
        self.selector.close(self.number);
    }
}

/// The failure inside an error.
pub(crate) fn failure(error: io::Error) -> TlsFailure {
    error.downcast::<TlsFailure>().unwrap()
}
