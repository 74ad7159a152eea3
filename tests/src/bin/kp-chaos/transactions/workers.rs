//! The workers' processes: each `transactional.id` has one that lives, or two for the moment in which a new one takes over. Those
//! that are killed or finished have a successor.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::journal::{Life, now_us};
use super::worker::{FINISHED, WORD};
use crate::Failure;

/// So many `transactional.id`s.
pub(super) const IDS: usize = 5;
/// `transaction.timeout.ms` of most.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
/// And of those that leave transactions open beyond it.
const SHORT_TIMEOUT: Duration = Duration::from_secs(6);
/// The ids of those: the first ones.
const LEAVE_OPEN: usize = 2;
/// How long an instance may take to learn that another one has taken over, its transaction of that moment included.
const TO_BE_TOLD: Duration = Duration::from_secs(60);
/// How long a worker may take to end when it is asked to, with an end that is still unresolved.
const TO_END: Duration = Duration::from_secs(150);

/// One process, from its start.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) id: usize,
    pub(super) client: String,
    journal: PathBuf,
    pub(super) timeout: Duration,
    pub(super) started_us: u64,
    pub(super) killed: bool,
    /// It was told that its producer is finished, and ended by itself.
    pub(super) finished: bool,
    /// It ended in a way that it must not.
    pub(super) wrong: Option<String>,
}

impl Instance {
    #[cfg(test)]
    pub(super) fn of(client: &str, started_us: u64) -> Self {
        let (journal, timeout, client) = (PathBuf::new(), TIMEOUT, client.to_owned());
        Self { id: 0, client, journal, timeout, started_us, killed: false, finished: false, wrong: None }
    }

    pub(super) fn transactional_id(&self) -> String {
        format!("chaos-{}", self.id)
    }

    /// The group that it sends offsets of.
    pub(super) fn group(&self) -> String {
        format!("chaos-group-{}", self.id)
    }

    pub(super) fn life(&self) -> Result<Life, Failure> {
        Life::read(&self.journal, &self.group())
    }
}

/// A process that runs.
#[derive(Debug)]
struct Running {
    /// Its place among the instances.
    instance: usize,
    child: Child,
    /// By when it must have ended, being replaced.
    until: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    instances: Vec<Instance>,
    running: Vec<Running>,
    /// Ids that get a successor at this moment.
    due: Vec<(usize, Instant)>,
    takeovers: u64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Workers {
    bootstrap: String,
    directory: PathBuf,
    seed: u64,
    state: Mutex<State>,
}

impl Workers {
    pub(super) fn start(bootstrap: String, directory: &Path, seed: u64) -> Result<Self, Failure> {
        let workers = Self { bootstrap, directory: directory.to_owned(), seed, state: Mutex::default() };
        for id in 0..IDS {
            workers.launch(&mut workers.state(), id)?;
        }
        Ok(workers)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, state: &mut State, id: usize) -> Result<(), Failure> {
        let number = state.instances.len();
        let generation = state.instances.iter().filter(|other| other.id == id).count();
        let client = format!("worker-{id}.{generation}");
        let leaves_open = id < LEAVE_OPEN;
        let instance = Instance {
            id,
            journal: self.directory.join(format!("{client}.journal")),
            timeout: if leaves_open { SHORT_TIMEOUT } else { TIMEOUT },
            started_us: now_us(),
            killed: false,
            finished: false,
            wrong: None,
            client,
        };
        let log = std::fs::File::create(self.directory.join(format!("{}.log", instance.client)))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).args(["--bootstrap", &self.bootstrap, "--group", &instance.group()]);
        command.args(["--transactional-id", &instance.transactional_id(), "--client-id", &instance.client]);
        command.arg("--journal").arg(&instance.journal);
        command.args(["--seed", &(self.seed ^ (number as u64) << 20).to_string()]);
        // Ids of records are below 2^53, and rise with the instance.
        command.args(["--first", &((number as u64 + 1) << 32).to_string()]);
        command.args(["--timeout-ms", &instance.timeout.as_millis().to_string()]);
        if leaves_open {
            command.arg("--leaves-open");
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn()?;
        state.running.push(Running { instance: number, child, until: None });
        state.instances.push(instance);
        Ok(())
    }

