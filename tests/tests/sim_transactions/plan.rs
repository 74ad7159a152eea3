//! What one seed stands for: a cluster, a configuration, instances of an application that begin and end transactions, and what
//! goes wrong when. A plan is a plain value, so that a failing one can be made smaller and printed.

use std::time::Duration;

use kp_sim::{KafkaVersion, ReplicationLag, Weather};
use kp_tests::simulation::dice::Dice;
use kp_tests::simulation::trouble::{FaultPlan, TopicPlan};

use crate::transaction_fault::TransactionFault;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Everything that happens in one run, but for what the dice of network and client decide.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) brokers: usize,
    pub(crate) version: KafkaVersion,
    pub(crate) topics: Vec<TopicPlan>,
    pub(crate) lag: ReplicationLag,
    /// How long after a decision its markers are written.
    pub(crate) marker_delay: Duration,
    pub(crate) config: Vec<(&'static str, String)>,
    pub(crate) instances: Vec<InstancePlan>,
    pub(crate) weather: Weather,
    /// When, counted from the start.
    pub(crate) faults: Vec<(Duration, FaultPlan)>,
    pub(crate) transaction_faults: Vec<(Duration, TransactionFault)>,
    /// Of each transactional id.
    pub(crate) first_epoch: i16,
    /// When `transaction.version` is finalized at 2, where that is not so from the start.
    pub(crate) upgraded: Option<Duration>,
    /// Who commits offsets; `None`: no member is named.
    pub(crate) members: Option<MemberKind>,
    /// Offsets are sent behind the records, as a loop that reads, works and writes does.
    pub(crate) offsets_last: bool,
}

/// One producer of the application.
#[derive(Clone, Debug)]
pub(crate) struct InstancePlan {
    pub(crate) transactional_id: String,
    /// When it is started.
    pub(crate) starts: Duration,
    /// When its process is killed, if it is.
    pub(crate) killed: Option<Duration>,
    pub(crate) transactions: Vec<TransactionPlan>,
    pub(crate) ending: Ending,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(crate) struct TransactionPlan {
    pub(crate) seed: u64,
    /// How many tasks share it, and how many records each sends.
    pub(crate) tasks: u32,
    pub(crate) records: u32,
    /// Between two records of a task.
    pub(crate) pace: Duration,
    pub(crate) largest_value: usize,
    /// How many groups get offsets.
    pub(crate) groups: u32,
    /// That a send is given up half way; that a delivery is awaited; per record.
    pub(crate) gives_up: f64,
    pub(crate) awaits: f64,
    /// A record is sent that is refused at once, and whether that is tolerated.
    pub(crate) refused: Option<bool>,
    pub(crate) end: End,
    /// Whether a handle goes on sending beside the end.
    pub(crate) late_handle: bool,
    /// Before the next one.
    pub(crate) pause: Duration,
}

/// How a transaction is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    Abort,
    Drop,
    /// The future of the commit is dropped as soon as it has begun.
    CommitDropped,
    /// The same a while later, when the request may be on its way.
    CommitGivenUp(Duration),
    /// The same of an abort.
    AbortDropped,
}

/// How an instance ends, if it is not killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Drop,
}

/// What members the groups of a run have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberKind {
    /// Of the old protocol, with one generation for all.
    Classic,
    /// The same, with an instance id (KIP-345).
    Static,
    /// Of the new protocol, with an epoch for each (KIP-848).
    Consumer,
}

