//! Who listens on a port: a broker, or something else, and what that is.
//! Owns: what addresses, errors and first words mean. Never: a socket, or what a broker says about its cluster.

use std::{io, net::SocketAddr, time::Duration};

use kp_network::{OldKafka, OtherProtocol, SecurityStage};
use kp_protocol::{
    ApiKey,
    api::{MetadataRequest, MetadataResponse},
    text::shown,
};

use super::{
    login::{self, LoggedIn},
    report::Ailment,
    sockets::Sockets,
    way::Way,
};
use crate::reader::{BlockingCaller, Connection, ReaderError};

/// A broker that talks to us, and how its versions are known.
pub(super) struct Spoken {
    /// Host and port, as it was connected to.
    pub(super) at: (String, u16),
    pub(super) caller: BlockingCaller,
    pub(super) connection: Connection,
    pub(super) versions_known_by: Source,
    /// What it says about the cluster, without any topic (0.9: with all).
    pub(super) metadata: MetadataResponse,
}

/// Why a listener does not talk to us as a broker, and the step at which that showed.
pub(super) struct Unspoken {
    pub(super) step: &'static str,
    pub(super) ailment: Ailment,
    /// Whether all that is known is that it does not answer.
    is_open: bool,
}

impl Unspoken {
    pub(super) fn new(step: &'static str, ailment: Ailment) -> Self {
        Self { step, ailment, is_open: false }
    }

    fn kafka(ailment: Ailment) -> Self {
        Self::new(KAFKA, ailment)
    }
}

/// The step of the first words.
const KAFKA: &str = "kafka";

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

/// Connects to each address; the first that takes a connection, what that took, and what the others said.
pub(super) fn connect(
    sockets: &mut Sockets,
    host: &str,
    addresses: &[SocketAddr],
) -> Result<(SocketAddr, Duration, String), Ailment> {
    let mut refusals = String::new();
    let (mut reached, mut last) = (None, None);
    for address in addresses {
        match sockets.reach(host, *address) {
            Ok(took) => reached = reached.or(Some((*address, took))),
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
                    "no answer comes: a firewall or a security group drops it, or the address is of another network"
                }
                _ => "look at the way between this machine and the broker",
            };
            Err(Ailment::new(refusals.trim_start_matches("; "), remedy))
        }
    }
}

/// The first words with a broker: what it speaks, and what its cluster is. With a version that is `known` it is not asked.
pub(super) fn speak(
    way: &Way<'_>,
    sockets: &mut Sockets,
    host: &str,
    port: u16,
    known: Option<OldKafka>,
) -> Result<Spoken, Unspoken> {
    if let Some(old) = known {
        return take_for(way, host, port, old, Source::Configured).map_err(|error| match error {
            ReaderError::Security { .. } => why_not(way, sockets, host, port, &error),
            error => Unspoken::kafka(Ailment::new(error.to_string(), "is broker.version.fallback right?")),
        });
    }
    let mut caller = way.caller(None).map_err(Unspoken::kafka)?;
    let connection = match caller.connect(host, port) {
        Ok(connection) => connection,
        Err(error) => return not_versed(way, sockets, host, port, &error),
    };
    match cluster(&mut caller, &connection) {
        Ok(metadata) => {
            let versions_known_by = caller.taken_for().map_or(Source::Asked, |_| Source::TakenFor09);
            let at = (host.to_owned(), port);
            Ok(Spoken { at, caller, connection, versions_known_by, metadata })
        }
        Err(error) => Err(Unspoken::kafka(refused_after_versions(way, host, port, &error))),
    }
}

