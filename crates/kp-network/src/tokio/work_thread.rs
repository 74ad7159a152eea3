//! Work of mechanisms, on a thread of its own: a derivation of keys takes seconds, and the polling thread has records to
//! send. One thread, so that a cluster of many brokers does not take all cores; it ends when nothing is left to do.

use super::bell::Bell;
use crate::ConnectionNumber;
use kp_sasl::{SaslFailure, Work, Worked};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Does work without blocking its owner.
#[derive(Debug)]
pub(super) struct WorkThread {
    desk: Arc<Desk>,
    name: String,
}

/// Shared with the thread. The lock is never held while work is done.
#[derive(Debug)]
struct Desk {
    state: Mutex<State>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct State {
    asked: VecDeque<(ConnectionNumber, Work)>,
    done: Vec<(ConnectionNumber, Worked)>,
    has_thread: bool,
}

impl WorkThread {
    /// A thread to be that nudges `bell` when work is done. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        let name = "kafka-producer-credentials".to_owned();
        Self { desk: Arc::new(Desk { state: Mutex::default(), bell }), name }
    }

    /// The thread's name tells whose it is.
    pub(super) fn name(&mut self, client_id: &str) {
        // A thread's name is a C string.
        let client_id: String = client_id.chars().filter(|letter| !letter.is_control()).collect();
        if !client_id.is_empty() {
            self.name = format!("kafka-producer-credentials | {client_id}");
        }
    }

    /// Does `work` after what it has already; the result comes out of [`take_done`](Self::take_done), after a nudge.
    pub(super) fn take_on(&self, number: ConnectionNumber, work: Work) {
        let mut state = self.desk.lock();
        state.asked.push_back((number, work));
        if std::mem::replace(&mut state.has_thread, true) {
            return;
        }
        drop(state);
        let desk = Arc::clone(&self.desk);
        let started = thread::Builder::new().name(self.name.clone()).spawn(move || desk.serve());
        if let Err(error) = started {
            let mut state = self.desk.lock();
            state.has_thread = false;
            let State { asked, done, .. } = &mut *state;
            done.extend(asked.drain(..).map(|(number, work)| {
                let problem = format!("no thread to do it: {error}");
                (number, Worked::failed(SaslFailure::WorkFailed { what: work.what(), problem }))
            }));
            drop(state);
            self.desk.bell.nudge();
        }
    }

    /// What was done since the last time.
    pub(super) fn take_done(&self) -> Vec<(ConnectionNumber, Worked)> {
        std::mem::take(&mut self.desk.lock().done)
    }
}

impl Drop for WorkThread {
    fn drop(&mut self) {
        let asked = std::mem::take(&mut self.desk.lock().asked);
        drop(asked);
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            let (number, work) = {
                let mut state = self.lock();
                match state.asked.pop_front() {
                    Some(asked) => asked,
                    None => {
                        state.has_thread = false;
                        return;
                    }
                }
            };
            let what = work.what();
            // A mechanism that panics ends its own exchange, and no other.
            let worked = catch_unwind(AssertUnwindSafe(|| work.run())).unwrap_or_else(|_| {
                Worked::failed(SaslFailure::WorkFailed { what, problem: "it panicked".to_owned() })
            });
            self.lock().done.push((number, worked));
            self.bell.nudge();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConnectionNumber = ConnectionNumber(1);

    fn done(helper: &WorkThread) -> Vec<(ConnectionNumber, Worked)> {
        loop {
            let done = helper.take_done();
            if !done.is_empty() {
                return done;
            }
            thread::yield_now();
        }
    }

    #[test]
    fn work_is_done_in_order_on_one_thread_that_is_named_after_the_client() {
        let mut helper = WorkThread::new(Arc::default());
        helper.name("bil\0ling");
        let mut names: Vec<(u32, Option<String>)> = Vec::new();
        for count in 0..3u32 {
            let here = move || Worked::done((count, thread::current().name().map(str::to_owned)));
            helper.take_on(ONE, Work::new("say where", here));
        }
        while names.len() < 3 {
            names.extend(done(&helper).into_iter().map(|(_, worked)| worked.take("test").unwrap()));
        }
        let name = Some("kafka-producer-credentials | billing".to_owned());
        assert_eq!(names, [(0, name.clone()), (1, name.clone()), (2, name)]);
    }

    #[test]
    fn work_that_panics_has_failed_and_the_next_is_done() {
        let helper = WorkThread::new(Arc::default());
        helper.take_on(ONE, Work::new("panic", || panic!("on purpose")));
        let (_, worked) = done(&helper).remove(0);
        let failure = worked.take::<()>("test").unwrap_err();
        assert_eq!(failure.to_string(), "panic: it panicked");
        helper.take_on(ONE, Work::new("nothing", || Worked::done(())));
        assert!(done(&helper).remove(0).1.take::<()>("test").is_ok());
    }
}
