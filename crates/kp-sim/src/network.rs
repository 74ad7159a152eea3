//! A network in virtual time between a client and a [`SimCluster`]: latency, cuts, black holes, slow readers, names that
//! do not resolve. One seed decides everything.
//!
//! [`SimNetwork::selectable`] goes under kp-network's pure `NetworkClient`, so the client that runs here is the one that
//! runs over sockets. Time is the [`SimClock`]; only a waiting client moves it, from one happening to the next.

mod link;
mod weather;

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kp_network::{ConnectionNumber, Dial, Selectable, SelectorEvent, Wait};
use kp_protocol::BrokerId;
use kp_time::{Clock, Jitter};

use crate::{Reply, SimClock, SimCluster, Waiting};
use link::{Link, Side};
pub use weather::Weather;

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

/// The network and the cluster behind it. Clones are the same.
#[derive(Clone, Debug)]
pub struct SimNetwork {
    world: Arc<Mutex<World>>,
    clock: SimClock,
    rung: Arc<Ring>,
}

/// Everything that a seed decides.
#[derive(Debug)]
struct World {
    cluster: SimCluster,
    weather: Weather,
    dice: Jitter,
    links: BTreeMap<ConnectionNumber, Link>,
    queue: BTreeMap<(Instant, u64), Happening>,
    events: Vec<SelectorEvent>,
    next_in_queue: u64,
    next_alarm: Option<Instant>,
    /// How often it was asked since time last moved.
    polls_at: (Option<Instant>, u32),
    trace: u64,
    happened: u64,
}

#[derive(Debug, Default)]
struct Ring(AtomicBool);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl SimNetwork {
    /// A network in front of `cluster`, whose brokers are reached under the hosts they advertise: `broker-1`, …
    #[must_use]
    pub fn new(clock: SimClock, cluster: SimCluster, weather: Weather, seed: u64) -> Self {
        let world = World {
            cluster,
            weather,
            dice: Jitter::seeded(seed),
            links: BTreeMap::new(),
            queue: BTreeMap::new(),
            events: Vec::new(),
            next_in_queue: 0,
            next_alarm: None,
            polls_at: (None, 0),
            trace: 0xcbf2_9ce4_8422_2325,
            happened: 0,
        };
        Self { world: Arc::new(Mutex::new(world)), clock, rung: Arc::default() }
    }

    /// The client's side. Make one for each network client.
    #[must_use]
    pub fn selectable(&self) -> SimSelectable {
        SimSelectable { network: self.clone() }
    }

    /// Looks at the cluster, or changes it.
    pub fn with_cluster<T>(&self, look: impl FnOnce(&mut SimCluster) -> T) -> T {
        let mut world = self.lock();
        let result = look(&mut world.cluster);
        world.resume_all(self.clock.now());
        result
    }

    /// Stops a broker: its connections end, and what it led goes elsewhere, with losses where followers lay behind.
    pub fn crash(&self, broker: BrokerId) -> Vec<crate::Lost> {
        let now = self.clock.now();
        let mut world = self.lock();
        let World { cluster, dice, .. } = &mut *world;
        let lost = cluster.crash(now, broker, dice).unwrap_or_default();
        world.cut_connections_of(now, broker);
        world.resume_all(now);
        lost
    }

    /// Moves a leader while both brokers run.
    pub fn fail_over(
        &self,
        at: &kp_protocol::TopicPartition,
        to: BrokerId,
        unclean: bool,
    ) -> Option<crate::Lost> {
        let now = self.clock.now();
        let mut world = self.lock();
        let World { cluster, dice, .. } = &mut *world;
        let lost = cluster.fail_over(now, at, to, unclean, dice).ok().flatten();
        world.resume_all(now);
        lost
    }

    /// Ends every connection to a broker, as a restarted firewall does.
    pub fn cut(&self, broker: BrokerId) {
        let now = self.clock.now();
        self.lock().cut_connections_of(now, broker);
    }

    /// From now on nothing that is sent on today's connections to a broker arrives, in either direction, and neither end notices.
    pub fn half_open(&self, broker: BrokerId) {
        for link in self.lock().links.values_mut().filter(|link| link.broker == broker) {
            link.is_black_hole = true;
        }
    }

    /// Changes the weather, from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// A waiting client comes back at this moment at the latest, so that its host can do what it has planned.
    pub fn set_alarm(&self, at: Option<Instant>) {
        self.lock().next_alarm = at;
    }

