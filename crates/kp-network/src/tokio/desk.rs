//! Jobs that block or take long, done on threads of their own: the polling thread has records to send, and a runtime's
//! pool would make its drop wait for them.
//! Owns: the jobs that wait, the results that were not taken, how many threads there are. Never: what a job is.

use super::bell::Bell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Has jobs done. Threads are started by those who ask, and each ends when nothing is left to do.
#[derive(Debug)]
pub(super) struct Desk<J, R>(Arc<Shared<J, R>>);

/// Shared with the threads. The lock is never held while a job is done.
#[derive(Debug)]
struct Shared<J, R> {
    state: Mutex<State<J, R>>,
    bell: Arc<Bell>,
    most_threads: usize,
    job: fn(J) -> R,
}

#[derive(Debug)]
struct State<J, R> {
    asked: VecDeque<J>,
    done: Vec<R>,
    threads: usize,
}

impl<J: Send + 'static, R: Send + 'static> Desk<J, R> {
    /// Does each job by `job`, on `most_threads` at a time, and nudges `bell` when there is a result. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>, most_threads: usize, job: fn(J) -> R) -> Self {
        let state = Mutex::new(State { asked: VecDeque::new(), done: Vec::new(), threads: 0 });
        Self(Arc::new(Shared { state, bell, most_threads, job }))
    }

    /// Has `job` done after those that wait; its result comes out of [`take_done`](Self::take_done), after a nudge. Where no
    /// thread can be started, `undone` is the result.
    pub(super) fn ask(&self, job: J, thread_name: &str, undone: impl Fn(J, &io::Error) -> R) {
        let mut state = self.0.lock();
        state.asked.push_back(job);
        if state.threads == self.0.most_threads {
            return;
        }
        state.threads += 1;
        drop(state);
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new().name(thread_name.to_owned()).spawn(move || shared.serve());
        if let Err(error) = started {
            let mut state = self.0.lock();
            state.threads -= 1;
            // Other threads at work will come to it; without them no thread would.
            if state.threads == 0 {
                let asked = std::mem::take(&mut state.asked);
                drop(state);
                let results: Vec<R> = asked.into_iter().map(|job| undone(job, &error)).collect();
                self.0.lock().done.extend(results);
                self.0.bell.nudge();
            }
        }
    }

    /// Forgets the jobs of these that no thread has begun.
    pub(super) fn forget(&self, is_forgotten: impl Fn(&J) -> bool) {
        self.0.lock().asked.retain(|job| !is_forgotten(job));
    }

    /// The results since the last time.
    pub(super) fn take_done(&self) -> Vec<R> {
        std::mem::take(&mut self.0.lock().done)
    }
}

impl<J, R> Drop for Desk<J, R> {
    fn drop(&mut self) {
        let asked = std::mem::take(&mut self.0.lock().asked);
        drop(asked);
    }
}

impl<J, R> Shared<J, R> {
    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            let job = {
                let mut state = self.lock();
                match state.asked.pop_front() {
                    Some(job) => job,
                    None => {
                        state.threads -= 1;
                        return;
                    }
                }
            };
            let result = (self.job)(job);
            self.lock().done.push(result);
            self.bell.nudge();
        }
    }
}
