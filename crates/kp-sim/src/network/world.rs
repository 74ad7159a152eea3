//! What is between the clients and the cluster, as one queue of happenings: what is on its way, when it arrives and what
//! it does there. Owned by [`SimNetwork`](super::SimNetwork), behind its lock; told the time.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kp_network::{ConnectionNumber, SelectorEvent, Worked};
use kp_protocol::{BrokerId, TopicPartition};
use kp_time::Jitter;

use super::Weather;
use super::clients::{ClientNumber, Clients};
use super::link::{Link, Side};
use crate::{Lost, Reply, SimCluster, Waiting};

/// What happens at a moment.
#[derive(Debug)]
enum Happening {
    /// A look-up is answered.
    Resolved(ConnectionNumber),
    /// An attempt to connect reaches the broker, and the answer the client.
    Connected(ConnectionNumber),
    /// Bytes of the client reach the broker.
    AtBroker(ConnectionNumber, Bytes),
    /// The client's end reaches the broker.
    ClosedByClient(ConnectionNumber),
    /// The broker has done a request.
    Carried(ConnectionNumber, Bytes),
    /// A request that waits is looked at again.
    Resume(ConnectionNumber),
    /// Bytes of the broker reach the client.
    AtClient(ConnectionNumber, Bytes),
    /// The broker's end, or a reset, reaches the client.
    ClosedByBroker(ConnectionNumber),
}

/// Everything that a seed decides.
#[derive(Debug)]
pub(super) struct World {
    cluster: SimCluster,
    weather: Weather,
    dice: Jitter,
    links: BTreeMap<ConnectionNumber, Link>,
    queue: BTreeMap<(Instant, u64), Happening>,
    clients: Clients,
    next_in_queue: u64,
    next_alarm: Option<Instant>,
    /// How often it was asked since time last moved.
    polls_at: (Option<Instant>, u32),
    trace: u64,
    happened: u64,
}

/// More looks at one moment than any client has a reason for.
const MOST_POLLS: u32 = 1_000_000;

impl World {
    pub(super) fn new(cluster: SimCluster, weather: Weather, seed: u64) -> Self {
        Self {
            cluster,
            weather,
            dice: Jitter::seeded(seed),
            links: BTreeMap::new(),
            queue: BTreeMap::new(),
            clients: Clients::default(),
            next_in_queue: 0,
            next_alarm: None,
            polls_at: (None, 0),
            trace: 0xcbf2_9ce4_8422_2325,
            happened: 0,
        }
    }

    pub(super) fn trace(&self) -> u64 {
        self.trace
    }

    pub(super) fn happened(&self) -> u64 {
        self.happened
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    pub(super) fn set_alarm(&mut self, at: Option<Instant>) {
        self.next_alarm = at;
    }

    /// Whether the alarm has rung. Reported once: a client that waits on without looking at the reason of the alarm waits
    /// for something else.
    pub(super) fn take_alarm(&mut self, now: Instant) -> bool {
        self.next_alarm.take_if(|at| *at <= now).is_some()
    }

    /// When the next thing happens, by itself or by the alarm.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        self.next_happening().into_iter().chain(self.next_alarm).min()
    }

