//! KDCs over TCP and UDP (RFC 4120, 7.2), as `krb5.conf` lists them. It blocks, each exchange within a limit.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kerbcore::messages::KrbError;
use kp_protocol::text::shown;

use super::error_code::RESPONSE_TOO_BIG;
use super::kdc::Kdc;
use super::krb5_conf::Krb5Conf;
use crate::KerberosFailure;

/// How long one KDC may take for one exchange before the next one is asked, and all of them together.
const FOR_ONE: Duration = Duration::from_secs(3);
const FOR_ALL: Duration = Duration::from_secs(10);
/// How long an answer by UDP is awaited before the question is sent again: packets get lost.
const FOR_ONE_PACKET: Duration = Duration::from_secs(1);
const PORT: u16 = 88;
/// The largest answer, in bytes. Tickets with the groups of a large company have 64 KiB.
const LARGEST: u32 = 256 * 1024;

/// The KDCs of a configuration.
pub(crate) struct KdcSockets(pub(crate) Arc<Krb5Conf>);

/// One line `kdc = …`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    only: Option<Transport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
}

impl Kdc for KdcSockets {
    fn ask(&self, realm: &str, request: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
        let all = self.0.kdcs(realm);
        if all.is_empty() {
            let problem = format!(
                "krb5.conf names no kdc of the realm {} (kp does not look KDCs up in DNS): [realms] {} = {{ kdc = … }}",
                shown(realm),
                shown(realm)
            );
            return Err(KerberosFailure::Incomplete { problem });
        }
        let end = now() + FOR_ALL;
        let mut problem = String::new();
        for text in all {
            let asked =
                Place::parse(text).and_then(|place| place.ask(request, self.0.udp_preference_limit(), end));
            match asked {
                Ok(answer) => return Ok(answer),
                Err(error) => problem = format!("{text}: {error}"),
            }
        }
        Err(KerberosFailure::Unreachable { realm: realm.to_owned(), problem })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "sockets are outside: their limits are those of the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}

impl Place {
    /// `host`, `host:port`, `[address]:port`, with `tcp/` or `udp/` before it.
    fn parse(text: &str) -> io::Result<Self> {
        let bad = |problem: &str| io::Error::new(io::ErrorKind::InvalidInput, problem.to_owned());
        let (only, rest) = match text.split_once('/') {
            Some(("tcp", rest)) => (Some(Transport::Tcp), rest),
            Some(("udp", rest)) => (Some(Transport::Udp), rest),
            Some(_) => return Err(bad("kp asks KDCs by TCP and UDP alone")),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            Some((host, behind)) => (host, behind.strip_prefix(':')),
            // An address of version 6 without brackets has no port.
            None if rest.parse::<IpAddr>().is_ok() => (rest, None),
            None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(PORT), str::parse).map_err(|_| bad("no port"))?;
        if host.is_empty() { Err(bad("no host")) } else { Ok(Self { host: host.to_owned(), port, only }) }
    }

    fn ask(&self, request: &[u8], udp_limit: usize, end: Instant) -> io::Result<Vec<u8>> {
        let end = end.min(now() + FOR_ONE);
        let first = if request.len() <= udp_limit { Transport::Udp } else { Transport::Tcp };
        let first = self.only.unwrap_or(first);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match first.ask(address, request, end) {
                Ok(answer) if first == Transport::Udp && is_too_big(&answer) => {
                    return Transport::Tcp.ask(address, request, end);
                }
                Ok(answer) => return Ok(answer),
                // A KDC that does not speak this way may speak the other.
                Err(error) if self.only.is_none() && error.kind() == io::ErrorKind::ConnectionRefused => {
                    match first.other().ask(address, request, end) {
                        Ok(answer) => return Ok(answer),
                        Err(_) => last = error,
                    }
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn is_too_big(answer: &[u8]) -> bool {
    KrbError::decode(answer).is_ok_and(|error| error.error_code == RESPONSE_TOO_BIG)
}

fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(now());
    if left.is_zero() { Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")) } else { Ok(left) }
}

/// Timeouts of sockets come under two names.
fn in_time(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
        }
        _ => error,
    }
}

impl Transport {
    fn other(self) -> Self {
        match self {
            Self::Tcp => Self::Udp,
            Self::Udp => Self::Tcp,
        }
    }

    fn ask(self, address: SocketAddr, request: &[u8], end: Instant) -> io::Result<Vec<u8>> {
        match self {
            Self::Tcp => by_tcp(address, request, end),
            Self::Udp => by_udp(address, request, end),
        }
        .map_err(in_time)
    }
}

fn by_tcp(address: SocketAddr, request: &[u8], end: Instant) -> io::Result<Vec<u8>> {
    let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut socket = TcpStream::connect_timeout(&address, left_until(end)?)?;
    let length = u32::try_from(request.len()).map_err(|_| invalid("the request is too long".to_owned()))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(request);
    socket.set_write_timeout(Some(left_until(end)?))?;
    socket.write_all(&framed)?;
    let mut length = [0; 4];
    read_exact(&mut socket, &mut length, end)?;
    let length = u32::from_be_bytes(length);
    if length > LARGEST {
        return Err(invalid(format!("an answer of {length} bytes, more than {LARGEST}: no KDC?")));
    }
    let mut answer = vec![0; usize::try_from(length).unwrap_or(0)];
    read_exact(&mut socket, &mut answer, end)?;
    Ok(answer)
}

/// The limit is for the whole of it, and not anew for each byte.
fn read_exact(socket: &mut TcpStream, mut place: &mut [u8], end: Instant) -> io::Result<()> {
    while !place.is_empty() {
        socket.set_read_timeout(Some(left_until(end)?))?;
        match socket.read(place) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "closed before its answer was whole",
                ));
            }
            Ok(read) => place = &mut place[read..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn by_udp(address: SocketAddr, request: &[u8], end: Instant) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    let mut answer = vec![0; 65_536];
    loop {
        socket.send(request)?;
        socket.set_read_timeout(Some(left_until(end)?.min(FOR_ONE_PACKET)))?;
        match socket.recv(&mut answer) {
            Ok(length) => {
                answer.truncate(length);
                return Ok(answer);
            }
            Err(error) if in_time_kind(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn in_time_kind(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
