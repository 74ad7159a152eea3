//! What goes wrong with a cluster and its network, when, and how it is made good again. Notes what the cluster itself lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicPartition};
use kp_sim::{Fault, KafkaVersion, SimClock, SimCluster, SimNetwork, TopicSettings, Weather};
use kp_time::{Clock, Jitter};

use crate::laws::Place;

/// A topic of a plan.
#[derive(Clone, Debug)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
}

impl TopicPlan {
    /// Makes it.
    ///
    /// # Panics
    /// If the plan is not sound.
    pub fn create(&self, cluster: &mut SimCluster) {
        let settings = TopicSettings {
            partitions: self.partitions,
            min_insync_replicas: self.min_insync_replicas,
            ..TopicSettings::of(cluster.settings())
        };
        cluster.create_topic(&self.name, settings).expect("the plan is sound");
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub enum FaultPlan {
    /// A broker is down for a while.
    Crash {
        /// Which one.
        broker: i32,
        /// How long.
        for_: Duration,
    },
    /// A leader moves while both brokers run.
    MoveLeader {
        /// By its place in the plan.
        topic: usize,
        /// Which partition.
        partition: i32,
        /// To one that does not have everything.
        unclean: bool,
    },
    /// The connections to a broker end.
    Cut {
        /// Which one.
        broker: i32,
    },
    /// The connections to a broker swallow everything.
    HalfOpen {
        /// Which one.
        broker: i32,
    },
    /// Other weather for a while.
    Weather {
        /// Which.
        weather: Weather,
        /// How long.
        for_: Duration,
    },
    /// A code for the next batches.
    Refuse {
        /// Which.
        code: i16,
        /// They are appended all the same.
        appended: bool,
        /// How many.
        times: u32,
    },
    /// A request of this API finds no answer, and its connection none any more.
    Stall {
        /// Which.
        api: ApiKey,
        /// It is carried out all the same.
        carried_out: bool,
    },
    /// Clients are told to be quiet.
    Throttle {
        /// How long.
        ms: i32,
    },
    /// A code for the next InitProducerId.
    RefuseProducerId {
        /// Which.
        code: i16,
        /// How many.
        times: u32,
    },
    /// A topic is deleted and made again.
    Recreate {
        /// By its place in the plan.
        topic: usize,
    },
    /// The first half of a topic goes.
    Retention {
        /// By its place in the plan.
        topic: usize,
    },
    /// Brokers forget producers.
    ForgetIdleProducers {
        /// That were silent for so long.
        idle: Duration,
    },
    /// The time of day jumps.
    JumpWallClock {
        /// How far.
        by_ms: i64,
    },
}

impl FaultPlan {
    /// How long it lasts.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        match self {
            Self::Crash { for_, .. } | Self::Weather { for_, .. } => *for_,
            _ => Duration::ZERO,
        }
    }
}

/// What can be undone later.
#[derive(Debug)]
enum Undo {
    BringUp(i32),
    Weather,
}

/// What is always so where nothing goes wrong.
#[derive(Clone, Debug)]
pub struct Normal {
    /// The topics.
    pub topics: Vec<TopicPlan>,
    /// The weather.
    pub weather: Weather,
    /// The brokers.
    pub version: KafkaVersion,
}

/// The faults of one run.
#[derive(Debug)]
pub struct Trouble {
    normal: Normal,
    clock: SimClock,
    network: SimNetwork,
    dice: Jitter,
    faults: BTreeMap<(Instant, usize), FaultPlan>,
    undo: Vec<(Instant, Undo)>,
    lost: BTreeSet<u64>,
    unclean: BTreeSet<Place>,
    lost_unclean: BTreeSet<u64>,
    remade_by_name: BTreeSet<String>,
}