impl Plan {
    /// What this seed stands for.
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::seeded(seed ^ 0x7472_616e_7361_6374);
        let brokers = *dice.of(&[1, 2, 3, 3]);
        let version = if seed.is_multiple_of(2) { KafkaVersion::V4_3 } else { KafkaVersion::V3_9 };
        let topics: Vec<TopicPlan> = (0..dice.between(1, 2))
            .map(|number| TopicPlan {
                name: format!("topic-{number}"),
                partitions: dice.between(1, 3) as i32,
                min_insync_replicas: 1,
            })
            .collect();
        let lag = if dice.chance(0.5) {
            ReplicationLag::NONE
        } else {
            ReplicationLag { least: MS(0), most: MS(dice.between(1, 30)) }
        };
        let marker_delay = MS(*dice.of(&[0, 1, 5, 30, 300]));
        let config = config(&mut dice);
        let instances = instances(&mut dice);
        let calm = dice.chance(0.4);
        let weather = if calm || dice.chance(0.5) { Weather::FINE } else { dice.rough_weather() };
        let count = if calm { 0 } else { dice.between(0, 5) };
        let mut faults: Vec<_> = (0..count).map(|_| fault(&mut dice, brokers, &topics)).collect();
        faults.sort_by_key(|(at, _)| *at);
        let count = dice.between(0, 6);
        let mut transaction_faults: Vec<_> =
            (0..count).map(|_| TransactionFault::thrown(&mut dice, instances.len())).collect();
        transaction_faults.sort_by_key(|(at, _)| *at);
        let plan = Self {
            seed,
            brokers,
            version,
            topics,
            lag,
            marker_delay,
            config,
            instances,
            weather,
            faults,
            transaction_faults,
            first_epoch: 0,
            upgraded: None,
            members: None,
            offsets_last: false,
        };
        plan.with_more(Dice::seeded(seed ^ 0x6d6f_7265))
    }

    /// What came to the plans later, by dice of its own: the rest of a seed's plan is what it always was.
    fn with_more(mut self, mut dice: Dice) -> Self {
        if dice.chance(0.12) {
            self.first_epoch = *dice.of(&[32_760, 32_763, 32_764, 32_765, 32_766]);
        }
        if self.version >= KafkaVersion::V4_3 && dice.chance(0.2) {
            self.upgraded = Some(MS(dice.between(0, 6_000)));
        }
        let kinds = [MemberKind::Classic, MemberKind::Static, MemberKind::Consumer];
        self.members = dice.chance(0.4).then(|| *dice.of(&kinds));
        self.offsets_last = dice.chance(0.5);
        let all = self.instances.iter_mut().flat_map(|instance| &mut instance.transactions);
        for transaction in all.filter(|transaction| transaction.end == End::CommitDropped) {
            if dice.chance(0.6) {
                transaction.end = End::CommitGivenUp(MS(*dice.of(&[1, 3, 10, 40, 200, 1000])));
            }
        }
        let count = if dice.chance(0.4) { dice.between(1, 4) } else { 0 };
        for _ in 0..count {
            let has_members = self.members.is_some();
            let fault = TransactionFault::thrown_from_outside(&mut dice, self.instances.len(), has_members);
            self.transaction_faults.push(fault);
        }
        self.transaction_faults.sort_by_key(|(at, _)| *at);
        if dice.chance(0.08) {
            let topic = dice.below(self.topics.len() as u64) as usize;
            let partition = dice.below(self.topics[topic].partitions as u64) as i32;
            let fault = FaultPlan::MoveLeader { topic, partition, unclean: true };
            self.faults.push((MS(dice.between(0, 6_000)), fault));
            self.faults.sort_by_key(|(at, _)| *at);
        }
        self
    }

    /// Whether from the start Produce adds partitions, and each end brings an epoch (KIP-890).
    pub(crate) fn is_second_protocol(&self) -> bool {
        self.version >= KafkaVersion::V4_3 && self.upgraded.is_none()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.config.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    /// A key in milliseconds.
    pub(crate) fn ms(&self, key: &str, default: u64) -> Duration {
        MS(self.get(key).and_then(|text| text.parse().ok()).unwrap_or(default))
    }

    /// When the last fault is over.
    pub(crate) fn faults_end(&self) -> Duration {
        let cluster = self.faults.iter().map(|(at, fault)| *at + fault.lasts());
        let transactions = self.transaction_faults.iter().map(|(at, fault)| *at + fault.lasts());
        cluster.chain(transactions).chain(self.upgraded).max().unwrap_or_default()
    }
}

