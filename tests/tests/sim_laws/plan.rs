//! What one seed stands for: a cluster, a configuration, an application, and what goes wrong when.
//! A plan is a plain value, so that a failing one can be made smaller and printed.

use std::time::Duration;

use kp_protocol::ApiKey;
use kp_sim::{KafkaVersion, ReplicationLag, Weather};
use kp_tests::simulation::dice::Dice;
use kp_tests::simulation::trouble::{FaultPlan, TopicPlan};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Everything that happens in one run, but for what the dice of network and client decide.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) brokers: usize,
    pub(crate) version: KafkaVersion,
    /// Whether the brokers give producer ids.
    pub(crate) producer_ids: bool,
    pub(crate) topics: Vec<TopicPlan>,
    pub(crate) lag: ReplicationLag,
    pub(crate) config: Vec<(&'static str, String)>,
    pub(crate) tasks: Vec<TaskPlan>,
    pub(crate) weather: Weather,
    /// When, counted from the start.
    pub(crate) faults: Vec<(Duration, FaultPlan)>,
    pub(crate) ending: Ending,
}

/// One task of the application.
#[derive(Clone, Debug)]
pub(crate) struct TaskPlan {
    pub(crate) seed: u64,
    pub(crate) records: u32,
    /// Between two records; zero for as fast as it goes.
    pub(crate) pace: Duration,
    pub(crate) largest_value: usize,
    /// That it awaits a delivery before it goes on; that it gives a send up half way; that it
    /// flushes. Per record.
    pub(crate) awaits: f64,
    pub(crate) gives_up: f64,
    pub(crate) flushes: f64,
    pub(crate) keyed: f64,
}

/// How the application ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    FlushAndClose,
    Close(Duration),
    Drop,
}