impl Trouble {
    /// What is to come, counted from now.
    #[must_use]
    pub fn new(
        normal: Normal,
        clock: SimClock,
        network: SimNetwork,
        seed: u64,
        faults: &[(Duration, FaultPlan)],
    ) -> Self {
        let start = clock.now();
        let planned = faults.iter().enumerate();
        Self {
            normal,
            faults: planned.map(|(number, (at, fault))| ((start + *at, number), fault.clone())).collect(),
            clock,
            network,
            dice: Jitter::seeded(seed),
            undo: Vec::new(),
            lost: BTreeSet::new(),
            unclean: BTreeSet::new(),
            lost_unclean: BTreeSet::new(),
            remade_by_name: BTreeSet::new(),
        }
    }

    /// Records that were in a log and went with a leader, a topic or retention.
    #[must_use]
    pub fn lost(&self) -> &BTreeSet<u64> {
        &self.lost
    }

    /// Partitions that lost batches or markers to an unclean election, and the records among what they lost.
    #[must_use]
    pub fn lost_to_unclean_elections(&self) -> (&BTreeSet<Place>, &BTreeSet<u64>) {
        (&self.unclean, &self.lost_unclean)
    }

    /// Topics that were made again where requests name them.
    #[must_use]
    pub fn remade_by_name(&self) -> &BTreeSet<String> {
        &self.remade_by_name
    }

    /// When the next thing goes wrong, or is made good.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let fault = self.faults.keys().next().map(|(at, _)| *at);
        self.undo.iter().map(|(at, _)| *at).chain(fault).min()
    }

    /// Does what is due.
    ///
    /// # Panics
    /// If the plan is not sound.
    pub fn do_what_is_due(&mut self) {
        let now = self.clock.now();
        while self.faults.keys().next().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, fault)) = self.faults.pop_first() {
                let before = logs(&self.network);
                let is_unclean = matches!(fault, FaultPlan::MoveLeader { unclean: true, .. });
                self.strike(fault);
                let lost = losses(&before, &logs(&self.network));
                self.lost.extend(&lost);
                self.lost_unclean.extend(lost.into_iter().filter(|_| is_unclean));
            }
        }
        let (due, later) = std::mem::take(&mut self.undo).into_iter().partition(|(at, _)| *at <= now);
        self.undo = later;
        for (_, undo) in due {
            match undo {
                Undo::BringUp(broker) => {
                    self.network.with_cluster(|cluster| {
                        cluster.bring_up(BrokerId(broker)).expect("it is one of them")
                    });
                }
                Undo::Weather => self.network.set_weather(self.normal.weather.clone()),
            }
        }
    }

    fn strike(&mut self, fault: FaultPlan) {
        let now = self.clock.now();
        match fault {
            FaultPlan::Crash { broker, for_ } => {
                if self.network.with_cluster(|cluster| cluster.is_up(BrokerId(broker))) {
                    self.network.crash(BrokerId(broker));
                    self.undo.push((now + for_, Undo::BringUp(broker)));
                }
            }
            FaultPlan::MoveLeader { topic, partition, unclean } => {
                self.move_leader(topic, partition, unclean)
            }
            FaultPlan::Cut { broker } => self.network.cut(BrokerId(broker)),
            FaultPlan::HalfOpen { broker } => self.network.half_open(BrokerId(broker)),
            FaultPlan::Weather { weather, for_ } => {
                self.network.set_weather(weather);
                self.undo.push((now + for_, Undo::Weather));
            }
            FaultPlan::Refuse { code, appended, times } => {
                let code = ErrorCode(code);
                let fault = if appended {
                    Fault::AppendThenRefuse { partition: None, code }
                } else {
                    Fault::RefuseBatch { partition: None, code }
                };
                self.inject(fault, times);
            }
            FaultPlan::Stall { api, carried_out } => self.inject(Fault::Stall { api, carried_out }, 1),
            FaultPlan::Throttle { ms } => {
                self.inject(Fault::Throttle { api: ApiKey::Produce, throttle_time_ms: ms }, 1);
            }
            FaultPlan::RefuseProducerId { code, times } => {
                self.inject(Fault::RefuseProducerId { code: ErrorCode(code) }, times);
            }
            FaultPlan::Recreate { topic } => self.recreate(topic),
            FaultPlan::Retention { topic } => self.retain_half(topic),
            FaultPlan::ForgetIdleProducers { idle } => {
                self.network.with_cluster(|cluster| cluster.forget_idle_producers(now, idle));
            }
            FaultPlan::JumpWallClock { by_ms } => self.clock.jump_wall_clock(by_ms),
        }
    }

    fn inject(&self, fault: Fault, times: u32) {
        self.network.with_cluster(|cluster| cluster.inject(fault, times));
    }

    fn recreate(&mut self, topic: usize) {
        let plan = &self.normal.topics[topic];
        self.network.with_cluster(|cluster| {
            cluster.delete_topic(&plan.name).expect("it is there");
            plan.create(cluster);
        });
        if self.normal.version < KafkaVersion::V4_3 {
            self.remade_by_name.insert(plan.name.clone());
        }
    }

    fn retain_half(&self, topic: usize) {
        let plan = &self.normal.topics[topic];
        for partition in 0..plan.partitions {
            let at = TopicPartition::new(plan.name.as_str(), partition);
            self.network.with_cluster(|cluster| {
                let end = cluster.partition(&at).expect("it is there").log().end_offset();
                cluster.delete_records_before(&at, end / 2).expect("it is there");
            });
        }
    }

    fn move_leader(&mut self, topic: usize, partition: i32, unclean: bool) {
        let at = TopicPartition::new(self.normal.topics[topic].name.as_str(), partition);
        let candidates: Vec<BrokerId> = self.network.with_cluster(|cluster| {
            let Ok(found) = cluster.partition(&at) else { return Vec::new() };
            let leader = found.leader();
            let others =
                found.replicas().iter().copied().filter(|id| Some(*id) != leader && leader.is_some());
            others.filter(|id| cluster.is_up(*id)).collect()
        });
        if !candidates.is_empty() {
            let to = candidates[self.dice.below(candidates.len() as u64) as usize];
            let lost = self.network.fail_over(&at, to, unclean);
            if unclean && lost.is_some() {
                self.unclean.insert((at.topic.to_string(), at.partition.0));
            }
        }
    }
}

