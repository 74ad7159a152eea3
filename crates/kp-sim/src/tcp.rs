//! The double on sockets: an embedded development broker, **not Apache Kafka**. Loopback only, in memory; plain text, or TLS with the
//! feature `tls`.
//! Owns: listeners, threads, sockets, the clock. Decides nothing: every answer is [`SimCluster`]'s.

#![allow(clippy::disallowed_methods, reason = "a host on sockets is where the clock comes from")]

mod connection;
mod handle;
mod listener;
mod options;
mod stream;
#[cfg(feature = "tls")]
mod tls;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use kp_protocol::BrokerId;

use crate::{SimCluster, SimError};
pub use handle::{ClusterGuard, ClusterHandle};
use listener::Listener;
pub use options::EmbeddedOptions;
use options::Served;
#[cfg(feature = "tls")]
pub use tls::{ClientAuth, EmbeddedTls};

/// One broker's place: its number, its address, and its threads while it runs.
#[derive(Debug)]
struct Seat {
    broker: BrokerId,
    address: SocketAddr,
    listener: Option<Listener>,
}

/// A Kafka cluster for development, on ports of the loopback interface, in this process. Dropping it stops every
/// broker and every thread. It is a double: real clusters are Apache Kafka.
///
/// ```
/// use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
/// let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_default_partitions(6))?;
/// assert!(broker.bootstrap().starts_with("127.0.0.1:"));
/// assert_eq!(broker.cluster().lock().record_count("no such topic"), 0);
/// broker.shutdown();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct EmbeddedBroker {
    cluster: ClusterHandle,
    served: Served,
    seats: Vec<Seat>,
}

impl EmbeddedBroker {
    /// Binds the ports and starts one accepting thread for each broker.
    ///
    /// # Errors
    /// A port cannot be bound, or a thread not be started.
    pub fn start(options: EmbeddedOptions) -> io::Result<Self> {
        let (port, served) = (options.port(), options.served());
        let cluster = ClusterHandle::new(SimCluster::new(options.into_cluster()));
        let numbers: Vec<BrokerId> = cluster.lock().broker_ids().collect();
        let mut broker = Self { cluster, served, seats: Vec::with_capacity(numbers.len()) };
        for (place, number) in (0..).zip(numbers) {
            let socket = match port {
                0 => bind_any()?,
                first => bind(first.checked_add(place).ok_or(io::ErrorKind::InvalidInput)?)?,
            };
            let address = socket.local_addr()?;
            broker
                .cluster
                .lock()
                .advertise(number, &address.ip().to_string(), address.port())
                .map_err(unknown)?;
            let listener = Listener::start(socket, number, broker.cluster.clone(), broker.served.clone())?;
            broker.seats.push(Seat { broker: number, address, listener: Some(listener) });
        }
        Ok(broker)
    }

    /// The brokers' addresses as in the key `bootstrap.servers`: `127.0.0.1:port,…`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.seats.iter().map(|seat| seat.address.to_string()).collect();
        addresses.join(",")
    }

    /// The brokers' addresses, in the order of their numbers.
    pub fn addresses(&self) -> impl Iterator<Item = (BrokerId, SocketAddr)> + '_ {
        self.seats.iter().map(|seat| (seat.broker, seat.address))
    }

    /// The state machine behind the ports: to look into logs and to inject faults.
    #[must_use]
    pub fn cluster(&self) -> &ClusterHandle {
        &self.cluster
    }

    /// Stops a broker: its connections are cut, its port refuses new ones, what it led goes to another replica if one
    /// runs. Does nothing if it is stopped already.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such broker.
    pub fn stop_broker(&mut self, broker: BrokerId) -> io::Result<()> {
        let seat = find(&mut self.seats, broker)?;
        self.cluster.lock().take_down(broker).map_err(unknown)?;
        if let Some(listener) = seat.listener.take() {
            listener.stop();
        }
        Ok(())
    }

    /// Starts a stopped broker again, on the same port. Does nothing if it runs.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such broker; the port cannot be bound any more.
    pub fn start_broker(&mut self, broker: BrokerId) -> io::Result<()> {
        let seat = find(&mut self.seats, broker)?;
        if seat.listener.is_none() {
            let socket = TcpListener::bind(seat.address)?;
            self.cluster.lock().bring_up(broker).map_err(unknown)?;
            seat.listener = Some(Listener::start(socket, broker, self.cluster.clone(), self.served.clone())?);
        }
        Ok(())
    }

    /// Stops every broker and waits until their threads have ended. Dropping does the same.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.seats.iter_mut().filter_map(|seat| seat.listener.take()).for_each(Listener::stop);
    }
}

fn find(seats: &mut [Seat], broker: BrokerId) -> io::Result<&mut Seat> {
    let seat = seats.iter_mut().find(|seat| seat.broker == broker);
    seat.ok_or_else(|| unknown(SimError::UnknownBroker { broker }))
}

fn unknown(error: SimError) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, error)
}

fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// Any free port, from below the range that systems take for outgoing connections: a client that keeps knocking at a
/// stopped broker's port of that range would some day be given the same port as its own, and be connected to itself.
fn bind_any() -> io::Result<TcpListener> {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Different processes begin at different places, so that tests side by side rarely try the same port.
    let begin = std::process::id().wrapping_mul(97);
    let free = (0..COUNT).find_map(|_| {
        let place = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        bind((FIRST + place) as u16).ok()
    });
    free.map_or_else(|| bind(0), Ok)
}