    /// A number made of all that has happened: equal for two runs only if they went the same way.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.lock().trace
    }

    /// How many things have happened.
    #[must_use]
    pub fn happened(&self) -> u64 {
        self.lock().happened
    }

    /// Lets whatever is on its way to the brokers arrive: nothing of it may appear in a log after it was looked at.
    pub fn settle_down(&self) {
        loop {
            let next = self.lock().queue.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = next else { return };
            self.clock.advance_to(at);
            self.lock().happen(self.clock.now(), self.clock.timestamp_ms());
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More looks at one moment than any client has a reason for.
const MOST_POLLS: u32 = 1_000_000;

impl World {
    /// A client that looks again and again while time stands still would never end: that is a failure, not a test that hangs.
    fn note_poll(&mut self, now: Instant) {
        self.polls_at =
            if self.polls_at.0 == Some(now) { (Some(now), self.polls_at.1 + 1) } else { (Some(now), 1) };
        assert!(self.polls_at.1 < MOST_POLLS, "the network is polled without end while time stands still");
    }

    fn plan(&mut self, at: Instant, what: Happening) {
        self.next_in_queue += 1;
        self.queue.insert((at, self.next_in_queue), what);
    }

    /// Does what is due. Answers whether the client has something to look at.
    fn happen(&mut self, now: Instant, timestamp_ms: i64) {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            if let Some(((at, _), what)) = self.queue.pop_first() {
                self.note(&what);
                self.one(at, timestamp_ms, what);
            }
        }
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
        self.happened += 1;
        for part in [kind, number.0, size as u64] {
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
                    self.events.push(SelectorEvent::Writable { number });
                }
                self.next_request(now, number);
            }
            Happening::ClosedByClient(number) => {
                if let Some(link) = self.links.get_mut(&number) {
                    link.broker_side = Side::Closed;
                    self.forget_if_over(number);
                }
            }
            Happening::Carried(number, frame) => self.carried(now, timestamp_ms, number, frame),
            Happening::Resume(number) => self.resume(now, timestamp_ms, number),
            Happening::AtClient(number, bytes) => {
                let Some(link) = self.links.get_mut(&number) else { return };
                if link.is_black_hole {
                    return;
                }
                if link.arrive_at_client(bytes) {
                    self.events.push(SelectorEvent::Readable { number });
                }
            }
            Happening::ClosedByBroker(number) => {
                let Some(link) = self.links.get_mut(&number) else { return };
                if link.is_black_hole {
                    return;
                }
                if link.end_at_client() {
                    self.events.push(SelectorEvent::Readable { number });
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
        self.events.push(SelectorEvent::Resolved { number, result });
    }

    fn connected(&mut self, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if link.is_black_hole {
            return;
        }
        if link.lives && self.cluster.is_up(link.broker) && self.dice.unit() >= self.weather.refused {
            link.broker_side = Side::Open;
            link.latency = self.weather.latency(&mut self.dice);
            self.events.push(SelectorEvent::Connected { number });
        } else {
            self.links.remove(&number);
            let error = io::ErrorKind::ConnectionRefused.into();
            self.events.push(SelectorEvent::ConnectFailed { number, error });
        }
    }

    /// Begins the next request of a connection, if the one before is done: brokers take one at a time.
    fn next_request(&mut self, now: Instant, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if link.is_busy || link.broker_side != Side::Open || !self.cluster.is_up(link.broker) {
            return;
        }
        let Some(frame) = link.next_frame() else { return };
        link.is_busy = true;
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
            Reply::Silence => self.done(now, number),
            Reply::Close => self.end_by_broker(now, number),
            // It stays busy for ever.
            Reply::Stall => {}
            Reply::Later(waiting) => {
                let at = waiting.deadline().max(now);
                link.waiting = Some(waiting);
                self.plan(at, Happening::Resume(number));
            }
        }
    }

    fn done(&mut self, now: Instant, number: ConnectionNumber) {
        if let Some(link) = self.links.get_mut(&number) {
            link.is_busy = false;
            self.next_request(now, number);
        }
    }

    fn resume(&mut self, now: Instant, timestamp_ms: i64, number: ConnectionNumber) {
        let Some(waiting) = self.links.get_mut(&number).and_then(|link| link.waiting.take()) else { return };
        let waiting: Waiting = *waiting;
        let reply = self.cluster.resume(now, timestamp_ms, waiting);
        if matches!(reply, Reply::Answer(_)) && self.dice.unit() < self.weather.cut_after {
            return self.end_by_broker(now, number);
        }
        self.answer(now, number, reply);
    }

    /// Something was appended or has moved: who waits looks again.
    fn resume_all(&mut self, now: Instant) {
        let waiting = self.links.iter().filter(|(_, link)| link.waiting.is_some());
        let numbers: Vec<ConnectionNumber> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            self.plan(now, Happening::Resume(number));
        }
    }

    fn resume_others(&mut self, now: Instant, number: ConnectionNumber) {
        let is_fetch = |link: &Link| matches!(link.waiting.as_deref(), Some(Waiting::Fetch(_)));
        let waiting = self.links.iter().filter(|(other, link)| **other != number && is_fetch(link));
        let numbers: Vec<ConnectionNumber> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            self.plan(now, Happening::Resume(number));
        }
    }

    fn cut_connections_of(&mut self, now: Instant, broker: BrokerId) {
        let of_broker =
            self.links.iter().filter(|(_, link)| link.broker == broker && link.broker_side == Side::Open);
        let numbers: Vec<ConnectionNumber> = of_broker.map(|(number, _)| *number).collect();
        for number in numbers {
            self.end_by_broker(now, number);
        }
    }

    fn end_by_broker(&mut self, now: Instant, number: ConnectionNumber) {
        let Some(link) = self.links.get_mut(&number) else { return };
        link.broker_side = Side::Closed;
        link.waiting = None;
        let at = link.leaves_broker(now, Duration::ZERO);
        self.cluster.connection_closed(number.0);
        self.plan(at, Happening::ClosedByBroker(number));
    }

    fn forget_if_over(&mut self, number: ConnectionNumber) {
        let is_over = |link: &Link| link.client_side == Side::Closed && link.broker_side == Side::Closed;
        if self.links.get(&number).is_some_and(is_over) {
            self.links.remove(&number);
        }
    }
}

