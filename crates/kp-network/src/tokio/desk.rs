//! Jobs that block or take long, done on threads of their own: the polling thread has records to send, and a runtime's
//! pool would make its drop wait for them.
//! Owns: the jobs that wait, the results that were not taken, how many threads there are. Never: what a job is.

use super::bell::Bell;
use crate::ConnectionNumber;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Has jobs done. Threads are started by those who ask, and each ends when nothing is left to do.
#[derive(Debug)]
pub(super) struct Desk<J, R> {
    shared: Arc<Shared<J, R>>,
    thread_name: String,
}

/// How many threads there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    /// At work for jobs that are wanted.
    pub(super) most: usize,
    /// Held by jobs that are not wanted any more, which cannot be stopped. With more of them the others wait.
    pub(super) most_lost: usize,
}

/// Shared with the threads. The lock is never held while a job is done.
#[derive(Debug)]
struct Shared<J, R> {
    state: Mutex<State<J, R>>,
    bell: Arc<Bell>,
    most: Threads,
    job: fn(J) -> R,
}

#[derive(Debug)]
struct State<J, R> {
    asked: VecDeque<(ConnectionNumber, J)>,
    done: Vec<(ConnectionNumber, R)>,
    /// At work, or about to look for some; without those that are lost.
    threads: usize,
    lost: usize,
    /// The jobs that are being done and are wanted, by the numbers of their doing.
    running: Vec<(u64, ConnectionNumber)>,
    last_run: u64,
}

impl<J: Send + 'static, R: Send + 'static> Desk<J, R> {
    /// Does each job by `job`, and nudges `bell` when there is a result. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>, most: Threads, thread_name: &str, job: fn(J) -> R) -> Self {
        let state = State {
            asked: VecDeque::new(),
            done: Vec::new(),
            threads: 0,
            lost: 0,
            running: Vec::new(),
            last_run: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), bell, most, job });
        Self { shared, thread_name: thread_name.to_owned() }
    }

    /// What later threads are named.
    pub(super) fn name_threads(&mut self, thread_name: String) {
        self.thread_name = thread_name;
    }

    /// Has `job` done after those that wait; its result comes out of [`take_done`](Self::take_done), after a nudge. Where no
    /// thread can be started, `undone` is the result.
    pub(super) fn ask(&self, number: ConnectionNumber, job: J, undone: impl Fn(J, &io::Error) -> R) {
        let mut state = self.shared.lock();
        state.asked.push_back((number, job));
        if state.threads == self.shared.most.most {
            return;
        }
        state.threads += 1;
        drop(state);
        if let Err(error) = self.start_thread() {
            let mut state = self.shared.lock();
            // Other threads at work will come to it; without them no thread would.
            if state.threads == 0 {
                let asked = std::mem::take(&mut state.asked);
                drop(state);
                let results: Vec<_> =
                    asked.into_iter().map(|(number, job)| (number, undone(job, &error))).collect();
                self.shared.lock().done.extend(results);
                self.shared.bell.nudge();
            }
        }
    }

    /// The jobs of this connection are not wanted any more: those that no thread has begun are dropped, and a thread that
    /// is at one is not waited for.
    pub(super) fn forget(&self, number: ConnectionNumber) {
        let mut state = self.shared.lock();
        let asked = std::mem::take(&mut state.asked);
        let (dropped, kept): (VecDeque<_>, VecDeque<_>) =
            asked.into_iter().partition(|(asked, _)| *asked == number);
        state.asked = kept;
        let State { running, lost, threads, .. } = &mut *state;
        let most_lost = self.shared.most.most_lost;
        running.retain(|(_, asked)| {
            let is_lost = *asked == number && *lost < most_lost;
            *lost += usize::from(is_lost);
            *threads -= usize::from(is_lost);
            !is_lost
        });
        let takes_over = !state.asked.is_empty() && state.threads < self.shared.most.most;
        state.threads += usize::from(takes_over);
        drop(state);
        // A job is foreign code, and so is its drop.
        drop(dropped);
        if takes_over {
            // Where no thread can be started, the next one that is asked for does it.
            drop(self.start_thread());
        }
    }

    /// The results since the last time.
    pub(super) fn take_done(&self) -> Vec<(ConnectionNumber, R)> {
        std::mem::take(&mut self.shared.lock().done)
    }

    /// Starts a thread that is counted already.
    fn start_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name(self.thread_name.clone()).spawn(move || shared.serve());
        started.map(drop).inspect_err(|_| self.shared.lock().threads -= 1)
    }
}

impl<J, R> Drop for Desk<J, R> {
    fn drop(&mut self) {
        let asked = std::mem::take(&mut self.shared.lock().asked);
        drop(asked);
    }
}

impl<J, R> Shared<J, R> {
    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        while let Some((run, number, job)) = self.next() {
            let result = (self.job)(job);
            if !self.has_done(run, number, result) {
                return;
            }
        }
    }

    /// The next job, and the number of its doing; `None`: this thread ends.
    fn next(&self) -> Option<(u64, ConnectionNumber, J)> {
        let mut state = self.lock();
        let Some((number, job)) = state.asked.pop_front() else {
            state.threads -= 1;
            return None;
        };
        state.last_run += 1;
        let run = state.last_run;
        state.running.push((run, number));
        Some((run, number, job))
    }

    /// Takes a result. Says whether the thread goes on: one that was lost does so in the place of one that is missing.
    fn has_done(&self, run: u64, number: ConnectionNumber, result: R) -> bool {
        let mut state = self.lock();
        let is_wanted = state.running.iter().any(|(running, _)| *running == run);
        if is_wanted {
            state.running.retain(|(running, _)| *running != run);
            state.done.push((number, result));
            drop(state);
            self.bell.nudge();
            return true;
        }
        state.lost -= 1;
        let goes_on = state.threads < self.most.most;
        state.threads += usize::from(goes_on);
        drop(state);
        drop(result);
        goes_on
    }
}
