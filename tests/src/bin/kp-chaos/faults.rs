//! What goes wrong, drawn from a seed: brokers that are killed, frozen, restarted one after the other; ways to them that are
//! cut, slow, or lead nowhere. One broker is away at a time, so that a majority of each partition's replicas is there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kp_time::Jitter;
use xtask::kafka::{KafkaCluster, Signal};

use crate::probe::Probe;
use crate::proxy::{Proxy, Way};
use crate::security::{Change, Security};
use crate::{Failure, PARTITIONS, PROBE};

/// What happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// How often, by what.
    pub(crate) by_kind: BTreeMap<&'static str, u64>,
    /// One for each kill of a leader.
    pub(crate) gaps: Vec<Gap>,
}

/// How long a partition was silent when its leader was killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// The longest pause between acknowledgements by all replicas.
    pub(crate) whole: Duration,
    /// Its part behind the election.
    pub(crate) behind: Duration,
    /// The same for a producer that is content with the leader's word.
    pub(crate) behind_leader_alone: Duration,
}

/// What may go wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinds {
    All,
    /// Answers that are lost: what makes duplicates of every retry.
    LostAnswers,
    /// For measuring how long the partitions of a leader that was killed are silent.
    Kills,
    /// Brokers are left alone.
    Nothing,
}

pub(crate) struct Faults {
    thread: JoinHandle<Result<(), String>>,
    shared: Arc<Mutex<(Counts, String)>>,
}

/// Where it happens.
pub(crate) struct Scene {
    pub(crate) cluster: Arc<KafkaCluster>,
    pub(crate) proxy: Arc<Proxy>,
    /// Of a secured cluster.
    pub(crate) security: Option<Security>,
}

struct Arsonist {
    cluster: Arc<KafkaCluster>,
    proxy: Arc<Proxy>,
    security: Option<Security>,
    /// With `acks=all`, and with `acks=1`.
    probes: [Probe; 2],
    dice: Jitter,
    shared: Arc<Mutex<(Counts, String)>>,
}

impl Faults {
    pub(crate) fn start(scene: Scene, probes: [Probe; 2], seed: u64, until: Instant, kinds: Kinds) -> Self {
        let shared = Arc::<Mutex<(Counts, String)>>::default();
        let Scene { cluster, proxy, security } = scene;
        let (dice, for_thread) = (Jitter::seeded(seed), Arc::clone(&shared));
        let mut arsonist = Arsonist { cluster, proxy, security, probes, dice, shared: for_thread };
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(3));
            while kinds != Kinds::Nothing && Instant::now() < until {
                arsonist.one(kinds).map_err(|error| error.to_string())?;
                let pause = 300 + arsonist.dice.below(1_500);
                std::thread::sleep(Duration::from_millis(pause));
            }
            Ok(())
        });
        Self { thread, shared }
    }

    /// The last one, for the line of progress.
    pub(crate) fn last(&self) -> String {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = shared.0.by_kind.values().sum();
        format!("{all}, last: {}", shared.1)
    }

    pub(crate) fn end(self) -> Result<Counts, Failure> {
        self.thread.join().map_err(|_| "the thread of faults has panicked")??;
        Ok(self.shared.lock().unwrap_or_else(PoisonError::into_inner).0.clone())
    }
}