/// The login by itself, on a connection of its own, for all that there is to say about it. `None` if there is nothing to log in with.
pub(super) fn log_in(
    way: &Way<'_>,
    sockets: &mut Sockets,
    host: &str,
    port: u16,
) -> Result<Option<LoggedIn>, Unspoken> {
    let (mut caller, provider) = way.stranger().map_err(Unspoken::kafka)?;
    let Some(provider) = provider else { return Ok(None) };
    let connection = caller.connect(host, port).map_err(|error| why_not(way, sockets, host, port, &error))?;
    // Brokers before 1.0 take tokens without a request around them: the producer's own connection tells.
    if connection.version(ApiKey::SaslAuthenticate).is_err() {
        return Ok(None);
    }
    let mechanism = provider.begin(host).map_err(|failure| {
        Unspoken::new("sasl", Ailment::new(failure.to_string(), "the credentials of this client (sasl.*)"))
    })?;
    let logged_in = login::log_in(&mut caller, &connection, mechanism);
    logged_in.map(Some).map_err(|ailment| Unspoken::new("sasl", ailment))
}

/// A broker whose version is taken to be known.
fn take_for(
    way: &Way<'_>,
    host: &str,
    port: u16,
    old: OldKafka,
    versions_known_by: Source,
) -> Result<Spoken, ReaderError> {
    let mut caller = way
        .caller(Some(old))
        .map_err(|ailment| ReaderError::Connect { address: written(host, port), why: ailment.found })?;
    let connection = caller.connect(host, port)?;
    let metadata = cluster(&mut caller, &connection)?;
    let at = (host.to_owned(), port);
    Ok(Spoken { at, caller, connection, versions_known_by, metadata })
}

/// A listener that does not answer ApiVersions: another protocol, or a broker that hangs up on what it does not know.
fn not_versed(
    way: &Way<'_>,
    sockets: &mut Sockets,
    host: &str,
    port: u16,
    error: &ReaderError,
) -> Result<Spoken, Unspoken> {
    let why = why_not(way, sockets, host, port, error);
    let is_mute =
        matches!(error, ReaderError::Silent { .. } | ReaderError::Closed { .. } | ReaderError::Broken { .. });
    let is_old = is_mute && why.is_open && !way.has_login();
    let old = is_old.then(|| take_for(way, host, port, OldKafka::V0_9_0, Source::TakenFor09));
    old.and_then(Result::ok).ok_or(why)
}

/// Why a connection does not come to its first answer.
fn why_not(way: &Way<'_>, sockets: &mut Sockets, host: &str, port: u16, error: &ReaderError) -> Unspoken {
    if let ReaderError::Security { failure, .. } = error {
        let step = if failure.stage() == SecurityStage::TlsHandshake { "tls" } else { "sasl" };
        let remedy =
            failure.advice().unwrap_or("the text says what to change; docs/security/errors.md has more");
        return Unspoken::new(step, Ailment::new(error.to_string(), remedy));
    }
    let spoken = match error {
        ReaderError::OtherProtocol { spoken, .. } => Some(*spoken),
        _ => other_protocol(way, sockets, host, port),
    };
    match spoken {
        Some(OtherProtocol::Plaintext) => Unspoken::new("tls", speaks_without_tls(&written(host, port), way)),
        Some(spoken) => Unspoken::kafka(speaks_another(&written(host, port), spoken)),
        None if way.is_encrypted() && speaks_in_plain(host, port) => {
            Unspoken::new("tls", speaks_without_tls(&written(host, port), way))
        }
        None => Unspoken { is_open: true, ..Unspoken::kafka(no_broker(host, port, error)) },
    }
}

/// Whether a broker answers there without TLS.
fn speaks_in_plain(host: &str, port: u16) -> bool {
    BlockingCaller::new(None).connect(host, port).is_ok()
}

fn speaks_without_tls(at: &str, way: &Way<'_>) -> Ailment {
    let protocol = way.settings.security.protocol;
    let without = if way.has_login() { "SASL_PLAINTEXT" } else { "PLAINTEXT" };
    Ailment::new(
        format!("{at} is a Kafka listener without TLS, and security.protocol={protocol}"),
        format!(
            "give the port of the TLS listener; or set security.protocol={without}, and nothing is encrypted"
        ),
    )
}

