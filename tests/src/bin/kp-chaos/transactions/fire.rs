//! What goes wrong in a run with transactions, drawn from a seed. One thread for brokers, of which one is away at a time; one for
//! what happens to requests on their way and to workers, which goes on meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kp_protocol::ApiKey;
use kp_time::Jitter;
use xtask::kafka::{KafkaCluster, Signal};

use super::workers::{IDS, Workers};
use super::{PARTITIONS, TOPIC};
use crate::Failure;
use crate::proxy::{Ambush, Proxy, Trouble, What};

/// Where the coordinators of transactions keep what they know: who leads a partition coordinates its ids.
const STATE_TOPIC: &str = "__transaction_state";
const STATE_PARTITIONS: u64 = 3;
/// The requests that get into trouble, those twice that matter most.
const APIS: [ApiKey; 7] = [
    ApiKey::EndTxn,
    ApiKey::EndTxn,
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::TxnOffsetCommit,
];

/// Where it happens.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) cluster: Arc<KafkaCluster>,
    pub(super) proxy: Arc<Proxy>,
    pub(super) ambush: Arc<Ambush>,
    pub(super) workers: Arc<Workers>,
    pub(super) until: Instant,
    /// Brokers are left alone.
    pub(super) spares_brokers: bool,
}

/// How often, by what; and what came last.
type Tally = Arc<Mutex<(BTreeMap<&'static str, u64>, String)>>;

pub(super) struct Fire {
    threads: Vec<JoinHandle<Result<(), String>>>,
    tally: Tally,
}

struct Arsonist {
    scene: Scene,
    dice: Jitter,
    tally: Tally,
}

impl Fire {
    pub(super) fn start(scene: &Scene, seed: u64) -> Self {
        let tally = Tally::default();
        let arsonist = |salt: u64| Arsonist {
            scene: scene.clone(),
            dice: Jitter::seeded(seed.wrapping_mul(2).wrapping_add(salt)),
            tally: Arc::clone(&tally),
        };
        let (mut brokers, mut ways) = (arsonist(0), arsonist(1));
        let threads = vec![
            std::thread::spawn(move || brokers.burn(5_000, 7_000, Arsonist::a_broker)),
            std::thread::spawn(move || ways.burn(80, 350, Arsonist::a_way)),
        ];
        Self { threads, tally }
    }

    pub(super) fn last(&self) -> String {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = tally.0.values().sum();
        format!("{all} faults, last: {}", tally.1)
    }

    pub(super) fn end(self) -> Result<BTreeMap<&'static str, u64>, Failure> {
        for thread in self.threads {
            thread.join().map_err(|_| "a thread of faults has panicked")??;
        }
        Ok(self.tally.lock().unwrap_or_else(PoisonError::into_inner).0.clone())
    }
}

impl Arsonist {
    fn burn(
        &mut self,
        least_ms: u64,
        more_ms: u64,
        one: fn(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), String> {
        std::thread::sleep(Duration::from_secs(3));
        while Instant::now() < self.scene.until {
            one(self).map_err(|error| error.to_string())?;
            std::thread::sleep(Duration::from_millis(least_ms + self.dice.below(more_ms)));
        }
        Ok(())
    }

    fn note(&self, kind: &'static str, words: String) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.0.entry(kind).or_default() += 1;
        tally.1 = words;
    }

    /// A coordinator or a leader is killed or stopped, and comes back.
    fn a_broker(&mut self) -> Result<(), Failure> {
        if self.scene.spares_brokers {
            return Ok(());
        }
        let is_coordinator = self.dice.below(3) > 0;
        let is_killed = self.dice.below(2) == 0;
        let (topic, partition) = if is_coordinator {
            (STATE_TOPIC, self.dice.below(STATE_PARTITIONS) as i32)
        } else {
            (TOPIC, self.dice.below(PARTITIONS as u64) as i32)
        };
        let cluster = Arc::clone(&self.scene.cluster);
        let Some(victim) = cluster.leader(topic, partition)? else { return Ok(()) };
        let kind = match (is_coordinator, is_killed) {
            (true, true) => "kill of a coordinator (SIGKILL)",
            (true, false) => "clean stop of a coordinator",
            (false, true) => "kill of a leader (SIGKILL)",
            (false, false) => "clean stop of a leader",
        };
        self.note(kind, format!("broker {victim}: {kind}"));
        if is_killed {
            cluster.kill(victim)?;
        } else {
            cluster.signal(victim, Signal::TERM)?;
            let begun = Instant::now();
            while cluster.is_alive(victim)? && begun.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        std::thread::sleep(Duration::from_millis(self.dice.below(4_000)));
        cluster.restart(victim)?;
        cluster.wait_until_in_sync(Duration::from_secs(90))?;
        Ok(())
    }

    fn a_way(&mut self) -> Result<(), Failure> {
        self.scene.workers.tend()?;
        match self.dice.below(60) {
            0..=29 => self.late(),
            30..=43 => self.lost(),
            44..=47 => self.hole(),
            48..=51 => {
                let (id, pause) =
                    (self.dice.below(IDS as u64) as usize, Duration::from_millis(self.dice.below(8_000)));
                if self.scene.workers.kill(id, pause)? {
                    self.note("kill of a producer (SIGKILL)", format!("the producer of id {id} is killed"));
                }
            }
            52..=54 => {
                let id = self.dice.below(IDS as u64) as usize;
                if self.scene.workers.take_over(id)? {
                    self.note("second instance", format!("a second instance of id {id}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn api(&mut self) -> ApiKey {
        APIS[self.dice.below(APIS.len() as u64) as usize]
    }

    fn late(&mut self) {
        let api = self.api();
        // Half of them within the next few transactions, the others behind a longer silence.
        let by = match self.dice.below(2) {
            0 => Duration::from_millis(20 + self.dice.below(400)),
            _ => Duration::from_millis(400 + self.dice.below(5_000)),
        };
        self.note("late request laid", format!("the next {api:?} comes {by:?} late"));
        self.scene.ambush.lay(Trouble { api: api.key(), what: What::Late(by) });
    }

    fn lost(&mut self) {
        let api = self.api();
        if self.dice.below(2) == 0 {
            self.note("cut in front of a request", format!("the next {api:?} is lost"));
            self.scene.ambush.lay(Trouble { api: api.key(), what: What::Lost });
        } else {
            self.note("cut behind a request", format!("the answer to the next {api:?} is lost"));
            self.scene.ambush.lay(Trouble { api: api.key(), what: What::AnswerLost });
        }
    }

    /// Shorter than a request waits: InitProducerId must not come late, which would fence its own producer (TM-I3).
    fn hole(&mut self) {
        let broker = self.dice.below(3) as usize;
        self.note("black hole", format!("nothing passes to broker {}", broker + 1));
        let way = Arc::clone(&self.scene.proxy.ways[broker]);
        way.is_black_hole.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200 + self.dice.below(2_500)));
        way.is_black_hole.store(false, Ordering::Relaxed);
    }
}
