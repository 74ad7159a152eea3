//! [`Selectable`] over tokio sockets. The current-thread runtime runs only inside [`Selectable::poll`], to wait;
//! reads and writes happen outside it, by the caller's own hand.
//!
//! Each socket has wakers of its own that put it into a ready list, so a turn costs what is ready, not what is
//! connected. Owned by one client; made anywhere, polled by one plain thread, dropped anywhere.

use super::bell::Bell;
use super::resolver::Resolver;
use super::work_thread::WorkThread;
use crate::{ConnectionNumber, Dial, NetworkSettings, Selectable, SelectorEvent, Wait};
use bytes::BytesMut;
use kp_sasl::Work;
use socket2::SockRef;
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Sleep;

/// Between two tries to make a runtime when the system refuses one.
const RUNTIME_RETRY: Duration = Duration::from_millis(50);

/// Sockets on a runtime that is made by the first `poll`.
#[derive(Debug)]
pub struct TokioSelector {
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    bell: Arc<Bell>,
    ready: Arc<ReadyList>,
    resolver: Resolver,
    work_thread: WorkThread,
    host: Option<Host>,
    /// Attempts that failed before there was anything to wait for.
    failed: Vec<(ConnectionNumber, io::Error)>,
    /// What was ready in this turn; kept for its memory.
    taken: Vec<(ConnectionNumber, Direction)>,
}

/// What belongs to the runtime. Fields are dropped in this order: first what lives in the runtime.
#[derive(Debug)]
struct Host {
    sockets: BTreeMap<ConnectionNumber, Socket>,
    /// Reused: a timer per turn would be an allocation per turn.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Taken only by [`Drop`].
    runtime: Option<Runtime>,
    /// How often the waiting future was looked at; a turn that waits takes two.
    looks: u64,
}

/// A socket and how it is told of.
struct Socket {
    state: SocketState,
    read: Waker,
    write: Waker,
}

enum SocketState {
    Connecting(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>),
    Open(TcpStream),
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            SocketState::Connecting(_) => f.write_str("Connecting"),
            SocketState::Open(stream) => stream.fmt(f),
        }
    }
}

/// Which half of a socket is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Read,
    /// Also the end of connecting.
    Write,
}

/// Sockets to look at. Pushed to by the IO driver, inside the polling thread's own wait; the lock is never contended.
#[derive(Debug, Default)]
struct ReadyList(Mutex<Vec<(ConnectionNumber, Direction)>>);

impl ReadyList {
    fn push(&self, number: ConnectionNumber, direction: Direction) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((number, direction));
    }

    /// Moves everything into `into`, which is empty.
    fn take(&self, into: &mut Vec<(ConnectionNumber, Direction)>) {
        std::mem::swap(into, &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What the IO driver wakes: one half of one socket.
struct SocketWaker {
    number: ConnectionNumber,
    direction: Direction,
    ready: Arc<ReadyList>,
    bell: Arc<Bell>,
}

impl Wake for SocketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.push(self.number, self.direction);
        self.bell.nudge();
    }
}