/// What was in a log before and is not any more went with a leader, a topic or retention.
fn losses(before: &BTreeMap<Place, Vec<(i64, u64)>>, after: &BTreeMap<Place, Vec<(i64, u64)>>) -> Vec<u64> {
    let mut lost = Vec::new();
    for (place, entries) in before {
        let left = after.get(place).map_or(&[][..], Vec::as_slice);
        lost.extend(entries.iter().filter(|entry| !left.contains(entry)).map(|(_, id)| *id));
    }
    lost
}

/// The numbers of the records in every log; markers are left out.
///
/// # Panics
/// If a log holds what the double should have refused, or a record whose value does not begin with a number.
#[must_use]
pub fn logs(network: &SimNetwork) -> BTreeMap<Place, Vec<(i64, u64)>> {
    network.with_cluster(|cluster| {
        let mut logs = BTreeMap::new();
        for topic in cluster.topics() {
            for (number, partition) in (0..).zip(topic.partitions()) {
                let mut found = Vec::new();
                let data = partition.log().batches().iter();
                for batch in data.filter(|batch| !batch.header().attributes.is_control()) {
                    let records = batch.record_batch().and_then(|batch| batch.records(1 << 30));
                    for record in records.expect("the double checks what it appends").iter() {
                        let record = record.expect("the double checks what it appends");
                        let id = record.value.and_then(|value| value.first_chunk::<8>().copied());
                        found.push((
                            record.offset.0,
                            u64::from_be_bytes(id.expect("each value begins with a number")),
                        ));
                    }
                }
                logs.insert((topic.name().to_string(), number), found);
            }
        }
        logs
    })
}
