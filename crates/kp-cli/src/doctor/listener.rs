//! Who listens on a port: a broker, or something else, and what that is.
//! Owns: names, addresses, the first bytes of a connection. Never: what a broker says about its cluster.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    time::{Duration, Instant},
};

use kp_client::OtherProtocol;
use kp_protocol::{
    ApiKey, BrokerVersions, ErrorCode, RequestHeader, VersionRange,
    api::{ApiVersionsRequest, MetadataRequest, MetadataResponse, SaslHandshakeRequest},
    encode_request,
    text::shown,
};

use super::report::Ailment;
use crate::reader::{Connection, ReaderError};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a listener that is no broker may take for its first bytes.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(2);

/// A broker that talks to us, and how its versions are known.
pub(super) struct Spoken {
    pub(super) connection: Connection,
    pub(super) versions_known_by: Source,
    /// What it says about the cluster, without any topic (0.9: with all).
    pub(super) metadata: MetadataResponse,
}

/// Where the versions that a broker speaks are known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Asked,
    /// `broker.version.fallback`.
    Configured,
    /// It does not know ApiVersions.
    TakenFor09,
}

/// Host and port as they are written.
pub(super) fn written(host: &str, port: u16) -> String {
    let safe = shown(host);
    if host.contains(':') { format!("[{safe}]:{port}") } else { format!("{safe}:{port}") }
}

/// Every address of a name.
pub(super) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// Connects to each address; the first that takes a connection, what that took, and what the others said.
pub(super) fn connect(addresses: &[SocketAddr]) -> Result<(SocketAddr, Duration, String), Ailment> {
    let mut refusals = String::new();
    let (mut reached, mut last) = (None, None);
    for address in addresses {
        let begun = Instant::now();
        match TcpStream::connect_timeout(address, CONNECT_WITHIN) {
            Ok(_) => reached = reached.or(Some((*address, begun.elapsed()))),
            Err(error) => {
                refusals += &format!("; {address}: {error}");
                last = Some(error);
            }
        }
    }
    match (reached, last) {
        (Some((address, took)), _) => Ok((address, took, refusals)),
        (None, last) => {
            let remedy = match last.map(|error| error.kind()) {
                Some(io::ErrorKind::ConnectionRefused) => {
                    "nothing listens there: is the broker running, is this its port (`listeners`), does it listen on this \
                     address and not only on its own localhost?"
                }
                Some(io::ErrorKind::TimedOut) => {
                    "nobody answers: a firewall or a security group drops it, or the address is of another network"
                }
                _ => "look at the way between this machine and the broker",
            };
            Err(Ailment::new(refusals.trim_start_matches("; "), remedy))
        }
    }
}

/// The first words with a broker: what it speaks, and what its cluster is.
pub(super) fn speak(host: &str, port: u16, known: Option<&BrokerVersions>) -> Result<Spoken, Ailment> {
    if let Some(versions) = known {
        return ask_unasked(host, port, versions.clone(), Source::Configured)
            .map_err(|error| Ailment::new(error.to_string(), "is broker.version.fallback right?"));
    }
    let mut connection = match Connection::open(host, port) {
        Ok(connection) => connection,
        Err(error) => {
            if let Some(ailment) = other_protocol(host, port) {
                return Err(ailment);
            }
            let is_mute = matches!(
                error,
                ReaderError::Silent { .. } | ReaderError::Closed { .. } | ReaderError::Broken { .. }
            );
            let old = is_mute.then(|| ask_unasked(host, port, kafka_0_9(), Source::TakenFor09));
            return old.and_then(Result::ok).ok_or_else(|| no_broker(host, port, &error));
        }
    };
    match cluster(&mut connection) {
        Ok(metadata) => Ok(Spoken { connection, versions_known_by: Source::Asked, metadata }),
        Err(error) => Err(refused_after_versions(host, port, &error)),
    }
}

fn ask_unasked(
    host: &str,
    port: u16,
    versions: BrokerVersions,
    versions_known_by: Source,
) -> Result<Spoken, ReaderError> {
    let mut connection = Connection::open_unasked(host, port, versions)?;
    let metadata = cluster(&mut connection)?;
    Ok(Spoken { connection, versions_known_by, metadata })
}

/// What Kafka 0.9 speaks, which cannot be asked (KIP-35 came with 0.10).
fn kafka_0_9() -> BrokerVersions {
    BrokerVersions::fixed([
        (ApiKey::Produce, VersionRange::new(0, 1)),
        (ApiKey::Metadata, VersionRange::new(0, 0)),
    ])
}

/// The brokers, and no topic: an empty list is none of them, but all in version 0.
fn cluster(connection: &mut Connection) -> Result<MetadataResponse, ReaderError> {
    let version = connection.version(ApiKey::Metadata)?;
    let request = MetadataRequest {
        topics: Some(Vec::new()),
        allow_auto_topic_creation: version < 4,
        ..MetadataRequest::default()
    };
    let response = connection.call(version, &request)?;
    ReaderError::check("the cluster's metadata", response.error_code, None)?;
    Ok(response)
}

/// What speaks first, or answers to the first words of another protocol.
fn other_protocol(host: &str, port: u16) -> Option<Ailment> {
    let at = written(host, port);
    let hellos = [&api_versions_request()[..], &CLIENT_HELLO, b"GET / HTTP/1.0\r\n\r\n"];
    hellos.iter().find_map(|hello| known_by(&at, &first_bytes(host, port, hello)))
}