impl TokioSelector {
    /// A selector whose sockets get these buffers (`send.buffer.bytes`, `receive.buffer.bytes`; `None` = the
    /// system's). Makes nothing before the first `poll`.
    #[must_use]
    pub fn new(send_buffer: Option<usize>, receive_buffer: Option<usize>) -> Self {
        let bell = Arc::new(Bell::default());
        Self {
            send_buffer,
            receive_buffer,
            ready: Arc::default(),
            resolver: Resolver::new(Arc::clone(&bell)),
            work_thread: WorkThread::new(Arc::clone(&bell)),
            bell,
            host: None,
            failed: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// A selector with the buffers and the name that `settings` have.
    #[must_use]
    pub fn of(settings: &NetworkSettings) -> Self {
        let selector = Self::new(settings.send_buffer, settings.receive_buffer);
        selector.named(settings.client_id.as_deref().unwrap_or_default())
    }

    /// The thread that does the work of mechanisms bears this name too (`client.id`).
    #[must_use]
    pub fn named(mut self, client_id: &str) -> Self {
        self.work_thread.name(client_id);
        self
    }

    /// The runtime, made on first use. A client is bound to it from then on.
    fn host(&mut self) -> io::Result<&mut Host> {
        if self.host.is_none() {
            let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
            self.host =
                Some(Host { sockets: BTreeMap::new(), sleep: None, runtime: Some(runtime), looks: 0 });
        }
        Ok(self.host.as_mut().expect("made three lines above"))
    }

    fn waker_of(&self, number: ConnectionNumber, direction: Direction) -> Waker {
        let (ready, bell) = (Arc::clone(&self.ready), Arc::clone(&self.bell));
        Waker::from(Arc::new(SocketWaker { number, direction, ready, bell }))
    }

    fn begin(&mut self, number: ConnectionNumber, address: SocketAddr) -> io::Result<()> {
        let (read, write) = (self.waker_of(number, Direction::Read), self.waker_of(number, Direction::Write));
        let (send_buffer, receive_buffer) = (self.send_buffer, self.receive_buffer);
        let host = self.host()?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        set_options(&SockRef::from(&socket), send_buffer, receive_buffer)?;
        let state = SocketState::Connecting(Box::pin(socket.connect(address)));
        host.sockets.insert(number, Socket { state, read, write });
        // The first look at it is what starts it, in the turn that follows.
        self.ready.push(number, Direction::Write);
        self.bell.nudge();
        Ok(())
    }

    /// The options of an open socket.
    #[cfg(test)]
    pub(super) fn options_of(&self, number: ConnectionNumber) -> Option<SockRef<'_>> {
        match &self.host.as_ref()?.sockets.get(&number)?.state {
            SocketState::Open(stream) => Some(SockRef::from(stream)),
            SocketState::Connecting(_) => None,
        }
    }

    /// How often the waiting future was looked at.
    #[cfg(test)]
    pub(super) fn looks(&self) -> u64 {
        self.host.as_ref().map_or(0, |host| host.looks)
    }

    /// Says what is ready in this turn.
    fn report(&mut self, events: &mut Vec<SelectorEvent>) {
        let failed = self.failed.drain(..);
        events.extend(
            failed.map(|(number, error)| SelectorEvent::ConnectFailed { number, error: error.into() }),
        );
        let answers = self.resolver.take_answers();
        events.extend(answers.into_iter().map(|(number, result)| SelectorEvent::Resolved { number, result }));
        let done = self.work_thread.take_done();
        events.extend(done.into_iter().map(|(number, worked)| SelectorEvent::Worked { number, worked }));
        let mut taken = std::mem::take(&mut self.taken);
        self.ready.take(&mut taken);
        if let Some(host) = &mut self.host {
            events.extend(taken.drain(..).filter_map(|(number, direction)| host.look_at(number, direction)));
        }
        taken.clear();
        self.taken = taken;
    }
}

impl Host {
    /// What a ready half of a socket means for the client.
    fn look_at(&mut self, number: ConnectionNumber, direction: Direction) -> Option<SelectorEvent> {
        let runtime = self.runtime.as_ref().expect("taken by drop alone");
        let socket = self.sockets.get_mut(&number)?;
        let SocketState::Connecting(connecting) = &mut socket.state else {
            return Some(match direction {
                Direction::Read => SelectorEvent::Readable { number },
                Direction::Write => SelectorEvent::Writable { number },
            });
        };
        let entered = runtime.enter();
        let made = connecting.as_mut().poll(&mut Context::from_waker(&socket.write));
        drop(entered);
        match made {
            Poll::Pending => None,
            Poll::Ready(Ok(stream)) => {
                socket.state = SocketState::Open(stream);
                Some(SelectorEvent::Connected { number })
            }
            Poll::Ready(Err(error)) => {
                self.sockets.remove(&number);
                Some(SelectorEvent::ConnectFailed { number, error: error.into() })
            }
        }
    }

