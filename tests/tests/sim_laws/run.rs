//! One run of a plan: the real facade, driver, sender core, accumulator, pool, metadata and network client over a network
//! and a cluster in virtual time, on one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kp_network::{NetworkClient, NetworkSettings};
use kp_producer::{Acks, Guarantees, Producer, ProducerConfig, Stepper};
use kp_sim::{ClusterSettings, KafkaVersion, SimClock, SimCluster, SimNetwork};
use kp_tests::laws::{Broken, History, Place, Promises, broken_laws};
use kp_tests::simulation::dice::Dice;
use kp_tests::simulation::tasks::Tasks;
use kp_tests::simulation::timers::Timers;
use kp_tests::simulation::trouble::{Normal, Trouble, logs};
use kp_time::{Backoff, Clock};

use crate::application::{Notes, SharedNotes, finish, send_records};
use crate::plan::Plan;
use crate::watch::{Rules, Sight, Watched};

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) broken: Vec<Broken>,
    /// Equal for two runs only if they went the same way.
    pub(crate) trace: u64,
    pub(crate) happened: u64,
    pub(crate) accepted: usize,
    pub(crate) written: usize,
    pub(crate) most_unanswered: usize,
    pub(crate) epochs: usize,
}

/// What is known when both have ended.
struct Driven {
    /// How long it took after sending and faults were over, and the longest it may.
    ended: (Duration, Duration),
    /// The pool's bytes, and the free ones at the end.
    total: usize,
    free: usize,
    /// What was promised when the first record was accepted, and in the end.
    told_first: Option<Guarantees>,
    told_last: Guarantees,
}

struct Run<'a> {
    plan: &'a Plan,
    clock: SimClock,
    start: Instant,
    network: SimNetwork,
    trouble: Trouble,
}

/// Turns of the driver that a run may take: a loop that spins in no time is found by it.
const MOST_TURNS: usize = 2_000_000;

/// Runs a plan to its end.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let clock = SimClock::new();
    let start = clock.now();
    let network = SimNetwork::new(clock.clone(), cluster(plan), plan.weather.clone(), plan.seed ^ 1);
    let notes: SharedNotes = Arc::default();
    let sight = Sight::default();
    let (producer, stepper) = producer(plan, &clock, &network, &sight);
    let normal = Normal { topics: plan.topics.clone(), weather: plan.weather.clone(), version: plan.version };
    let trouble = Trouble::new(normal, clock.clone(), network.clone(), plan.seed ^ 2, &plan.faults);
    let mut run = Run { plan, clock: clock.clone(), start, network: network.clone(), trouble };
    let Driven { ended, total, free, told_first, told_last } = run.drive(producer, stepper, &notes);
    let acks = told_last.acks;
    let promises = Promises {
        no_duplicates: told_last.no_duplicates,
        ordered: told_last.ordered,
        survives_leader: acks == Acks::All,
    };
    network.settle_down();
    let notes = notes.lock().unwrap();
    let mut log = logs(&network);
    let mut lost_by_cluster = run.trouble.lost().clone();
    if !promises.survives_leader {
        // With acks=1 or 0 the cluster may lose what only its leader had.
        lost_by_cluster.extend(lost_by_leaders(&notes, &log));
    }
    log.values_mut().for_each(|log| log.sort_unstable());
    let history = History {
        sent: notes.sent.clone(),
        log,
        lost_by_cluster,
        remade_by_name: run.trouble.remade_by_name().clone(),
        promises,
        memory: (total, free),
        end: ended,
        seen_on_wire: sight.broken(),
    };
    let mut broken = broken_laws(&history);
    let accepted = history.sent.values().filter(|sent| sent.accepted.is_some()).count();
    let mut promise_broken = |how: String| broken.push(Broken { law: "promises are true when given", how });
    if let Some(first) = told_first.filter(|first| *first != told_last) {
        promise_broken(format!("{first:?} when the first record was accepted, {told_last:?} at the end"));
    }
    if plan.is_refused() && accepted > 0 {
        promise_broken(format!("{accepted} accepted without the producer ids that were insisted on"));
    }
    if acks == Acks::None {
        // What became of it is unknown: an acknowledgement says that it was written to the socket.
        broken.retain(|broken| broken.law != "nothing acked is lost");
    }
    Outcome {
        broken,
        trace: network.trace(),
        happened: network.happened(),
        accepted,
        written: history.log.values().map(Vec::len).sum(),
        most_unanswered: sight.most_unanswered(),
        epochs: sight.epochs(),
    }
}