fn address_of(broker: u8, last: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, broker, last)), 9092)
}

/// The client's side of a [`SimNetwork`]: names and bytes in virtual time.
#[derive(Debug)]
pub struct SimSelectable {
    network: SimNetwork,
}

impl Selectable for SimSelectable {
    fn resolve(&mut self, number: ConnectionNumber, host: &str, _port: u16) {
        let now = self.network.clock.now();
        let mut world = self.network.lock();
        let at = now + world.weather.clone().latency(&mut world.dice);
        world.links.insert(number, Link::new(host));
        world.plan(at, Happening::Resolved(number));
    }

    fn connect(&mut self, dial: Dial<'_>) {
        let (number, now) = (dial.number, self.network.clock.now());
        let mut world = self.network.lock();
        let at = now + world.weather.clone().latency(&mut world.dice) * 2;
        let swallowed = world.dice.unit() < world.weather.swallowed;
        let IpAddr::V4(ip) = dial.address.ip() else { return };
        let [_, _, broker, last] = ip.octets();
        let link = world.links.entry(number).or_insert_with(|| Link::new(""));
        link.broker = BrokerId(i32::from(broker));
        link.lives = last == 1;
        link.is_black_hole = swallowed;
        world.plan(at, Happening::Connected(number));
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let now = self.network.clock.now();
        let mut world = self.network.lock();
        let World { links, dice, weather, .. } = &mut *world;
        let Some(link) = links.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if link.has_ended_at_client() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let Some(bytes) = link.take_from_client(slices, weather.window) else { return Poll::Pending };
        let taken = bytes.len();
        let at = link.leaves_client(now, weather.jitter(dice));
        world.plan(at, Happening::AtBroker(number, bytes));
        Poll::Ready(Ok(taken))
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self.network.lock().links.get_mut(&number) {
            Some(link) => link.read(into),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn close(&mut self, number: ConnectionNumber) {
        let now = self.network.clock.now();
        let mut world = self.network.lock();
        let Some(link) = world.links.get_mut(&number) else { return };
        link.client_side = Side::Closed;
        if link.broker_side == Side::Closed {
            world.links.remove(&number);
            return;
        }
        // What was written before still arrives, perhaps long after the client has gone to another connection.
        let at = link.leaves_client(now, Duration::ZERO);
        world.plan(at, Happening::ClosedByClient(number));
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        let clock = &self.network.clock;
        let mut world = self.network.lock();
        let until = match wait {
            Wait::Turn => clock.now(),
            Wait::Until(at) => at,
            Wait::Forever => clock.now() + Duration::from_secs(86_400),
        };
        loop {
            world.happen(clock.now(), clock.timestamp_ms());
            events.append(&mut world.events);
            let rung = self.network.rung.0.swap(false, Ordering::SeqCst);
            let now = clock.now();
            // Reported once: a client that waits on without looking at the reason of the alarm waits for something else.
            let alarm = world.next_alarm.take_if(|at| *at <= now).is_some();
            world.note_poll(now);
            if rung || alarm || !events.is_empty() || now >= until {
                return rung || alarm;
            }
            let next = world.queue.first_key_value().map(|((at, _), _)| *at);
            let moments = [next, world.next_alarm, Some(until)];
            if let Some(at) = moments.into_iter().flatten().min() {
                clock.advance_to(at);
            }
        }
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.network.rung))
    }

    fn shutdown(&mut self) {
        let numbers: Vec<ConnectionNumber> = self.network.lock().links.keys().copied().collect();
        for number in numbers {
            self.close(number);
        }
    }
}