    /// Runs the runtime: its IO driver is turned at least once, and sleeps at most as long as `wait` says.
    fn park(&mut self, wait: Wait, bell: &Bell) {
        let Self { sleep, runtime, looks, .. } = self;
        let runtime = runtime.as_ref().expect("taken by drop alone");
        runtime.block_on(async {
            let until = match wait {
                Wait::Turn => return tokio::task::yield_now().await,
                Wait::Until(at) => Some(at),
                Wait::Forever => None,
            };
            let mut sleep = until.map(|at| alarm(sleep, at));
            let mut slept = false;
            poll_fn(|context| {
                *looks += 1;
                // First the waker, last the announcement: a ring in between is seen by `fall_asleep`.
                bell.register(context.waker());
                let over = sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
                if over || !bell.fall_asleep() {
                    return Poll::Ready(());
                }
                slept = true;
                Poll::Pending
            })
            .await;
            // A future that is ready at once never turns the IO driver; this does, without sleeping.
            if !slept {
                tokio::task::yield_now().await;
            }
        });
    }

    fn stream(&mut self, number: ConnectionNumber) -> io::Result<(&mut TcpStream, &Waker, &Waker)> {
        match self.sockets.get_mut(&number) {
            Some(Socket { state: SocketState::Open(stream), read, write }) => Ok((stream, read, write)),
            Some(Socket { state: SocketState::Connecting(_), .. }) | None => {
                Err(io::ErrorKind::NotConnected.into())
            }
        }
    }
}

/// The one timer, set to `at`. Inside the runtime only.
fn alarm(sleep: &mut Option<Pin<Box<Sleep>>>, at: Instant) -> &mut Pin<Box<Sleep>> {
    let at = tokio::time::Instant::from_std(at);
    let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
    // Not set again to the same moment: if that is past, the alarm is over at once, as it should be.
    if sleep.deadline() != at {
        sleep.as_mut().reset(at);
    }
    sleep
}

impl Drop for Host {
    fn drop(&mut self) {
        self.sockets.clear();
        self.sleep = None;
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime waits for its threads (there are none) and therefore panics inside another one.
            runtime.shutdown_background();
        }
    }
}

impl Selectable for TokioSelector {
    fn resolve(&mut self, number: ConnectionNumber, host: &str, port: u16) {
        self.resolver.ask(number, host, port);
    }

    fn connect(&mut self, dial: Dial<'_>) {
        if let Err(error) = self.begin(dial.number, dial.address) {
            self.failed.push((dial.number, error));
            self.bell.nudge();
        }
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some(host) = &mut self.host else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let (stream, _, waker) = host.stream(number)?;
        Pin::new(stream).poll_write_vectored(&mut Context::from_waker(waker), slices)
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        let Some(host) = &mut self.host else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let (stream, waker, _) = host.stream(number)?;
        // Not `try_read`: this clears the readiness after a short read, so the next one costs no system call.
        pin!(stream.read_buf(into)).poll(&mut Context::from_waker(waker))
    }

    fn work(&mut self, number: ConnectionNumber, work: Work) {
        self.work_thread.take_on(number, work);
    }

    fn close(&mut self, number: ConnectionNumber) {
        self.resolver.forget(number);
        self.work_thread.forget(number);
        if let Some(host) = &mut self.host {
            host.sockets.remove(&number);
        }
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        let bell = Arc::clone(&self.bell);
        match self.host() {
            Ok(host) => host.park(wait, &bell),
            // No descriptors left, most likely. Connecting fails with the same words; here it is only not to spin.
            Err(_) => without_runtime(wait),
        }
        // Before the lists are looked at: what is rung for after this is for the next turn.
        let rung = bell.take();
        self.report(events);
        rung
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.bell))
    }

    fn shutdown(&mut self) {
        self.host = None;
        self.bell.retire();
    }
}

impl Drop for TokioSelector {
    fn drop(&mut self) {
        // Wakers of it may live on, and with them the bell.
        self.shutdown();
    }
}

/// Socket options (NC28). Buffers before connecting: the window's scale is agreed upon then.
fn set_options(
    socket: &SockRef<'_>,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
) -> io::Result<()> {
    if let Some(bytes) = send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.set_keepalive(true)?;
    socket.set_tcp_nodelay(true)
}

#[expect(clippy::disallowed_methods, reason = "without a runtime there is nothing else to wait with")]
fn without_runtime(wait: Wait) {
    let at_most = match wait {
        Wait::Turn => return,
        Wait::Until(at) => at.saturating_duration_since(Instant::now()).min(RUNTIME_RETRY),
        Wait::Forever => RUNTIME_RETRY,
    };
    std::thread::sleep(at_most);
}
