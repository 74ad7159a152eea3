//! A caller that blocks: it connects to a broker, asks it one thing and waits for the answer.
//!
//! Owns: the network client, which is that of a producer, the list of listeners it was told of, and how long it waits.
//! Never: a socket, or what a request means. While it waits it looks for Ctrl-C every [`LOOK_EVERY`].

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kp_network::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, KafkaClient, NetworkSettings, OldKafka,
    Reached, Readiness, SaslProvider, TokioClient,
};
use kp_producer::{BuildError, Producer, ProducerConfig};
use kp_protocol::{BrokerAddress, BrokerId, BrokerVersions, Message as _, Request, encode_body};
use kp_time::{Backoff, Clock};

use super::{Connection, ReaderError};
use crate::interrupt::is_interrupted;

/// What each address has, from the first packet to the API versions.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// For how long a broker that owes an answer may send nothing.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// How often a wait looks whether Ctrl-C ends it.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What the client gives a request: the caller ends it earlier, when nothing more comes, and lets a slow answer come.
const NOT_THE_CLIENTS: Duration = Duration::from_secs(86_400);

/// See the module.
pub(crate) struct BlockingCaller {
    client: Box<dyn KafkaClient>,
    clock: Arc<dyn Clock>,
    /// All that it was ever to connect to; the place in the list is the client's number for it.
    listeners: Vec<BrokerAddress>,
    /// Of the last turn; kept for its memory.
    events: Vec<Event>,
    next_token: u64,
    is_interrupted: fn() -> bool,
    taken_for: Option<OldKafka>,
}

/// What an attempt to connect came to.
enum Attempt {
    Ready(ConnectionNumber, Arc<BrokerVersions>),
    Ended(DisconnectReason, Reached),
}

/// When a broker was heard last, by the number of bytes that came from it.
struct Heard {
    bytes: u64,
    at: Instant,
}

impl BlockingCaller {
    /// A caller over sockets. Brokers are taken to be of the version `fallback`, if there is one, and not asked.
    pub(crate) fn new(fallback: Option<OldKafka>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self::over(Box::new(TokioClient::new(settings(fallback), Arc::clone(&clock))), clock)
    }

    /// A caller over the network of a producer with this configuration: encrypted as it says, and, `with_login`, authenticated. And
    /// what would authenticate it.
    ///
    /// # Errors
    /// A file that the configuration names, or what the build lacks.
    pub(crate) fn secured(
        config: &ProducerConfig,
        fallback: Option<OldKafka>,
        with_login: bool,
    ) -> Result<(Self, Option<Arc<dyn SaslProvider>>), BuildError> {
        let mut login = None;
        let client = Producer::builder(config.clone()).network(|network| {
            login = network.sasl.take();
            *network = settings(fallback);
            network.sasl = login.clone().filter(|_| with_login);
        })?;
        Ok((Self::over(client, Arc::new(SystemClock)), login))
    }

    /// A caller over a client that has [`settings`].
    pub(super) fn over(client: Box<dyn KafkaClient>, clock: Arc<dyn Clock>) -> Self {
        let (listeners, events) = (Vec::new(), Vec::new());
        Self { client, clock, listeners, events, next_token: 0, is_interrupted, taken_for: None }
    }

    /// What the brokers are taken for, if one of them did not know ApiVersions.
    pub(crate) fn taken_for(&self) -> Option<OldKafka> {
        self.taken_for
    }

    /// Connects to a listener, unless it is connected: to each address of the name in turn, until one takes the
    /// connection. That one must be a broker.
    ///
    /// # Errors
    /// The address, and what the last one tried said.
    pub(crate) fn connect(&mut self, host: &str, port: u16) -> Result<Connection, ReaderError> {
        let listener = self.listener(host, port);
        let address = self.listeners[listener.0 as usize].to_string();
        // What the client has still to say is about an earlier connection.
        self.turn(Duration::ZERO);
        let mut was_answered = false;
        loop {
            let (reason, reached) = match self.attempt(listener, &address)? {
                Attempt::Ready(number, versions) => {
                    return Ok(Connection::new(listener, number, &address, versions));
                }
                Attempt::Ended(reason, reached) => (reason, reached),
            };
            let is_worth_more = match reached {
                Reached::Address { untried } => untried > 0,
                // A listener with authentication closes on the probe behind the first ApiVersions. The next attempt sends
                // none: by its answer the client knows that this broker tells its versions.
                Reached::Answer => !mem::replace(&mut was_answered, true),
                _ => false,
            };
            if !is_worth_more {
                return Err(ReaderError::not_connected(address, READY_WITHIN, reason, reached));
            }
        }
    }

    fn attempt(&mut self, listener: BrokerId, address: &str) -> Result<Attempt, ReaderError> {
        loop {
            match self.client.readiness(self.clock.now(), listener) {
                Readiness::Ready { connection, versions } => return Ok(Attempt::Ready(connection, versions)),
                Readiness::Wait { .. } => {}
                Readiness::Failed { reason, .. } => {
                    return Err(ReaderError::Connect {
                        address: address.to_owned(),
                        why: reason.to_string(),
                    });
                }
            }
            self.turn(LOOK_EVERY);
            for event in self.events.drain(..) {
                match event {
                    Event::Connected { broker, connection, versions } if broker == listener => {
                        return Ok(Attempt::Ready(connection, versions));
                    }
                    Event::Disconnected { broker, reason, reached, .. } if broker == listener => {
                        return Ok(Attempt::Ended(reason, reached));
                    }
                    _ => {}
                }
            }
            self.look_for_an_interrupt()?;
        }
    }