impl Run<'_> {
    /// Runs application and driver to their ends.
    fn drive(&mut self, producer: Producer, mut stepper: Stepper, notes: &SharedNotes) -> Driven {
        let timers = Timers::new(self.clock.clone());
        let mut tasks = Tasks::new(self.network.waker(), Dice::seeded(self.plan.seed ^ 3));
        let takes_headers = self.plan.version >= KafkaVersion::V0_11;
        for (number, task) in self.plan.tasks.iter().enumerate() {
            tasks.spawn(send_records(
                producer.clone(),
                task.clone(),
                number,
                self.plan.topics.clone(),
                takes_headers,
                Arc::clone(notes),
                timers.clone(),
            ));
        }
        // Less than buffer.memory where compression has its reserve.
        let total = producer.buffer_available_bytes();
        let pool = producer.clone();
        let mut told_last = producer.guarantees();
        let mut main = Some(producer);
        let mut pool = Some(pool);
        let mut free = 0;
        let mut sending_ended = None;
        let mut told_first = None;
        for turn in 0.. {
            self.trouble.do_what_is_due();
            timers.fire();
            tasks.run();
            if tasks.are_done()
                && let Some(producer) = main.take()
            {
                sending_ended = Some(self.clock.now());
                if self.plan.ending == crate::plan::Ending::Drop {
                    pool = None;
                }
                tasks.spawn(finish(producer, self.plan.ending));
                tasks.run();
            }
            if let Some(pool) = &pool {
                free = pool.buffer_available_bytes();
                told_last = pool.guarantees();
                if told_first.is_none() && notes.lock().unwrap().is_any_accepted() {
                    told_first = Some(told_last);
                }
            } else {
                free = total;
            }
            let moments = [self.trouble.next_due(), timers.next()];
            self.network.set_alarm(moments.into_iter().flatten().min());
            let goes_on = stepper.turn();
            if !goes_on {
                tasks.run();
            }
            if !goes_on && tasks.are_done() {
                break;
            }
            if turn > MOST_TURNS || self.clock.elapsed() > self.bound() * 2 {
                break;
            }
        }
        if let Some(pool) = &pool {
            free = pool.buffer_available_bytes();
        }
        let from = sending_ended.unwrap_or(self.start).max(self.start + self.plan.faults_end());
        let took = self.clock.now().saturating_duration_since(from);
        Driven { ended: (took, self.bound()), total, free, told_first, told_last }
    }

    /// How long everything may take once nothing new is sent and faults are over.
    fn bound(&self) -> Duration {
        let ms = |key| self.plan.get(key).and_then(|text| text.parse().ok()).unwrap_or(0);
        let sending: Duration = self.plan.tasks.iter().map(|task| task.pace * task.records).sum();
        let waits = self.plan.tasks.iter().map(|task| u64::from(task.records)).sum::<u64>();
        // Each wait of `send` may end by max.block.ms alone, one after the other.
        Duration::from_millis(2 * ms("delivery.timeout.ms") + 2 * ms("request.timeout.ms") + 15_000)
            + sending
            + Duration::from_millis((ms("max.block.ms") + ms("delivery.timeout.ms")) * waits)
    }
}

fn cluster(plan: &Plan) -> SimCluster {
    let settings = ClusterSettings {
        brokers: plan.brokers,
        auto_create_topics: false,
        kafka_version: plan.version,
        producer_ids: plan.producer_ids,
        replication_lag: plan.lag,
        seed: plan.seed,
        ..ClusterSettings::default().with_brokers(plan.brokers)
    };
    let mut cluster = SimCluster::new(settings);
    plan.topics.iter().for_each(|topic| topic.create(&mut cluster));
    cluster
}

fn producer(plan: &Plan, clock: &SimClock, network: &SimNetwork, sight: &Sight) -> (Producer, Stepper) {
    let servers: Vec<String> = (1..=plan.brokers).map(|number| format!("broker-{number}:9092")).collect();
    let mut config = ProducerConfig::default().bootstrap_servers(servers.join(","));
    for (key, value) in &plan.config {
        config.set(key, value).unwrap_or_else(|error| panic!("seed {}: {error}", plan.seed));
    }
    let number =
        |key: &str, default: u64| plan.get(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let ms = |key: &str, default| Duration::from_millis(number(key, default));
    let in_flight = number("max.in.flight.requests.per.connection", 5) as usize;
    let mut settings = NetworkSettings::default();
    settings.max_in_flight = in_flight;
    settings.reconnect_backoff =
        Backoff::new(ms("reconnect.backoff.ms", 50), ms("reconnect.backoff.max.ms", 1000));
    settings.setup_timeout = Backoff::new(
        ms("socket.connection.setup.timeout.ms", 10_000),
        ms("socket.connection.setup.timeout.max.ms", 30_000),
    );
    settings.connections_max_idle = Some(ms("connections.max.idle.ms", 540_000));
    settings.seed = plan.seed ^ 4;
    let client = NetworkClient::over(network.selectable(), settings, Arc::new(clock.clone()));
    let rules = Rules {
        unanswered: if plan.is_one_at_a_time() { 1 } else { in_flight.min(5) },
        each_broker: !plan.is_numbered(),
        attempts: number("retries", u64::from(u32::MAX)) + 1,
        acks_all: plan.get("acks").is_none_or(|acks| acks == "all"),
    };
    let built = Producer::builder(config)
        .client(Watched::new(client, rules, sight.clone()))
        .clock(clock.clone())
        .seed(plan.seed ^ 5)
        .build_stepped();
    let (producer, stepper) = built.unwrap_or_else(|error| panic!("seed {}: {error}", plan.seed));
    sight.expect_numbers(plan.is_numbered());
    (producer, stepper)
}

/// Acknowledged records that are in no log, where an acknowledgement does not promise more than one copy.
fn lost_by_leaders(notes: &Notes, log: &BTreeMap<Place, Vec<(i64, u64)>>) -> Vec<u64> {
    let there: BTreeSet<u64> = log.values().flatten().map(|(_, id)| *id).collect();
    notes.sent.keys().copied().filter(|id| !there.contains(id)).collect()
}