/// The brokers, and no topic: an empty list is none of them, but all in version 0.
fn cluster(caller: &mut BlockingCaller, connection: &Connection) -> Result<MetadataResponse, ReaderError> {
    let version = connection.version(ApiKey::Metadata)?;
    let request = MetadataRequest {
        topics: Some(Vec::new()),
        allow_auto_topic_creation: version < MetadataRequest::AUTO_CREATION_FROM,
        ..MetadataRequest::default()
    };
    let response = caller.call(connection, version, &request)?;
    ReaderError::check("the cluster's metadata", response.error_code, None)?;
    Ok(response)
}

/// What answers to the first words of another protocol.
fn other_protocol(way: &Way<'_>, sockets: &mut Sockets, host: &str, port: u16) -> Option<OtherProtocol> {
    let addresses = sockets.resolve(host, port).ok()?;
    let hellos = [&CLIENT_HELLO[..], b"GET / HTTP/1.0\r\n\r\n"];
    // That it speaks TLS is well if it is asked to.
    let hellos = if way.is_encrypted() { &hellos[1..] } else { &hellos[..] };
    let recognised = hellos
        .iter()
        .find_map(|hello| OtherProtocol::recognise(&sockets.first_bytes(host, &addresses, hello)));
    recognised.filter(|spoken| !(way.is_encrypted() && *spoken == OtherProtocol::Tls))
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

/// What a listener of another protocol means for a producer.
fn speaks_another(at: &str, spoken: OtherProtocol) -> Ailment {
    match spoken {
        OtherProtocol::Tls => speaks_tls(at),
        other => Ailment::new(
            format!("{at} is {other}, not a Kafka broker"),
            "look at the port: Kafka's is 9092 unless it was changed",
        ),
    }
}

fn speaks_tls(at: &str) -> Ailment {
    Ailment::new(
        format!("{at} speaks TLS, and security.protocol says that nothing is encrypted"),
        "set security.protocol=SSL, or SASL_SSL if it wants a login; or give the port of a PLAINTEXT listener",
    )
}

/// ApiVersions is answered before a client has authenticated; nothing else is.
fn refused_after_versions(way: &Way<'_>, host: &str, port: u16, error: &ReaderError) -> Ailment {
    let at = written(host, port);
    if matches!(error, ReaderError::NoVersion { .. }) {
        return Ailment::new(
            format!("{at} speaks Kafka, but not to producers: a KRaft controller?"),
            "give the port of a broker's listener for clients, not that of `controller.listener.names`",
        );
    }
    match sasl_mechanisms(way, host, port) {
        Some(mechanisms) => Ailment::new(
            format!("{at} wants SASL authentication ({})", mechanisms.join(", ")),
            format!(
                "set security.protocol={}, sasl.mechanism to one of these, and its credentials; `kp config skeleton` has an example",
                if way.is_encrypted() { "SASL_SSL" } else { "SASL_PLAINTEXT" }
            ),
        ),
        None => Ailment::new(
            error.to_string(),
            "look into the broker's log: it answered ApiVersions and not Metadata",
        ),
    }
}

/// The mechanisms of a SASL listener; others refuse the question itself.
fn sasl_mechanisms(way: &Way<'_>, host: &str, port: u16) -> Option<Vec<String>> {
    let (mut caller, _) = way.stranger().ok()?;
    let connection = caller.connect(host, port).ok()?;
    login::offered(&mut caller, &connection)
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
    fn a_listener_of_another_protocol_is_named() {
        assert!(speaks_another("h:1", OtherProtocol::Tls).found.contains("h:1 speaks TLS"));
        assert!(speaks_another("h:1", OtherProtocol::Http).found.contains("is an HTTP server"));
        assert!(speaks_another("h:1", OtherProtocol::Ssh).found.contains("is an SSH server"));
    }
}