fn config(dice: &mut Dice) -> Vec<(&'static str, String)> {
    let mut config: Vec<(&'static str, String)> = Vec::new();
    let linger = *dice.of(&[0u64, 0, 5, 50]);
    let request_timeout = *dice.of(&[300u64, 1000, 3000]);
    let delivery_timeout = linger + request_timeout + *dice.of(&[0u64, 500, 5000, 60_000]);
    config.push(("linger.ms", linger.to_string()));
    config.push(("request.timeout.ms", request_timeout.to_string()));
    config.push(("delivery.timeout.ms", delivery_timeout.to_string()));
    config.push(("batch.size", dice.of(&[1u64, 100, 500, 16_384]).to_string()));
    config.push(("buffer.memory", dice.of(&[20_000u64, 200_000, 33_554_432]).to_string()));
    config.push(("max.block.ms", dice.of(&[200u64, 5_000, 60_000]).to_string()));
    config.push(("transaction.timeout.ms", dice.of(&[1_000u64, 5_000, 60_000]).to_string()));
    config.push(("metadata.max.age.ms", dice.of(&[500u64, 300_000]).to_string()));
    config.push(("retry.backoff.ms", dice.of(&[1u64, 20, 100]).to_string()));
    config.push(("reconnect.backoff.max.ms", "200".into()));
    config.push(("socket.connection.setup.timeout.ms", "500".into()));
    config.push(("socket.connection.setup.timeout.max.ms", "1000".into()));
    if dice.chance(0.3) {
        config.push(("retries", dice.of(&[1u64, 3, 10]).to_string()));
    }
    config
}

fn instances(dice: &mut Dice) -> Vec<InstancePlan> {
    let count = *dice.of(&[1, 1, 1, 2, 2, 3]);
    let shared = dice.chance(0.7);
    (0..count)
        .map(|number| {
            let is_first = number == 0;
            InstancePlan {
                transactional_id: if shared { "id".to_owned() } else { format!("id-{number}") },
                starts: if is_first { Duration::ZERO } else { MS(dice.between(0, 6_000)) },
                killed: dice.chance(0.2).then(|| MS(dice.between(50, 8_000))),
                transactions: (0..dice.between(1, 6)).map(|_| transaction(dice)).collect(),
                ending: if dice.chance(0.2) { Ending::Drop } else { Ending::Close },
            }
        })
        .collect()
}

fn transaction(dice: &mut Dice) -> TransactionPlan {
    let end = match dice.below(10) {
        0 => End::Abort,
        1 => End::Drop,
        2 => End::CommitDropped,
        3 if dice.chance(0.5) => End::AbortDropped,
        _ => End::Commit,
    };
    TransactionPlan {
        seed: dice.number(),
        tasks: dice.between(1, 3) as u32,
        records: *dice.of(&[0, 1, 2, 5, 20]),
        pace: MS(*dice.of(&[0, 0, 1, 10, 60])),
        largest_value: *dice.of(&[8, 60, 300]),
        groups: *dice.of(&[0, 0, 1, 2]),
        gives_up: *dice.of(&[0.0, 0.0, 0.1]),
        awaits: *dice.of(&[0.0, 0.05, 1.0]),
        refused: dice.chance(0.05).then(|| dice.chance(0.5)),
        end,
        late_handle: dice.chance(0.2),
        pause: MS(*dice.of(&[0, 0, 5, 200, 1500])),
    }
}

fn fault(dice: &mut Dice, brokers: usize, topics: &[TopicPlan]) -> (Duration, FaultPlan) {
    let at = MS(dice.between(0, 6_000));
    let broker = dice.between(1, brokers as u64) as i32;
    let topic = dice.below(topics.len() as u64) as usize;
    let partition = dice.below(topics[topic].partitions as u64) as i32;
    let fault = match dice.below(14) {
        0..=2 => FaultPlan::Crash { broker, for_: MS(dice.between(1, 3_000)) },
        3 | 4 => FaultPlan::MoveLeader { topic, partition, unclean: false },
        5 | 6 => FaultPlan::Cut { broker },
        7 => FaultPlan::HalfOpen { broker },
        8 => FaultPlan::Weather { weather: dice.rough_weather(), for_: MS(dice.between(1, 3_000)) },
        9 | 10 => FaultPlan::Refuse {
            code: *dice.of(&[2i16, 3, 6, 7, 10, 19, 87]),
            appended: false,
            times: dice.between(1, 4) as u32,
        },
        11 => FaultPlan::Refuse { code: *dice.of(&[7i16, 20]), appended: true, times: 1 },
        12 => FaultPlan::Throttle { ms: dice.between(1, 1_000) as i32 },
        _ => FaultPlan::JumpWallClock { by_ms: dice.between(0, 200_000) as i64 - 100_000 },
    };
    (at, fault)
}
