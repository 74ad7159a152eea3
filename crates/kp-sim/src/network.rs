//! A network in virtual time between a client and a [`SimCluster`]: latency, cuts, black holes, slow readers, names that
//! do not resolve. One seed decides everything.
//!
//! [`SimNetwork::selectable`] goes under kp-network's pure `NetworkClient`, so the client that runs here is the one that
//! runs over sockets. Time is the [`SimClock`]; only a waiting client moves it, from one happening to the next.

mod clients;
mod link;
mod weather;
mod world;

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use kp_network::{ConnectionNumber, Dial, Selectable, SelectorEvent, Wait, Work};
use kp_protocol::BrokerId;
use kp_time::Clock;

use crate::{SimClock, SimCluster};
use clients::ClientNumber;
pub use weather::Weather;
use world::World;

/// The network and the cluster behind it. Clones are the same.
#[derive(Clone, Debug)]
pub struct SimNetwork {
    world: Arc<Mutex<World>>,
    clock: SimClock,
    rung: Arc<Ring>,
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
        let world = World::new(cluster, weather, seed);
        Self { world: Arc::new(Mutex::new(world)), clock, rung: Arc::default() }
    }

    /// The client's side. Make one for each network client; several are turned one after the other, and whichever waits moves
    /// time no further than to what any of them waits for. One that is dropped is a process that was killed.
    #[must_use]
    pub fn selectable(&self) -> SimSelectable {
        let client = self.lock().clients().add();
        SimSelectable { network: self.clone(), client }
    }

    /// Ends the wait of the client that waits, so that its host can look around.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.rung))
    }

    /// Looks at the cluster, or changes it.
    pub fn with_cluster<T>(&self, look: impl FnOnce(&mut SimCluster) -> T) -> T {
        self.lock().with_cluster(self.clock.now(), self.clock.timestamp_ms(), look)
    }

    /// Stops a broker: its connections end, and what it led goes elsewhere, with losses where followers lay behind.
    pub fn crash(&self, broker: BrokerId) -> Vec<crate::Lost> {
        self.lock().crash(self.clock.now(), broker)
    }

    /// Moves a leader while both brokers run.
    pub fn fail_over(
        &self,
        at: &kp_protocol::TopicPartition,
        to: BrokerId,
        unclean: bool,
    ) -> Option<crate::Lost> {
        self.lock().fail_over(self.clock.now(), at, to, unclean)
    }

    /// Ends every connection to a broker, as a restarted firewall does.
    pub fn cut(&self, broker: BrokerId) {
        self.lock().cut_connections_of(self.clock.now(), broker);
    }

    /// From now on nothing that is sent on today's connections to a broker arrives, in either direction, and neither end notices.
    pub fn half_open(&self, broker: BrokerId) {
        self.lock().half_open(broker);
    }

    /// Changes the weather, from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().set_weather(weather);
    }

    /// A waiting client comes back at this moment at the latest, so that its host can do what it has planned.
    pub fn set_alarm(&self, at: Option<Instant>) {
        self.lock().set_alarm(at);
    }

    /// A number made of all that has happened: equal for two runs only if they went the same way.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.lock().trace()
    }

    /// How many things have happened.
    #[must_use]
    pub fn happened(&self) -> u64 {
        self.lock().happened()
    }

    /// Lets time go by until then, with all that happens meanwhile; for a host whose clients have all ended.
    pub fn pass_time(&self, until: Instant) {
        loop {
            let next = self.lock().next_happening().filter(|at| *at <= until);
            self.clock.advance_to(next.unwrap_or(until));
            self.lock().happen(self.clock.now(), self.clock.timestamp_ms());
            if next.is_none() {
                return;
            }
        }
    }

    /// Lets whatever is on its way to the brokers arrive: nothing of it may appear in a log after it was looked at.
    pub fn settle_down(&self) {
        loop {
            let next = self.lock().next_happening();
            let Some(at) = next else { return };
            self.clock.advance_to(at);
            self.lock().happen(self.clock.now(), self.clock.timestamp_ms());
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's side of a [`SimNetwork`]: names and bytes in virtual time.
#[derive(Debug)]
pub struct SimSelectable {
    network: SimNetwork,
    client: ClientNumber,
}

impl Drop for SimSelectable {
    fn drop(&mut self) {
        self.network.lock().kill(self.network.clock.now(), self.client);
    }
}

impl Selectable for SimSelectable {
    fn resolve(&mut self, number: ConnectionNumber, host: &str, _port: u16) {
        self.network.lock().look_up(self.network.clock.now(), self.client.wide(number), host);
    }

    fn connect(&mut self, dial: Dial<'_>) {
        let number = self.client.wide(dial.number);
        self.network.lock().connect(self.network.clock.now(), number, dial.address);
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.network.lock().write(self.network.clock.now(), self.client.wide(number), slices)
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.network.lock().read(self.client.wide(number), into)
    }

    fn work(&mut self, number: ConnectionNumber, work: Work) {
        let worked = work.run();
        self.network.lock().worked(self.client.wide(number), worked);
    }

    fn close(&mut self, number: ConnectionNumber) {
        self.network.lock().close(self.network.clock.now(), self.client.wide(number));
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        let clock = &self.network.clock;
        let mut world = self.network.lock();
        let until = match wait {
            Wait::Turn => clock.now(),
            Wait::Until(at) => at,
            Wait::Forever => clock.now() + Duration::from_secs(86_400),
        };
        world.clients().sleep(self.client, until);
        loop {
            world.happen(clock.now(), clock.timestamp_ms());
            world.clients().take_events(self.client, events);
            let rung = self.network.rung.0.swap(false, Ordering::SeqCst);
            let now = clock.now();
            let alarm = world.take_alarm(now);
            world.note_poll(now);
            let woken = rung || alarm || world.clients().another_is_due(self.client, now);
            if woken || !events.is_empty() || now >= until {
                return woken;
            }
            let others = world.clients().wake_of_others(self.client);
            let next = world.next_moment().into_iter().chain(others).min();
            clock.advance_to(next.map_or(until, |at| at.min(until)));
        }
    }

    fn waker(&self) -> Waker {
        self.network.waker()
    }

    fn shutdown(&mut self) {
        self.network.lock().close_all(self.network.clock.now(), self.client);
    }
}
