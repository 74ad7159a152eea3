//! One run of a plan: real facades, drivers, sender cores, accumulators and network clients, one of each for every instance, before
//! one cluster, in virtual time and on one thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kp_network::{NetworkClient, NetworkSettings};
use kp_producer::{Producer, ProducerConfig, ProducerObserver, Stepper, TransactionalProducer};
use kp_protocol::{BrokerId, ErrorCode, TopicPartition};
use kp_sim::{ClusterSettings, Fault, SimClock, SimCluster, SimNetwork, TransactionSettings};
use kp_tests::laws::{Broken, Place};
use kp_tests::simulation::dice::Dice;
use kp_tests::simulation::tasks::Tasks;
use kp_tests::simulation::timers::Timers;
use kp_tests::simulation::trouble::{Normal, Trouble};
use kp_tests::transaction_history::{Answer, Entry, Reach, TransactionHistory};
use kp_tests::transaction_laws::broken_transaction_laws;
use kp_time::{Backoff, Clock};

use crate::application::{Instance, group_of};
use crate::consumers::Consumers;
use crate::notes::Notes;
use crate::plan::{InstancePlan, Plan};
use crate::transaction_fault::TransactionFault;
use crate::watch::{Sight, Watched};

/// How often the coordinators look for transactions that have timed out.
const TIMEOUT_SCAN: Duration = Duration::from_millis(500);
/// Longer than any marker or late frame takes.
const CALM: Duration = Duration::from_secs(10);
/// Turns of the drivers that a run may take: a loop that spins in no time is found by it.
const MOST_TURNS: usize = 2_000_000;

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) broken: Vec<Broken>,
    /// Equal for two runs only if they went the same way.
    pub(crate) trace: u64,
    pub(crate) counts: Counts,
}

/// How much happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) committed: usize,
    pub(crate) aborted: usize,
    pub(crate) unknown: usize,
    pub(crate) fatal: usize,
    /// No final answer.
    pub(crate) untold: usize,
    pub(crate) records: usize,
    pub(crate) visible: usize,
    pub(crate) offsets: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.unknown += other.unknown;
        self.fatal += other.fatal;
        self.untold += other.untold;
        self.records += other.records;
        self.visible += other.visible;
        self.offsets += other.offsets;
    }

    fn of(history: &TransactionHistory) -> Self {
        let told = |answer| history.transactions.iter().filter(|one| one.outcome() == answer).count();
        Self {
            committed: told(Some(Answer::Committed)),
            aborted: told(Some(Answer::Aborted)),
            unknown: told(Some(Answer::Unknown)),
            fatal: told(Some(Answer::Fatal)),
            untold: told(None),
            records: history.transactions.iter().map(|one| one.records.len()).sum(),
            visible: history.visible().values().map(Vec::len).sum(),
            offsets: history.group_offsets.len(),
        }
    }
}

/// One instance that was started.
struct Process {
    observer: ProducerObserver,
    /// `None` once it has ended or was killed.
    stepper: Option<Stepper>,
    /// The pool's bytes, and the free ones at the end.
    total: usize,
    free: usize,
    is_killed: bool,
}

struct Run<'a> {
    plan: &'a Plan,
    clock: SimClock,
    start: Instant,
    network: SimNetwork,
    trouble: Trouble,
    faults: BTreeMap<(Instant, usize), TransactionFault>,
    /// When features are finalized, until then.
    upgrade: Option<Instant>,
    tasks: Tasks,
    timers: Timers,
    consumers: Consumers,
    notes: Notes,
    sight: Sight,
    processes: BTreeMap<usize, Process>,
}

/// Runs a plan to its end.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let clock = SimClock::new();
    let start = clock.now();
    let network = SimNetwork::new(clock.clone(), cluster(plan), plan.weather.clone(), plan.seed ^ 1);
    let normal = Normal { topics: plan.topics.clone(), weather: plan.weather.clone(), version: plan.version };
    let faults = plan.transaction_faults.iter().enumerate();
    let mut run = Run {
        plan,
        start,
        trouble: Trouble::new(normal, clock.clone(), network.clone(), plan.seed ^ 2, &plan.faults),
        faults: faults.map(|(number, (at, fault))| ((start + *at, number), fault.clone())).collect(),
        tasks: Tasks::new(network.waker(), Dice::seeded(plan.seed ^ 3)),
        upgrade: plan.upgraded.map(|at| start + at),
        timers: Timers::new(clock.clone()),
        consumers: Consumers::new(plan.members, network.clone()),
        notes: Notes::default(),
        sight: Sight::default(),
        processes: BTreeMap::new(),
        network: network.clone(),
        clock,
    };
    for instance in &plan.instances {
        run.sight.add(&instance.transactional_id, plan.is_second_protocol());
    }
    let took = run.drive();
    let (places, lost) = run.trouble.lost_to_unclean_elections();
    let history = run.history(took).without(places, lost);
    let mut broken = broken_transaction_laws(&history);
    broken.extend(run.refusals_that_did_not_doom(&history));
    Outcome { broken, trace: network.trace(), counts: Counts::of(&history) }
}

