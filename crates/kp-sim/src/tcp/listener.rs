//! One broker's port: accepts, starts a thread for each connection, and stops all of them. Nothing outlives `stop`.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use kp_protocol::BrokerId;

use super::connection::Connection;
use super::handle::{Cluster, ClusterHandle};
use super::options::Served;

/// More connections than that at once are closed as they come.
const MAX_CONNECTIONS: usize = 1024;
/// Requests are shallow: parsing does not recurse, so a small stack is plenty.
const STACK_BYTES: usize = 512 * 1024;
/// A handshake takes more.
#[cfg(feature = "tls")]
const TLS_STACK_BYTES: usize = 2 * 1024 * 1024;
/// How long to leave a port alone that fails to accept (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// One connection's thread, and a way to cut it; the socket is the thread's.
#[derive(Debug)]
struct Guest {
    stream: Weak<TcpStream>,
    thread: JoinHandle<()>,
}

/// What accepting thread and owner share.
#[derive(Debug, Default)]
struct Door {
    is_closed: AtomicBool,
    guests: Mutex<Vec<Guest>>,
    served: Served,
}

impl Door {
    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Takes a new connection in, unless the door is closed or the house full.
    fn admit(self: &Arc<Self>, stream: TcpStream, broker: BrokerId, cluster: &Cluster) -> io::Result<()> {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        // Only ended threads are let go here, so nothing waits.
        let (ended, running) =
            std::mem::take(&mut *guests).into_iter().partition(|it| it.thread.is_finished());
        *guests = running;
        let ended: Vec<Guest> = ended;
        for it in ended {
            join(it.thread);
        }
        if self.is_closed() || guests.len() >= MAX_CONNECTIONS {
            return Ok(());
        }
        let stream = Arc::new(stream);
        let connection =
            Connection::new(Arc::clone(&stream), broker, Arc::clone(cluster), self.served.clone());
        let door = Arc::clone(self);
        let stream = Arc::downgrade(&stream);
        let name = format!("kp-embedded-broker-{broker}");
        let thread = Builder::new()
            .name(name)
            .stack_size(stack_bytes(&self.served))
            .spawn(move || connection.serve(&|| door.is_closed()))?;
        guests.push(Guest { stream, thread });
        Ok(())
    }
}

/// A port that accepts connections.
#[derive(Debug)]
pub(super) struct Listener {
    door: Arc<Door>,
    address: SocketAddr,
    cluster: ClusterHandle,
    thread: JoinHandle<()>,
}

impl Listener {
    pub(super) fn start(
        socket: TcpListener,
        broker: BrokerId,
        cluster: ClusterHandle,
        served: Served,
    ) -> io::Result<Self> {
        let door = Arc::new(Door { served, ..Door::default() });
        let address = socket.local_addr()?;
        let (inside, shared) = (Arc::clone(&door), Arc::clone(&cluster.0));
        let name = format!("kp-embedded-broker-{broker}-accept");
        let thread = Builder::new()
            .name(name)
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&socket, broker, &inside, &shared))?;
        Ok(Self { door, address, cluster, thread })
    }

    /// Closes the port, cuts every connection and waits for their threads.
    pub(super) fn stop(self) {
        self.door.is_closed.store(true, Ordering::SeqCst);
        // std has no other way to end an accept: knock.
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        join(self.thread);
        let guests = std::mem::take(&mut *self.door.guests.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in guests.iter().filter_map(|it| it.stream.upgrade()) {
            // A socket that is closed already is what is wanted.
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
        self.cluster.0.wake_all();
        for it in guests {
            join(it.thread);
        }
    }
}

fn accept(socket: &TcpListener, broker: BrokerId, door: &Arc<Door>, cluster: &Cluster) {
    while !door.is_closed() {
        let admitted = socket.accept().and_then(|(stream, _)| door.admit(stream, broker, cluster));
        if admitted.is_err() && !door.is_closed() {
            std::thread::park_timeout(ACCEPT_PAUSE);
        }
    }
}

#[cfg(feature = "tls")]
fn stack_bytes(served: &Served) -> usize {
    if served.tls.is_some() { TLS_STACK_BYTES } else { STACK_BYTES }
}

#[cfg(not(feature = "tls"))]
fn stack_bytes(_: &Served) -> usize {
    STACK_BYTES
}

/// Waits for a thread; what it panicked with was printed by itself.
fn join(thread: JoinHandle<()>) {
    drop(thread.join());
}