impl Arsonist {
    fn one(&mut self, kinds: Kinds) -> Result<(), Failure> {
        let broker = 1 + self.dice.below(3) as i32;
        if let (Kinds::All, Some(security)) = (kinds, self.security.clone())
            && self.dice.below(2) == 0
        {
            let change = Change::draw(&mut self.dice, broker);
            let (kind, words) = change.words();
            self.note(kind, words);
            return security.carry_out(change);
        }
        let way = Arc::clone(&self.proxy.ways[broker as usize - 1]);
        let kind = match kinds {
            Kinds::All => self.dice.below(14),
            Kinds::LostAnswers => 2,
            Kinds::Kills => 0,
            Kinds::Nothing => return Ok(()),
        };
        match kind {
            0 | 1 => self.kill_leader()?,
            2 | 3 | 12 => {
                self.note("cut behind a request", format!("answers of broker {broker} are lost"));
                way.cut_after.fetch_add(1 + self.dice.below(4), Ordering::SeqCst);
            }
            4 | 5 | 13 => {
                self.note("cut in front of a request", format!("requests to broker {broker} are lost"));
                way.cut_before.fetch_add(1 + self.dice.below(4), Ordering::SeqCst);
            }
            6 | 7 => {
                self.note("freeze (SIGSTOP)", format!("broker {broker} is frozen"));
                self.cluster.signal(broker, Signal::STOP)?;
                std::thread::sleep(Duration::from_millis(500 + self.dice.below(5_000)));
                self.cluster.signal(broker, Signal::CONT)?;
            }
            8 => {
                self.note("slow way", format!("the way to broker {broker} is slow"));
                way.delay_ms.store(20 + self.dice.below(300), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1_000 + self.dice.below(2_000)));
                way.delay_ms.store(0, Ordering::Relaxed);
            }
            9 | 10 => {
                self.note("black hole", format!("nothing passes to broker {broker}"));
                hole(&way, Duration::from_millis(500 + self.dice.below(5_000)));
            }
            _ => {
                self.note("rolling restart", "all brokers, one after the other".to_owned());
                for id in self.cluster.broker_ids() {
                    self.cluster.signal(id, Signal::TERM)?;
                    let begun = Instant::now();
                    while self.cluster.is_alive(id)? && begun.elapsed() < Duration::from_secs(20) {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    self.cluster.restart(id)?;
                    self.cluster.wait_until_in_sync(Duration::from_secs(60))?;
                }
            }
        }
        Ok(())
    }

    fn note(&self, kind: &'static str, words: String) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        *shared.0.by_kind.entry(kind).or_default() += 1;
        shared.1 = words;
    }

    /// Kills the leader of some partition, measures how long its partitions are silent, and brings it back.
    fn kill_leader(&mut self) -> Result<(), Failure> {
        let partition = self.dice.below(PARTITIONS as u64) as i32;
        let Some(victim) = self.cluster.leader(PROBE, partition)? else { return Ok(()) };
        self.note("kill of a leader (SIGKILL)", format!("broker {victim} is killed"));
        let is_over = AtomicBool::new(false);
        let (elected, acks) = std::thread::scope(|scope| {
            let is_over = &is_over;
            let start = |probe| scope.spawn(move || Probe::acks_of(probe, partition, is_over));
            let probing = self.probes.each_ref().map(start);
            // Long enough to have what there is before.
            std::thread::sleep(Duration::from_millis(500));
            let elected = self.cluster.kill(victim).map(|()| self.wait_for_election(partition, victim));
            // And long enough for the first acknowledgement by the new leader.
            std::thread::sleep(Duration::from_secs(2));
            is_over.store(true, Ordering::Relaxed);
            (elected, probing.map(std::thread::ScopedJoinHandle::join))
        });
        let [all, leader] = acks.map(|acks| acks.unwrap_or_else(|_| Err("the probe has panicked".into())));
        if let Some(elected) = elected?
            && let (Some(all), Some(leader)) = (silence(all?, elected), silence(leader?, elected))
        {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.0.gaps.push(Gap { whole: all.0, behind: all.1, behind_leader_alone: leader.1 });
        }
        self.cluster.restart(victim)?;
        self.cluster.wait_until_in_sync(Duration::from_secs(60))?;
        Ok(())
    }

    /// When another broker than the victim is said to lead.
    fn wait_for_election(&self, partition: i32, victim: i32) -> Option<Instant> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            match self.cluster.leader(PROBE, partition) {
                Ok(Some(leader)) if leader != victim => return Some(Instant::now()),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    }
}

/// The longest pause between acknowledgements, and how much of it came after the election.
fn silence(mut acks: Vec<Instant>, elected: Instant) -> Option<(Duration, Duration)> {
    acks.sort_unstable();
    let around = acks.windows(2).map(|pair| (pair[0], pair[1]));
    let (before, after) = around.max_by_key(|(before, after)| after.duration_since(*before))?;
    Some((after.duration_since(before), after.saturating_duration_since(elected)))
}

fn hole(way: &Way, for_: Duration) {
    way.is_black_hole.store(true, Ordering::Relaxed);
    std::thread::sleep(for_);
    way.is_black_hole.store(false, Ordering::Relaxed);
}