    /// The number of a listener, which from now on the client knows.
    fn listener(&mut self, host: &str, port: u16) -> BrokerId {
        let known = self.listeners.iter().find(|known| &*known.host == host && known.port == port);
        if let Some(known) = known {
            return known.id;
        }
        // None of these numbers is negative: the client would take the list for the one of a new cluster.
        let id = BrokerId(self.listeners.len() as i32);
        self.listeners.push(BrokerAddress { id, host: host.into(), port, rack: None });
        self.client.set_brokers(self.clock.now(), &self.listeners);
        id
    }

    /// Sends a request and waits for its answer, as long as the broker goes on sending.
    ///
    /// # Errors
    /// The connection is of no use afterwards.
    pub(crate) fn call<R: Request>(
        &mut self,
        connection: &Connection,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ReaderError> {
        let protocol = |source| connection.protocol(&source);
        let request = ClientRequest {
            token: self.next_token,
            broker: connection.listener,
            connection: connection.number,
            api_key: R::KEY,
            version,
            body: encode_body(version, request).map_err(protocol)?,
            timeout: NOT_THE_CLIENTS,
            expects_response: true,
        };
        self.next_token += 1;
        let body = self.exchange(connection, request)?;
        R::Response::parse(&body, version).map_err(protocol)
    }

    /// The body of the answer.
    fn exchange(&mut self, connection: &Connection, request: ClientRequest) -> Result<Bytes, ReaderError> {
        let (sent, api, listener) = (request.token, request.api_key, connection.listener);
        let failed = |reason| ReaderError::unanswered(connection.address(), api, reason);
        let now = self.clock.now();
        let mut heard = Heard { bytes: self.bytes_from(listener), at: now };
        let over = || failed(DisconnectReason::Lost("the connection has ended".into()));
        self.client.send(now, request).map_err(|_| over())?;
        loop {
            self.turn(LOOK_EVERY);
            for event in self.events.drain(..) {
                match event {
                    Event::Answered { token, body } if token == sent => return Ok(body),
                    Event::Failed { token, reason, .. } if token == sent => return Err(failed(reason)),
                    _ => {}
                }
            }
            self.look_for_an_interrupt()?;
            let (bytes, now) = (self.bytes_from(listener), self.clock.now());
            if bytes != heard.bytes {
                heard = Heard { bytes, at: now };
            } else if now.saturating_duration_since(heard.at) >= SILENT_FOR {
                self.client.disconnect(now, listener, "no answer");
                let address = connection.address().to_owned();
                return Err(ReaderError::Silent { address, api, within: SILENT_FOR });
            }
        }
    }

    /// Lets so much time pass. The network goes on meanwhile.
    ///
    /// # Errors
    /// Ctrl-C.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), ReaderError> {
        let until = self.clock.now() + time;
        loop {
            let left = until.saturating_duration_since(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left.min(LOOK_EVERY));
            self.look_for_an_interrupt()?;
        }
    }

    /// The time, for limits of those who call.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Lets the network work until there is an event, and not longer than this.
    fn turn(&mut self, at_most: Duration) {
        self.events.clear();
        self.client.poll(Some(self.clock.now() + at_most), &mut self.events);
        for event in &self.events {
            if let Event::OldCluster { taken_for, .. } = event {
                self.taken_for = Some(*taken_for);
            }
        }
    }

    fn look_for_an_interrupt(&self) -> Result<(), ReaderError> {
        if (self.is_interrupted)() { Err(ReaderError::Interrupted) } else { Ok(()) }
    }

    fn bytes_from(&self, listener: BrokerId) -> u64 {
        let nodes = self.client.snapshot().nodes;
        nodes.iter().find(|(id, _)| *id == listener).map_or(0, |(_, counted)| counted.bytes_read)
    }
}

/// A client for a program that is in a hurry: no wait between the addresses of a name, a large answer in one go, and no
/// connection closed for being idle. Constant waits have no jitter.
pub(super) fn settings(fallback: Option<OldKafka>) -> NetworkSettings {
    let mut settings = NetworkSettings::default();
    settings.client_id = Some("kp".to_owned());
    settings.reconnect_backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
    settings.setup_timeout = Backoff::new(READY_WITHIN, READY_WITHIN);
    settings.connections_max_idle = None;
    (settings.send_buffer, settings.receive_buffer) = (None, None);
    settings.version_fallback = fallback;
    // The doctor asks for all mechanisms itself.
    settings.asks_about_logins = false;
    settings
}

/// The clock of the system.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn timestamp_ms(&self) -> i64 {
        let since_epoch = std::time::UNIX_EPOCH.elapsed();
        since_epoch.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests;