    pub(super) fn next_happening(&self) -> Option<Instant> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        queued.into_iter().chain(self.cluster.next_moment()).min()
    }

    /// The clients in front of the cluster.
    pub(super) fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }

    /// Work of a mechanism is done: it takes no time.
    pub(super) fn worked(&mut self, number: ConnectionNumber, worked: Worked) {
        self.clients.tell(number, |number| SelectorEvent::Worked { number, worked });
    }

    /// Looks at the cluster, or changes it; requests that wait look again.
    pub(super) fn with_cluster<T>(
        &mut self,
        now: Instant,
        timestamp_ms: i64,
        look: impl FnOnce(&mut SimCluster) -> T,
    ) -> T {
        self.cluster.tick(now, timestamp_ms);
        let result = look(&mut self.cluster);
        self.cluster.tick(now, timestamp_ms);
        self.resume_all(now);
        result
    }

    pub(super) fn crash(&mut self, now: Instant, broker: BrokerId) -> Vec<Lost> {
        let Self { cluster, dice, .. } = self;
        let lost = cluster.crash(now, broker, dice).unwrap_or_default();
        self.cut_connections_of(now, broker);
        self.resume_all(now);
        lost
    }

    pub(super) fn fail_over(
        &mut self,
        now: Instant,
        at: &TopicPartition,
        to: BrokerId,
        unclean: bool,
    ) -> Option<Lost> {
        let Self { cluster, dice, .. } = self;
        let lost = cluster.fail_over(now, at, to, unclean, dice).ok().flatten();
        self.resume_all(now);
        lost
    }

    /// The connections to a broker lose all that is sent from now on.
    pub(super) fn half_open(&mut self, broker: BrokerId) {
        for link in self.links.values_mut().filter(|link| link.broker == broker) {
            link.is_black_hole = true;
        }
    }

    /// The client asks for the addresses of a name.
    pub(super) fn look_up(&mut self, now: Instant, number: ConnectionNumber, host: &str) {
        let at = now + self.weather.latency(&mut self.dice);
        self.links.insert(number, Link::new(host));
        self.plan(at, Happening::Resolved(number));
    }

    /// The client begins to connect.
    pub(super) fn connect(&mut self, now: Instant, number: ConnectionNumber, address: SocketAddr) {
        let at = now + self.weather.latency(&mut self.dice) * 2;
        let swallowed = self.dice.unit() < self.weather.swallowed;
        let IpAddr::V4(ip) = address.ip() else { return };
        let [_, _, broker, last] = ip.octets();
        let link = self.links.entry(number).or_insert_with(|| Link::new(""));
        link.broker = BrokerId(i32::from(broker));
        link.lives = last == 1;
        link.is_black_hole = swallowed;
        self.plan(at, Happening::Connected(number));
    }

    /// The client writes, as much as the window lets through.
    pub(super) fn write(
        &mut self,
        now: Instant,
        number: ConnectionNumber,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { links, dice, weather, .. } = self;
        let Some(link) = links.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if link.has_ended_at_client() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let Some(bytes) = link.take_from_client(slices, weather.window) else { return Poll::Pending };
        let taken = bytes.len();
        let at = link.leaves_client(now, weather.jitter(dice));
        self.plan(at, Happening::AtBroker(number, bytes));
        Poll::Ready(Ok(taken))
    }

    /// The client reads what has come.
    pub(super) fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self.links.get_mut(&number) {
            Some(link) => link.read(into),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// The client closes its end.
    pub(super) fn close(&mut self, now: Instant, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        link.client.side = Side::Closed;
        if link.server.side == Side::Closed {
            self.links.remove(&number);
            return;
        }
        // What was written before still arrives, perhaps long after the client has gone to another connection.
        let at = link.leaves_client(now, Duration::ZERO);
        self.plan(at, Happening::ClosedByClient(number));
    }

    /// The client closes all its ends, and is not waited for any more.
    pub(super) fn close_all(&mut self, now: Instant, client: ClientNumber) {
        let of_client = self.links.iter().filter(|(number, _)| client.has(**number));
        let numbers: Vec<ConnectionNumber> = of_client.map(|(number, _)| *number).collect();
        for number in numbers {
            self.close(now, number);
        }
        self.clients.forget(client);
    }

    /// The client is gone, as if its process had been killed: what it still had open ends.
    pub(super) fn kill(&mut self, now: Instant, client: ClientNumber) {
        let is_open = |link: &Link| link.client.side != Side::Closed;
        let of_client = self.links.iter().filter(|(number, link)| client.has(**number) && is_open(link));
        let numbers: Vec<ConnectionNumber> = of_client.map(|(number, _)| *number).collect();
        for number in numbers {
            self.close(now, number);
        }
        self.clients.forget(client);
    }

    /// A client that looks again and again while time stands still would never end: that is a failure, not a test that hangs.
    pub(super) fn note_poll(&mut self, now: Instant) {
        self.polls_at =
            if self.polls_at.0 == Some(now) { (Some(now), self.polls_at.1 + 1) } else { (Some(now), 1) };
        assert!(self.polls_at.1 < MOST_POLLS, "the network is polled without end while time stands still");
    }

    fn plan(&mut self, at: Instant, what: Happening) {
        self.next_in_queue += 1;
        self.queue.insert((at, self.next_in_queue), what);
    }

    /// Does what is due. Answers whether the client has something to look at.
    pub(super) fn happen(&mut self, now: Instant, timestamp_ms: i64) {
        while let Some(next) = self.next_happening().filter(|at| *at <= now) {
            if self.cluster.next_moment() == Some(next) {
                self.cluster_acts(next, timestamp_ms);
            } else if let Some(((at, _), what)) = self.queue.pop_first() {
                self.note(&what);
                self.one(at, timestamp_ms, what);
            }
        }
    }

    /// The cluster does by itself what is due; who waits looks again.
    fn cluster_acts(&mut self, now: Instant, timestamp_ms: i64) {
        self.note_parts([9, 0, 0]);
        self.cluster.tick(now, timestamp_ms);
        self.resume_all(now);
    }

    fn note(&mut self, what: &Happening) {
        let (kind, number, size) = match what {
            Happening::Resolved(number) => (1, number, 0),
            Happening::Connected(number) => (2, number, 0),
            Happening::AtBroker(number, bytes) => (3, number, bytes.len()),
            Happening::ClosedByClient(number) => (4, number, 0),
            Happening::Carried(number, bytes) => (5, number, bytes.len()),
            Happening::Resume(number) => (6, number, 0),
            Happening::AtClient(number, bytes) => (7, number, bytes.len()),
            Happening::ClosedByBroker(number) => (8, number, 0),
        };
        self.note_parts([kind, number.0, size as u64]);
    }

    fn note_parts(&mut self, parts: [u64; 3]) {
        self.happened += 1;
        for part in parts {
            self.trace = (self.trace ^ part).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn one(&mut self, now: Instant, timestamp_ms: i64, what: Happening) {
        match what {
            Happening::Resolved(number) => self.resolved(number),
            Happening::Connected(number) => self.connected(number),
            Happening::AtBroker(number, bytes) => {
                let Some(link) = self.links.get_mut(&number) else { return };
                if link.is_black_hole {
                    return;
                }
                if link.arrive_at_broker(&bytes) {
                    self.clients.tell(number, |number| SelectorEvent::Writable { number });
                }
                self.next_request(now, number);
            }
            Happening::ClosedByClient(number) => {
                if let Some(link) = self.links.get_mut(&number) {
                    link.server.side = Side::Closed;
                    self.forget_if_over(number);
                }
                self.cluster.connection_closed(number.0);
            }
            Happening::Carried(number, frame) => self.carried(now, timestamp_ms, number, frame),
            Happening::Resume(number) => self.resume(now, timestamp_ms, number),
            Happening::AtClient(number, bytes) => {
                let Some(link) = self.links.get_mut(&number) else { return };
                if link.is_black_hole {
                    return;
                }
                if link.arrive_at_client(bytes) {
                    self.clients.tell(number, |number| SelectorEvent::Readable { number });
                }
            }
            Happening::ClosedByBroker(number) => {
                let Some(link) = self.links.get_mut(&number) else { return };
                if link.is_black_hole {
                    return;
                }
                if link.end_at_client() {
                    self.clients.tell(number, |number| SelectorEvent::Readable { number });
                }
            }
        }
    }

    fn resolved(&mut self, number: ConnectionNumber) {
        let Some(link) = self.links.get(&number) else { return };
        let fails = self.dice.unit() < self.weather.unresolved;
        let result = match link.host_number() {
            Some(broker) if !fails => {
                // Two addresses a name, of which no broker listens at the second.
                let here = address_of(broker, 1);
                let nowhere = address_of(broker, 2);
                if self.dice.unit() < self.weather.dead_address {
                    Ok(vec![nowhere, here])
                } else {
                    Ok(vec![here, nowhere])
                }
            }
            Some(_) => Err("the name server did not answer (simulated)".into()),
            None => Err("no such host (simulated)".into()),
        };
        self.clients.tell(number, |number| SelectorEvent::Resolved { number, result });
    }

    fn connected(&mut self, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if link.is_black_hole {
            return;
        }
        if link.lives && self.cluster.is_up(link.broker) && self.dice.unit() >= self.weather.refused {
            link.server.side = Side::Open;
            link.latency = self.weather.latency(&mut self.dice);
            self.clients.tell(number, |number| SelectorEvent::Connected { number });
        } else {
            self.links.remove(&number);
            let error = io::Error::from(io::ErrorKind::ConnectionRefused).into();
            self.clients.tell(number, |number| SelectorEvent::ConnectFailed { number, error });
        }
    }

    /// Begins the next request of a connection, if the one before is done: brokers take one at a time.
    fn next_request(&mut self, now: Instant, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if link.server.is_busy || link.server.side != Side::Open || !self.cluster.is_up(link.broker) {
            return;
        }
        let Some(frame) = link.next_frame() else { return };
        link.server.is_busy = true;
        let at = now + self.weather.service(&mut self.dice);
        self.plan(at, Happening::Carried(number, frame));
    }

    fn carried(&mut self, now: Instant, timestamp_ms: i64, number: ConnectionNumber, frame: Bytes) {
        let Some(link) = self.links.get(&number) else { return };
        let broker = link.broker;
        if !self.cluster.is_up(broker) {
            return self.end_by_broker(now, number);
        }
        if self.dice.unit() < self.weather.cut_before {
            return self.end_by_broker(now, number);
        }
        let reply = self.cluster.handle_request(now, timestamp_ms, broker, number.0, frame);
        if self.dice.unit() < self.weather.cut_after {
            return self.end_by_broker(now, number);
        }
        self.answer(now, number, reply);
        self.resume_others(now, number);
    }

    fn answer(&mut self, now: Instant, number: ConnectionNumber, reply: Reply) {
        let Some(link) = self.links.get_mut(&number) else { return };
        match reply {
            Reply::Answer(segments) => {
                let bytes = Bytes::from(segments.concat());
                let at = link.leaves_broker(now, self.weather.jitter(&mut self.dice));
                self.plan(at, Happening::AtClient(number, bytes));
                self.done(now, number);
            }
            Reply::LastAnswer(segments) => {
                let bytes = Bytes::from(segments.concat());
                let at = link.leaves_broker(now, self.weather.jitter(&mut self.dice));
                self.plan(at, Happening::AtClient(number, bytes));
                self.end_by_broker(now, number);
            }
            Reply::Silence => self.done(now, number),
            Reply::Close => self.end_by_broker(now, number),
            // It stays busy for ever.
            Reply::Stall => {}
            Reply::Later(waiting) => {
                let at = waiting.deadline().max(now);
                link.server.waiting = Some(waiting);
                self.plan(at, Happening::Resume(number));
            }
        }
    }

    fn done(&mut self, now: Instant, number: ConnectionNumber) {
        if let Some(link) = self.links.get_mut(&number) {
            link.server.is_busy = false;
            self.next_request(now, number);
        }
    }

    fn resume(&mut self, now: Instant, timestamp_ms: i64, number: ConnectionNumber) {
        let Some(waiting) = self.links.get_mut(&number).and_then(|link| link.server.waiting.take()) else {
            return;
        };
        let waiting: Waiting = *waiting;
        let reply = self.cluster.resume(now, timestamp_ms, waiting);
        if matches!(reply, Reply::Answer(_)) && self.dice.unit() < self.weather.cut_after {
            return self.end_by_broker(now, number);
        }
        self.answer(now, number, reply);
    }

    /// Something was appended or has moved: who waits looks again.
    fn resume_all(&mut self, now: Instant) {
        let waiting = self.links.iter().filter(|(_, link)| link.server.waiting.is_some());
        let numbers: Vec<ConnectionNumber> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            self.plan(now, Happening::Resume(number));
        }
    }

    fn resume_others(&mut self, now: Instant, number: ConnectionNumber) {
        let is_fetch = |link: &Link| matches!(link.server.waiting.as_deref(), Some(Waiting::Fetch(_)));
        let waiting = self.links.iter().filter(|(other, link)| **other != number && is_fetch(link));
        let numbers: Vec<ConnectionNumber> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            self.plan(now, Happening::Resume(number));
        }
    }

    pub(super) fn cut_connections_of(&mut self, now: Instant, broker: BrokerId) {
        let of_broker =
            self.links.iter().filter(|(_, link)| link.broker == broker && link.server.side == Side::Open);
        let numbers: Vec<ConnectionNumber> = of_broker.map(|(number, _)| *number).collect();
        for number in numbers {
            self.end_by_broker(now, number);
        }
    }

    fn end_by_broker(&mut self, now: Instant, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        link.server.side = Side::Closed;
        link.server.waiting = None;
        let at = link.leaves_broker(now, Duration::ZERO);
        self.cluster.connection_closed(number.0);
        self.plan(at, Happening::ClosedByBroker(number));
    }

    fn forget_if_over(&mut self, number: ConnectionNumber) {
        let is_over = |link: &Link| link.client.side == Side::Closed && link.server.side == Side::Closed;
        if self.links.get(&number).is_some_and(is_over) {
            self.links.remove(&number);
        }
    }
}

fn address_of(broker: u8, last: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, broker, last)), 9092)
}
