//! Work of mechanisms, on a thread of its own: a derivation of keys takes seconds, and the polling thread has records to
//! send. One thread, so that a cluster of many brokers does not take all cores; it ends when nothing is left to do.

use super::bell::Bell;
use super::desk::Desk;
use crate::ConnectionNumber;
use kp_sasl::{SaslFailure, Work, Worked};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Does work without blocking its owner.
#[derive(Debug)]
pub(super) struct WorkThread {
    desk: Desk<(ConnectionNumber, Work), (ConnectionNumber, Worked)>,
    name: String,
}

impl WorkThread {
    /// A thread to be that nudges `bell` when work is done. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        Self { desk: Desk::new(bell, 1, run), name: "kafka-producer-credentials".to_owned() }
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
        self.desk.ask((number, work), &self.name, |(number, work), error| {
            (number, failed(work.what(), format!("no thread to do it: {error}")))
        });
    }

    /// What was done since the last time.
    pub(super) fn take_done(&self) -> Vec<(ConnectionNumber, Worked)> {
        self.desk.take_done()
    }
}

/// A mechanism that panics ends its own exchange, and no other.
fn run((number, work): (ConnectionNumber, Work)) -> (ConnectionNumber, Worked) {
    let what = work.what();
    let worked = catch_unwind(AssertUnwindSafe(|| work.run()));
    (number, worked.unwrap_or_else(|_| failed(what, "it panicked".to_owned())))
}

fn failed(what: &'static str, problem: String) -> Worked {
    Worked::failed(SaslFailure::WorkFailed { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

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