    /// Looks after them: who has ended is noted, and gets a successor.
    pub(super) fn tend(&self) -> Result<(), Failure> {
        let mut state = self.state();
        state.collect()?;
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) = state.due.iter().partition(|(_, when)| *when <= now);
        state.due = later;
        for (id, _) in due {
            self.launch(&mut state, id)?;
        }
        Ok(())
    }

    /// Kills the one that lives under an id; its successor comes a while later.
    pub(super) fn kill(&self, id: usize, pause: Duration) -> Result<bool, Failure> {
        let mut state = self.state();
        state.collect()?;
        let is_killed = state.kill(id)?;
        if is_killed {
            state.due.push((id, Instant::now() + pause));
        }
        Ok(is_killed)
    }

    /// Starts another one under an id while the first one lives.
    pub(super) fn take_over(&self, id: usize) -> Result<bool, Failure> {
        let mut state = self.state();
        state.collect()?;
        let Some(place) = state.living(id) else { return Ok(false) };
        state.running[place].until = Some(Instant::now() + TO_BE_TOLD);
        state.takeovers += 1;
        self.launch(&mut state, id)?;
        Ok(true)
    }

    /// How many lived, live, and took over.
    pub(super) fn counts(&self) -> (usize, usize, u64) {
        let state = self.state();
        (state.instances.len(), state.running.len(), state.takeovers)
    }

    /// Kills the first `killed` ids in the middle of whatever they do, and lets all others end in order.
    pub(super) fn finish(&self, killed: usize) -> Result<Vec<Instance>, Failure> {
        let mut state = self.state();
        state.collect()?;
        state.due.clear();
        for id in 0..killed {
            state.kill(id)?;
        }
        for running in &mut state.running {
            drop(running.child.stdin.take());
            let until = Instant::now() + TO_END;
            running.until = Some(running.until.map_or(until, |earlier| earlier.max(until)));
        }
        while !state.running.is_empty() {
            std::thread::sleep(Duration::from_millis(50));
            state.collect()?;
            state.due.clear();
        }
        Ok(state.instances.clone())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for running in &mut self.state().running {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

impl State {
    /// The one that lives under an id and is not replaced yet.
    fn living(&self, id: usize) -> Option<usize> {
        self.running.iter().position(|one| one.until.is_none() && self.instances[one.instance].id == id)
    }

    fn kill(&mut self, id: usize) -> Result<bool, Failure> {
        let Some(place) = self.living(id) else { return Ok(false) };
        let mut killed = self.running.remove(place);
        killed.child.kill()?;
        killed.child.wait()?;
        self.instances[killed.instance].killed = true;
        Ok(true)
    }

    /// Takes those away that have ended, or have not when they must.
    fn collect(&mut self) -> Result<(), Failure> {
        for mut running in std::mem::take(&mut self.running) {
            let instance = &mut self.instances[running.instance];
            let is_late = running.until.is_some_and(|until| Instant::now() > until);
            match running.child.try_wait()? {
                None if is_late => {
                    running.child.kill()?;
                    running.child.wait()?;
                    instance.killed = true;
                    instance.wrong = Some("did not end, though it was replaced or asked to".to_owned());
                }
                None => {
                    self.running.push(running);
                    continue;
                }
                Some(status) if status.code() == Some(i32::from(FINISHED)) => instance.finished = true,
                Some(status) if status.success() => {}
                Some(status) => {
                    instance.killed = true;
                    instance.wrong = Some(format!("ended with {status}"));
                }
            }
            // The one that was replaced has its successor already.
            if running.until.is_none() {
                self.due.push((instance.id, Instant::now()));
            }
        }
        Ok(())
    }
}