/// Something takes connections, and does not answer as a broker does, nor as anything else that is known here.
fn no_broker(host: &str, port: u16, error: &ReaderError) -> Ailment {
    let at = written(host, port);
    match error {
        ReaderError::Closed { .. } | ReaderError::Broken { .. } => Ailment::new(
            format!("{at} closes the connection at the first request"),
            "this is no Kafka listener, or one that lets other addresses in only: look at the port, and into the broker's log",
        ),
        ReaderError::Silent { within, .. } => Ailment::new(
            format!("{at} takes the connection and says nothing for {} s", within.as_secs_f64()),
            "a proxy without a broker behind it, a broker that hangs, or something else than Kafka",
        ),
        error => Ailment::new(error.to_string(), "this is no Kafka listener: look at the port"),
    }
}

/// What the first bytes of an answer give away.
fn known_by(at: &str, bytes: &[u8]) -> Option<Ailment> {
    match OtherProtocol::recognise(bytes)? {
        OtherProtocol::Tls => Some(speaks_tls(at)),
        other => Some(Ailment::new(
            format!("{at} is {other}, not a Kafka broker"),
            "look at the port: Kafka's is 9092 unless it was changed",
        )),
    }
}

fn speaks_tls(at: &str) -> Ailment {
    Ailment::new(
        format!("{at} speaks TLS, which kp cannot do yet"),
        "give the port of a PLAINTEXT listener, or put a TLS tunnel (stunnel) between kp and the broker",
    )
}

/// ApiVersions is answered before anybody has to say who he is; nothing else is.
fn refused_after_versions(host: &str, port: u16, error: &ReaderError) -> Ailment {
    let at = written(host, port);
    if matches!(error, ReaderError::NoVersion { .. }) {
        return Ailment::new(
            format!("{at} speaks Kafka, but not to producers: a KRaft controller?"),
            "give the port of a broker's listener for clients, not that of `controller.listener.names`",
        );
    }
    match sasl_mechanisms(host, port) {
        Some(mechanisms) => Ailment::new(
            format!("{at} wants SASL authentication ({}), which kp cannot do yet", mechanisms.join(", ")),
            "give the port of a PLAINTEXT listener",
        ),
        None => Ailment::new(
            error.to_string(),
            "look into the broker's log: it answered ApiVersions and not Metadata",
        ),
    }
}

/// The mechanisms of a SASL listener; others refuse the question itself.
fn sasl_mechanisms(host: &str, port: u16) -> Option<Vec<String>> {
    let mut connection = Connection::open(host, port).ok()?;
    let version = connection.version(ApiKey::SaslHandshake).ok()?;
    let request = SaslHandshakeRequest { mechanism: "KP-DOCTOR".into(), ..Default::default() };
    let answer = connection.call(version, &request).ok()?;
    let is_sasl = answer.error_code == ErrorCode::UNSUPPORTED_SASL_MECHANISM && !answer.mechanisms.is_empty();
    is_sasl.then(|| answer.mechanisms.iter().map(|name| shown(name).to_string()).collect())
}

/// The oldest ApiVersions request, as bytes.
fn api_versions_request() -> Vec<u8> {
    let header = RequestHeader { correlation_id: 0, client_id: Some("kp") };
    encode_request(&header, 0, &ApiVersionsRequest::default())
        .map_or_else(|_| Vec::new(), |segments| segments.concat())
}

/// What a listener says to these bytes first; nothing if it says nothing.
fn first_bytes(host: &str, port: u16, bytes: &[u8]) -> Vec<u8> {
    let ask = || -> io::Result<Vec<u8>> {
        let addresses = resolve(host, port)?;
        let stream =
            addresses.iter().find_map(|address| TcpStream::connect_timeout(address, CONNECT_WITHIN).ok());
        let mut stream = stream.ok_or(io::ErrorKind::NotConnected)?;
        stream.set_read_timeout(Some(FIRST_BYTES_WITHIN))?;
        stream.write_all(bytes)?;
        let mut answer = [0; 16];
        let read = stream.read(&mut answer)?;
        Ok(answer[..read].to_vec())
    };
    ask().unwrap_or_default()
}

/// A TLS 1.2 ClientHello that any server answers: with its own hello, or with an alert.
const CLIENT_HELLO: [u8; 72] = [
    0x16, 0x03, 0x01, 0x00, 0x43, // a handshake record of 67 bytes
    0x01, 0x00, 0x00, 0x3f, 0x03, 0x03, // ClientHello of 63 bytes, TLS 1.2
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 0x00, // no session
    0x00, 0x04, 0xc0, 0x2f, 0xc0, 0x2b, // two cipher suites
    0x01, 0x00, // no compression
    0x00, 0x12, // 18 bytes of extensions
    0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // the curve P-256
    0x00, 0x0d, 0x00, 0x06, 0x00, 0x04, 0x04, 0x01, 0x04, 0x03, // RSA and ECDSA with SHA-256
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_hello_has_the_lengths_that_it_says() {
        let length = |at: usize| usize::from(u16::from_be_bytes([CLIENT_HELLO[at], CLIENT_HELLO[at + 1]]));
        assert_eq!(length(3), CLIENT_HELLO.len() - 5);
        assert_eq!(length(7), CLIENT_HELLO.len() - 9);
        let extensions = CLIENT_HELLO.len() - 18;
        assert_eq!(length(extensions - 2), 18);
    }

    #[test]
    fn the_first_bytes_give_a_listener_away() {
        let alert = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
        assert!(known_by("h:1", &alert).unwrap().found.contains("h:1 speaks TLS"));
        assert!(known_by("h:1", b"HTTP/1.1 400 Bad").unwrap().found.contains("is an HTTP server"));
        assert!(known_by("h:1", b"SSH-2.0-OpenSSH").unwrap().found.contains("is an SSH server"));
        assert_eq!(known_by("h:1", &[0, 0, 0, 20, 0, 0, 0, 0]), None);
        assert_eq!(known_by("h:1", &[]), None);
    }
}