impl Run<'_> {
    /// Runs everything to its end. Answers how long it took behind the last fault.
    fn drive(&mut self) -> Duration {
        for turn in 0.. {
            self.do_what_is_due();
            self.tasks.run();
            let next = self.next_due();
            let is_over = !self.turn(next);
            self.tasks.run();
            if is_over && self.has_started_all() && self.tasks.are_done() && next.is_none() {
                break;
            }
            if is_over {
                // No process lives that could move time.
                self.network.pass_time(next.unwrap_or_else(|| self.clock.now() + CALM));
            }
            if turn > MOST_TURNS || self.clock.elapsed() > self.bound() * 2 {
                break;
            }
        }
        self.clock.now().saturating_duration_since(self.start + self.plan.faults_end())
    }

    /// One turn of each driver, none of which moves time beyond `next`. Answers whether one lives.
    fn turn(&mut self, next: Option<Instant>) -> bool {
        let mut lives = false;
        for process in self.processes.values_mut() {
            let Some(stepper) = &mut process.stepper else { continue };
            lives = true;
            // It rings once, and may have rung for the driver before.
            self.network.set_alarm(next);
            if !stepper.turn() {
                process.free = process.observer.buffer_available_bytes();
                process.stepper = None;
            }
        }
        lives
    }

    fn has_started_all(&self) -> bool {
        self.processes.len() == self.plan.instances.len()
    }

    /// How long everything may take behind the last fault.
    fn bound(&self) -> Duration {
        let of = |key| self.plan.ms(key, 0);
        let each = of("delivery.timeout.ms") * 2 + of("max.block.ms") * 8 + of("transaction.timeout.ms") * 2;
        let of_instance = |instance: &InstancePlan| {
            let sends = instance.transactions.iter().map(|one| {
                let records = one.records + 3;
                // Each wait of `send` may end by max.block.ms, and each awaited delivery by its timeout.
                each + one.pause + (one.pace + of("max.block.ms") + of("delivery.timeout.ms")) * records
            });
            instance.starts + sends.sum::<Duration>()
        };
        let all: Duration = self.plan.instances.iter().map(of_instance).sum();
        all + Duration::from_secs(600)
    }

    fn next_due(&self) -> Option<Instant> {
        let waiting = self.plan.instances.iter().enumerate();
        let starts = waiting.filter(|(number, _)| !self.processes.contains_key(number));
        let starts = starts.map(|(_, instance)| self.start + instance.starts);
        let living = self.processes.iter().filter(|(_, process)| process.stepper.is_some());
        let kills = living.filter_map(|(number, _)| self.plan.instances[*number].killed);
        let kills = kills.map(|at| self.start + at);
        let faults = self.faults.keys().next().map(|(at, _)| *at);
        let others = [self.trouble.next_due(), self.timers.next(), faults, self.upgrade];
        starts.chain(kills).chain(others.into_iter().flatten()).min()
    }

    fn do_what_is_due(&mut self) {
        let now = self.clock.now();
        self.trouble.do_what_is_due();
        while self.faults.keys().next().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, fault)) = self.faults.pop_first() {
                self.strike(&fault);
            }
        }
        if self.upgrade.is_some_and(|at| at <= now) {
            self.upgrade();
        }
        for (number, instance) in self.plan.instances.iter().enumerate() {
            if self.start + instance.starts <= now && !self.processes.contains_key(&number) {
                self.start_process(number, instance);
            }
            let is_killed = instance.killed.is_some_and(|at| self.start + at <= now);
            let process = self.processes.get_mut(&number);
            if let Some(process) = process.filter(|process| is_killed && process.stepper.is_some()) {
                process.is_killed = true;
                self.sight.killed(number);
                // The network thread first: what the tasks let go of reaches nobody.
                process.stepper = None;
                self.tasks.kill(number);
            }
        }
        self.timers.fire();
    }

    fn start_process(&mut self, number: usize, plan: &InstancePlan) {
        let (producer, stepper) = self.producer(number, plan);
        let observer = producer.observer();
        let total = observer.buffer_available_bytes();
        let instance = Instance {
            number,
            plan: plan.clone(),
            topics: self.plan.topics.clone(),
            offsets_last: self.plan.offsets_last,
            consumers: self.consumers.clone(),
            notes: self.notes.clone(),
            sight: self.sight.clone(),
            timers: self.timers.clone(),
        };
        self.tasks.spawn_in(number, instance.run(producer));
        let process = Process { observer, stepper: Some(stepper), total, free: total, is_killed: false };
        self.processes.insert(number, process);
    }

    fn producer(&self, number: usize, instance: &InstancePlan) -> (TransactionalProducer, Stepper) {
        let plan = self.plan;
        let servers: Vec<String> = (1..=plan.brokers).map(|number| format!("broker-{number}:9092")).collect();
        let mut config = ProducerConfig::default().bootstrap_servers(servers.join(","));
        let id = ("transactional.id", instance.transactional_id.clone());
        for (key, value) in plan.config.iter().chain([&id]) {
            config.set(key, value).unwrap_or_else(|error| panic!("seed {}: {error}", plan.seed));
        }
        let mut settings = NetworkSettings::default();
        settings.reconnect_backoff =
            Backoff::new(Duration::from_millis(50), plan.ms("reconnect.backoff.max.ms", 1000));
        settings.setup_timeout = Backoff::new(
            plan.ms("socket.connection.setup.timeout.ms", 10_000),
            plan.ms("socket.connection.setup.timeout.max.ms", 30_000),
        );
        settings.seed = plan.seed ^ 4 ^ ((number as u64) << 32);
        let clock: Arc<SimClock> = Arc::new(self.clock.clone());
        let client = NetworkClient::over(self.network.selectable(), settings, Arc::clone(&clock) as Arc<_>);
        let watched = Watched::new(client, number, self.start, clock, self.sight.clone());
        let built = Producer::builder(config)
            .client(watched)
            .clock(self.clock.clone())
            .seed(plan.seed ^ 5 ^ ((number as u64) << 32))
            .build_transactional_stepped();
        built.unwrap_or_else(|error| panic!("seed {}: {error}", plan.seed))
    }

    fn strike(&self, fault: &TransactionFault) {
        let inject = |fault, times| self.network.with_cluster(|cluster| cluster.inject(fault, times));
        match fault {
            TransactionFault::Late { api, after } => inject(Fault::Late { api: *api, after: *after }, 1),
            TransactionFault::MarkerDelay(delay) => inject(Fault::MarkerDelay(*delay), 1),
            TransactionFault::CoordinatorMoves { api, carried_out } => {
                inject(Fault::CoordinatorMoves { api: *api, carried_out: *carried_out }, 1);
            }
            TransactionFault::AnswerInstead { api, code, times } => {
                inject(Fault::AnswerInstead { api: *api, code: ErrorCode(*code) }, *times);
            }
            TransactionFault::Stall { api, carried_out } => {
                inject(Fault::Stall { api: *api, carried_out: *carried_out }, 1);
            }
            TransactionFault::Close { api, carried_out } => {
                inject(Fault::Close { api: *api, carried_out: *carried_out }, 1);
            }
            TransactionFault::TimeOutNow { instance } => {
                let id = self.id_of(*instance);
                self.network.with_cluster(|cluster| cluster.time_out_now(id));
            }
            TransactionFault::Fence { instance } => self.fence(self.id_of(*instance)),
            TransactionFault::Rebalance { instance, group } => {
                self.consumers.rebalance(&group_of(self.id_of(*instance), *group));
            }
            TransactionFault::MemberLeaves { instance, group } => {
                self.consumers.leave(&group_of(self.id_of(*instance), *group), *instance);
            }
            TransactionFault::MemberReplaced { instance, group } => {
                self.consumers.replace(&group_of(self.id_of(*instance), *group), *instance);
            }
        }
    }

    fn id_of(&self, instance: usize) -> &str {
        &self.plan.instances[instance].transactional_id
    }

    /// A producer that is none of the plan's takes the id.
    fn fence(&self, id: &str) {
        let Some(producer) = self.network.with_cluster(|cluster| cluster.fence(id)) else { return };
        let since = self.clock.now().saturating_duration_since(self.start);
        self.sight.fenced_from_outside(id, (producer.producer_id, producer.epoch), since);
    }

    /// Features are finalized. Producers hear of it on the connections that they make from now on.
    fn upgrade(&mut self) {
        self.upgrade = None;
        self.network.with_cluster(|cluster| cluster.finalize_transaction_version(2));
        self.sight.upgraded();
        (1..=self.plan.brokers).for_each(|broker| self.network.cut(BrokerId(broker as i32)));
    }

    /// Lets time end, and says what is left.
    fn history(&self, took: Duration) -> TransactionHistory {
        let all_closed = self.sight.instances().iter().all(|instance| instance.closed && !instance.killed);
        let (mut transactions, sent) =
            self.notes.with(|noted| (noted.transactions.clone(), noted.sent.clone()));
        for (number, one) in transactions.iter_mut().enumerate() {
            one.ends = self.sight.ends_of(number);
        }
        let are_told = |told: &Answer| matches!(told, Answer::Committed | Answer::Aborted);
        let all_good = transactions.iter().all(|one| one.outcome().is_some_and(|told| are_told(&told)));
        // Markers of the last end, and frames that are on their way.
        self.network.pass_time(self.clock.now() + CALM);
        let reach_after_close = (all_closed && all_good).then(|| self.reach());
        let timeout = self.plan.ms("transaction.timeout.ms", 60_000);
        self.network.pass_time(self.clock.now() + timeout + TIMEOUT_SCAN + CALM);
        let living = self.processes.values().filter(|process| !process.is_killed);
        TransactionHistory {
            instances: self.sight.instances(),
            transactions,
            sent,
            logs: self.logs(),
            group_offsets: self.group_offsets(),
            reach_after_close,
            reach: self.reach(),
            late: self.network.with_cluster(|cluster| self.sight.late(cluster.late_frames(), self.start)),
            memory: living.map(|process| (process.total, process.free)).collect(),
            end: (took, self.bound()),
            seen_on_wire: self.sight.broken(),
        }
    }

    fn places(&self) -> Vec<Place> {
        let topics = self.plan.topics.iter();
        topics.flat_map(|topic| (0..topic.partitions).map(|number| (topic.name.clone(), number))).collect()
    }

    fn reach(&self) -> BTreeMap<Place, Reach> {
        let reach = |place: Place| {
            let at = TopicPartition::new(place.0.as_str(), place.1);
            self.network.with_cluster(|cluster| {
                let partition = cluster.partition(&at).expect("it is there");
                let high = partition.log().end_offset();
                let open = partition.transactions().first_open_offset();
                (place, Reach { stable: open.unwrap_or(high), high })
            })
        };
        self.places().into_iter().map(reach).collect()
    }

    /// The logs, with markers.
    fn logs(&self) -> BTreeMap<Place, Vec<(i64, Entry)>> {
        let read = |place: Place| {
            let at = TopicPartition::new(place.0.as_str(), place.1);
            self.network.with_cluster(|cluster| {
                let partition = cluster.partition(&at).expect("it is there");
                let entries = partition.log().batches().iter().flat_map(entries_of).collect();
                (place, entries)
            })
        };
        self.places().into_iter().map(read).collect()
    }

    fn group_offsets(&self) -> Vec<(String, Place, i64)> {
        self.network.with_cluster(|cluster| {
            let place = |at: &TopicPartition| (at.topic.to_string(), at.partition.0);
            let all = cluster.offset_history();
            all.map(|(group, at, offset)| (group.to_owned(), place(at), offset)).collect()
        })
    }

    /// TX13: a refused send that nobody tolerates makes a commit impossible.
    fn refusals_that_did_not_doom(&self, history: &TransactionHistory) -> Option<Broken> {
        let is_committed =
            |number: &usize| history.transactions[*number].outcome() == Some(Answer::Committed);
        let found = self.notes.with(|noted| noted.refused.iter().copied().find(is_committed))?;
        let how = format!("transaction {found} is committed without a record that was refused");
        Some(Broken { law: "a refused send dooms", how })
    }
}