impl Plan {
    /// What this seed stands for.
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::seeded(seed);
        let brokers = *dice.of(&[1, 2, 3, 3, 3]);
        let version = *dice.of(&[
            KafkaVersion::V4_3,
            KafkaVersion::V4_3,
            KafkaVersion::V4_3,
            KafkaVersion::V3_9,
            KafkaVersion::V2_8,
            KafkaVersion::V2_0,
            KafkaVersion::V0_11,
        ]);
        let topics = topics(&mut dice, brokers);
        let most = dice.between(0, 30);
        let lag = if dice.chance(0.2) {
            ReplicationLag::NONE
        } else {
            ReplicationLag { least: MS(0), most: MS(most + 1) }
        };
        let config = config(&mut dice);
        // Only a broker that waits for followers has appended what it then refuses.
        let waits_for_followers = !config.contains(&("acks", "1".to_owned()));
        let mut tasks: Vec<TaskPlan> = (0..dice.between(1, 4)).map(|_| task(&mut dice)).collect();
        tasks.iter_mut().for_each(|task| task.seed = dice.number());
        let weather = if dice.chance(0.3) { Weather::FINE } else { dice.rough_weather() };
        let count = dice.between(0, 8);
        let mut faults: Vec<_> =
            (0..count).map(|_| fault(&mut dice, brokers, &topics, waits_for_followers)).collect();
        faults.sort_by_key(|(at, _)| *at);
        let ending = match dice.below(10) {
            0 => Ending::Drop,
            1 => Ending::Close(MS(dice.between(0, 3000))),
            2 => Ending::Close(Duration::from_secs(3600)),
            _ => Ending::FlushAndClose,
        };
        // Thrown last, so that seeds that were told of before go as they went.
        let mut producer_ids = !dice.chance(0.1);
        let mut config = config;
        if dice.chance(0.05) && Self::may_be_asked_for_by_name(&config) {
            config.push(("enable.idempotence", "true".into()));
        }
        let mut version = version;
        if dice.chance(0.1) {
            version = *dice.of(&[KafkaVersion::V0_9, KafkaVersion::V0_10]);
            producer_ids = false;
        }
        Self { seed, brokers, version, producer_ids, topics, lag, config, tasks, weather, faults, ending }
    }

    fn may_be_asked_for_by_name(config: &[(&'static str, String)]) -> bool {
        !config.iter().any(|(key, value)| {
            matches!(
                (*key, value.as_str()),
                ("acks", "1") | ("enable.idempotence", "false") | ("retries", "0")
            )
        })
    }

    /// What numbers batches in this run: the cluster can, and the configuration does not give it up.
    pub(crate) fn is_numbered(&self) -> bool {
        self.producer_ids && Self::may_be_asked_for_by_name(&self.config)
    }

    /// Nothing numbers batches, and the configuration has not given their order up either.
    pub(crate) fn is_one_at_a_time(&self) -> bool {
        !self.is_numbered() && Self::may_be_asked_for_by_name(&self.config)
    }

    /// Idempotence is asked for by name and not to be had: nothing may be accepted.
    pub(crate) fn is_refused(&self) -> bool {
        !self.producer_ids && self.get("enable.idempotence") == Some("true")
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.config.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    /// When the last fault is over.
    pub(crate) fn faults_end(&self) -> Duration {
        let over = self.faults.iter().map(|(at, fault)| *at + fault.lasts());
        over.max().unwrap_or_default()
    }
}

fn topics(dice: &mut Dice, brokers: usize) -> Vec<TopicPlan> {
    (0..dice.between(1, 3))
        .map(|number| TopicPlan {
            name: format!("topic-{number}"),
            partitions: dice.between(1, 4) as i32,
            min_insync_replicas: if brokers == 3 && dice.chance(0.3) { 2 } else { 1 },
        })
        .collect()
}

fn config(dice: &mut Dice) -> Vec<(&'static str, String)> {
    let mut config: Vec<(&'static str, String)> = Vec::new();
    let linger = *dice.of(&[0u64, 0, 1, 5, 5, 50]);
    let request_timeout = *dice.of(&[300u64, 1000, 3000]);
    let delivery_timeout = linger + request_timeout + *dice.of(&[0u64, 500, 5000, 20_000, 60_000]);
    config.push(("linger.ms", linger.to_string()));
    config.push(("request.timeout.ms", request_timeout.to_string()));
    config.push(("delivery.timeout.ms", delivery_timeout.to_string()));
    config.push(("batch.size", dice.of(&[1u64, 100, 500, 2000, 16_384]).to_string()));
    config.push(("buffer.memory", dice.of(&[4_000u64, 20_000, 200_000, 33_554_432]).to_string()));
    config.push(("max.block.ms", dice.of(&[0u64, 200, 5_000, 60_000]).to_string()));
    config.push(("metadata.max.age.ms", dice.of(&[500u64, 5_000, 300_000]).to_string()));
    config.push(("retry.backoff.ms", dice.of(&[1u64, 20, 100]).to_string()));
    config.push(("reconnect.backoff.max.ms", "200".into()));
    config.push(("socket.connection.setup.timeout.ms", "500".into()));
    config.push(("socket.connection.setup.timeout.max.ms", "1000".into()));
    config.push(("connections.max.idle.ms", dice.of(&[200u64, 540_000]).to_string()));
    config.push(("compression.type", dice.of(&["none", "none", "lz4", "gzip", "snappy"]).to_string()));
    if dice.chance(0.5) {
        // The default grows as far as a request does.
        config.push(("kp.batch.growth.max.bytes", dice.of(&[0u64, 1_000, 5_000, 50_000]).to_string()));
    }
    match dice.below(10) {
        // acks=1 gives idempotence up; so does its absence.
        0 => config.push(("acks", "1".into())),
        1 => config.push(("enable.idempotence", "false".into())),
        2 => {
            config.push(("enable.idempotence", "false".into()));
            config.push(("max.in.flight.requests.per.connection", "1".into()));
        }
        3 => {
            config.push(("enable.idempotence", "false".into()));
            config.push(("retries", dice.of(&[0u64, 1, 3]).to_string()));
        }
        4 => config.push(("retries", dice.of(&[1u64, 3, 10]).to_string())),
        5 => config.push(("max.in.flight.requests.per.connection", dice.between(1, 5).to_string())),
        _ => {}
    }
    config
}

fn task(dice: &mut Dice) -> TaskPlan {
    let often = |dice: &mut Dice| *dice.of(&[0.0, 0.0, 0.01, 0.1]);
    TaskPlan {
        seed: 0,
        records: dice.between(1, 150) as u32,
        pace: MS(*dice.of(&[0, 0, 1, 10, 60])),
        largest_value: *dice.of(&[8, 60, 300, 1500]),
        awaits: *dice.of(&[0.0, 0.05, 1.0]),
        gives_up: often(dice),
        flushes: if dice.chance(0.3) { 0.02 } else { 0.0 },
        keyed: *dice.of(&[0.0, 0.5, 1.0]),
    }
}

fn fault(
    dice: &mut Dice,
    brokers: usize,
    topics: &[TopicPlan],
    waits_for_followers: bool,
) -> (Duration, FaultPlan) {
    let at = MS(dice.between(0, 5_000));
    let broker = dice.between(1, brokers as u64) as i32;
    let topic = dice.below(topics.len() as u64) as usize;
    let partition = dice.below(topics[topic].partitions as u64) as i32;
    let fault = match dice.below(24) {
        0..=4 => FaultPlan::Crash { broker, for_: MS(dice.between(1, 4_000)) },
        5..=7 => FaultPlan::MoveLeader { topic, partition, unclean: false },
        8 => FaultPlan::MoveLeader { topic, partition, unclean: true },
        9 | 10 => FaultPlan::Cut { broker },
        11 | 12 => FaultPlan::HalfOpen { broker },
        13 | 14 => FaultPlan::Weather { weather: dice.rough_weather(), for_: MS(dice.between(1, 3_000)) },
        15 | 16 => FaultPlan::Refuse {
            code: *dice.of(&[2i16, 3, 6, 7, 10, 19, 56, 75, 87]),
            appended: false,
            times: dice.between(1, 5) as u32,
        },
        17 => FaultPlan::Refuse {
            code: *dice.of(if waits_for_followers { &[6i16, 7, 20, -1] } else { &[-1] }),
            appended: true,
            times: dice.between(1, 3) as u32,
        },
        18 => FaultPlan::Stall { api: ApiKey::Produce, carried_out: dice.chance(0.5) },
        19 => FaultPlan::Throttle { ms: dice.between(1, 2_000) as i32 },
        20 => {
            FaultPlan::RefuseProducerId { code: *dice.of(&[14i16, 15, 7]), times: dice.between(1, 3) as u32 }
        }
        21 => FaultPlan::Recreate { topic },
        22 => FaultPlan::JumpWallClock { by_ms: dice.between(0, 200_000) as i64 - 100_000 },
        // Far above any delivery.timeout.ms: brokers forget producers that were silent for long.
        _ if dice.chance(0.5) => FaultPlan::ForgetIdleProducers { idle: Duration::from_secs(90) },
        _ => FaultPlan::Retention { topic },
    };
    (at, fault)
}
