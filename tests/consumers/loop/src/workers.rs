//! The workers as processes: started, killed, frozen, and started again.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};

use crate::recipe::Failure;
use crate::worker::WorkerArgs;

/// A worker gets so long to end in order.
const PATIENCE: Duration = Duration::from_secs(40);

/// All of them, by slot.
#[derive(Debug)]
pub struct Workers {
    arguments: WorkerArgs,
    /// Where what they print is kept.
    directory: PathBuf,
    running: Vec<Child>,
    /// A frozen one, and until when.
    frozen: Option<(usize, Instant)>,
    pub tally: Tally,
}

/// What was done to them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub kills: u64,
    pub freezes: u64,
    /// They ended by themselves, and were started again.
    pub gave_up: u64,
}

/// What they told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub committed: u64,
    pub aborted: u64,
    pub revoked: u64,
}

impl Workers {
    /// Starts `count` of them. `arguments` are those of each, but for the slot.
    pub fn start(arguments: WorkerArgs, count: usize, directory: &Path) -> Result<Self, Failure> {
        let (directory, running) = (directory.to_owned(), Vec::new());
        let mut workers = Self { arguments, directory, running, frozen: None, tally: Tally::default() };
        for slot in 0..count {
            let child = workers.spawn(slot)?;
            workers.running.push(child);
        }
        Ok(workers)
    }

    fn spawn(&self, slot: usize) -> Result<Child, Failure> {
        let arguments = &self.arguments;
        let file = File::options().create(true).append(true).open(self.file(slot))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["worker", "--bootstrap", &arguments.bootstrap, "--slot", &slot.to_string()])
            .args(["--input", &arguments.input, "--output", &arguments.output])
            .args(["--transaction-size", &arguments.work.transaction_size.to_string()])
            .args(["--records-per-second", &arguments.work.records_per_second.to_string()])
            .args(named("--membership", Some(arguments.work.membership)))
            .args(named("--wrong", arguments.work.wrong));
        Ok(command.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file).spawn()?)
    }

    fn file(&self, slot: usize) -> PathBuf {
        self.directory.join(format!("worker-{slot}"))
    }

    /// Kills the worker of a slot where it stands, and starts the next one.
    pub fn kill(&mut self, slot: usize) -> Result<(), Failure> {
        self.frozen = self.frozen.filter(|&(frozen, _)| frozen != slot);
        self.running[slot].kill()?;
        self.running[slot].wait()?;
        self.running[slot] = self.spawn(slot)?;
        self.tally.kills += 1;
        Ok(())
    }

    /// Freezes the worker of a slot where it stands, for so long: its group puts it out, and it does not know.
    pub fn freeze(&mut self, slot: usize, how_long: Duration) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.running[slot]), Signal::STOP)?;
        self.frozen = Some((slot, Instant::now() + how_long));
        self.tally.freezes += 1;
        Ok(())
    }

    /// Thaws the frozen one when it is time, and starts again who gave up.
    pub fn look_after(&mut self) -> Result<(), Failure> {
        if let Some((slot, _)) = self.frozen.filter(|&(_, until)| Instant::now() >= until) {
            self.frozen = None;
            kill_process(Pid::from_child(&self.running[slot]), Signal::CONT)?;
        }
        for slot in 0..self.running.len() {
            if let Some(status) = self.running[slot].try_wait()? {
                eprintln!("worker {slot} gave up ({status}): see {}", self.file(slot).display());
                self.tally.gave_up += 1;
                self.running[slot] = self.spawn(slot)?;
            }
        }
        Ok(())
    }

    /// Whether one of them is frozen.
    pub fn is_one_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Ends them in order, and answers what they told.
    pub fn stop(mut self) -> Result<(Tally, Told), Failure> {
        if let Some((slot, _)) = self.frozen.take() {
            kill_process(Pid::from_child(&self.running[slot]), Signal::CONT)?;
        }
        for worker in &mut self.running {
            drop(worker.stdin.take());
        }
        let until = Instant::now() + PATIENCE;
        for slot in 0..self.running.len() {
            while self.running[slot].try_wait()?.is_none() {
                if Instant::now() > until {
                    return Err(format!("worker {slot} does not end").into());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let mut told = Told::default();
        for slot in 0..self.running.len() {
            let mut text = String::new();
            File::open(self.file(slot))?.read_to_string(&mut text)?;
            told.add(&text);
        }
        Ok((self.tally, told))
    }
}

/// An option of the command line with its value, or nothing.
fn named(option: &str, value: Option<impl ValueEnum>) -> Vec<String> {
    let value = value.and_then(|value| value.to_possible_value());
    value.map_or_else(Vec::new, |value| vec![option.to_owned(), value.get_name().to_owned()])
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.running {
            // An error means that it has ended.
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

impl Told {
    fn add(&mut self, text: &str) {
        for line in text.lines() {
            match line.split(' ').next() {
                Some("committed") => self.committed += 1,
                Some("aborted") => self.aborted += 1,
                Some("revoked") => self.revoked += 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_print_is_counted_by_its_first_word() {
        let mut told = Told::default();
        told.add("committed 500\naborted the transaction was aborted\nrevoked\ncommitted 3\nerror: no\n");
        assert_eq!(told, Told { committed: 2, aborted: 1, revoked: 1 });
    }
}