fn entries_of(batch: &kp_sim::StoredBatch) -> Vec<(i64, Entry)> {
    let header = batch.header();
    let pair = (header.producer_id, header.producer_epoch);
    if let Some(commit) = batch.ends_transaction() {
        return vec![(header.base_offset, Entry::Marker { pair, commit })];
    }
    let records = batch.record_batch().and_then(|batch| batch.records(1 << 30));
    let records = records.expect("the double checks what it appends");
    let entry = |record: kp_protocol::records::Record<'_>| {
        let id = record.value.and_then(|value| value.first_chunk::<8>().copied());
        let id = u64::from_be_bytes(id.expect("each value begins with a number"));
        (record.offset.0, Entry::Record { pair, id })
    };
    records.iter().map(|record| entry(record.expect("the double checks what it appends"))).collect()
}

fn cluster(plan: &Plan) -> SimCluster {
    let settings = ClusterSettings {
        brokers: plan.brokers,
        auto_create_topics: false,
        kafka_version: plan.version,
        replication_lag: plan.lag,
        seed: plan.seed,
        transactions: TransactionSettings {
            marker_delay: plan.marker_delay,
            timeout_scan: TIMEOUT_SCAN,
            first_epoch: plan.first_epoch,
            finalized_version: plan.upgraded.map(|_| 1),
            ..TransactionSettings::default()
        },
        ..ClusterSettings::default().with_brokers(plan.brokers)
    };
    let mut cluster = SimCluster::new(settings);
    plan.topics.iter().for_each(|topic| topic.create(&mut cluster));
    cluster
}
