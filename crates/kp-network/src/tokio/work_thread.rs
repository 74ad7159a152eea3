//! Work of mechanisms, on a thread of its own: a derivation of keys takes seconds, and the polling thread has records to
//! send. One thread, so that a cluster of many brokers does not take all cores; it ends when nothing is left to do. A provider
//! that hangs holds its thread, and no other connection: when the one that it hangs for is given up, another thread goes on.

use super::bell::Bell;
use super::desk::{Desk, Threads};
use crate::ConnectionNumber;
use kp_sasl::{SaslFailure, Work, Worked};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Does work without blocking its owner.
#[derive(Debug)]
pub(super) struct WorkThread {
    desk: Desk<Work, Worked>,
}

/// One works, and so many may hang.
const THREADS: Threads = Threads { most: 1, most_lost: 4 };

impl WorkThread {
    /// A thread to be that nudges `bell` when work is done. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        Self { desk: Desk::new(bell, THREADS, "kafka-producer-credentials", run) }
    }

    /// The thread's name tells whose it is.
    pub(super) fn name(&mut self, client_id: &str) {
        // A thread's name is a C string.
        let client_id: String = client_id.chars().filter(|letter| !letter.is_control()).collect();
        if !client_id.is_empty() {
            self.desk.name_threads(format!("kafka-producer-credentials | {client_id}"));
        }
    }

    /// Does `work` after what it has already; the result comes out of [`take_done`](Self::take_done), after a nudge.
    pub(super) fn take_on(&self, number: ConnectionNumber, work: Work) {
        self.desk
            .ask(number, work, |work, error| failed(work.what(), format!("no thread to do it: {error}")));
    }

    /// The connection is given up. What was begun for it goes on, and its result is for the provider alone.
    pub(super) fn forget(&self, number: ConnectionNumber) {
        self.desk.forget(number);
    }

    /// What was done since the last time.
    pub(super) fn take_done(&self) -> Vec<(ConnectionNumber, Worked)> {
        self.desk.take_done()
    }
}

/// A mechanism that panics ends its own exchange, and no other.
fn run(work: Work) -> Worked {
    give_way();
    let what = work.what();
    let worked = catch_unwind(AssertUnwindSafe(|| work.run()));
    worked.unwrap_or_else(|_| failed(what, "it panicked".to_owned()))
}

/// Lets other threads go first on this one's processor. A new thread has a slice of processor time to its credit, and on a
/// machine of few processors the polling thread would wait for its end: three milliseconds with each login.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn give_way() {
    // On Linux the number of a thread stands for that thread alone. Where it is refused, the work is only less polite.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10);
}

/// Elsewhere a thread cannot lower its own priority without other rights or libraries.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn give_way() {}

fn failed(what: &'static str, problem: String) -> Worked {
    Worked::failed(SaslFailure::WorkFailed { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
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

    /// Work that hangs until the sender is dropped, and then says so.
    fn hanging(said: &mpsc::Sender<&'static str>) -> (mpsc::Sender<()>, Work) {
        let (release, held) = mpsc::channel::<()>();
        let said = said.clone();
        let work = Work::new("hang", move || {
            said.send("begun").unwrap();
            let _ = held.recv();
            said.send("over").unwrap();
            Worked::done("late")
        });
        (release, work)
    }

    /// H59
    #[test]
    fn work_that_hangs_holds_up_no_other_connection_once_its_own_is_given_up() {
        let (say, said) = mpsc::channel();
        let helper = WorkThread::new(Arc::default());
        let (release, work) = hanging(&say);
        helper.take_on(ONE, work);
        assert_eq!(said.recv(), Ok("begun"));
        helper.take_on(ConnectionNumber(2), Work::new("nothing", || Worked::done(2)));
        assert!(helper.take_done().is_empty(), "one after the other");
        helper.forget(ONE);
        assert_eq!(done(&helper).remove(0).0, ConnectionNumber(2));
        // It goes on in the background, and its connection hears nothing of it.
        drop(release);
        assert_eq!(said.recv(), Ok("over"));
        helper.take_on(ConnectionNumber(3), Work::new("nothing", || Worked::done(3)));
        let later: Vec<_> = done(&helper).into_iter().map(|(number, _)| number).collect();
        assert_eq!(later, [ConnectionNumber(3)]);
    }

    /// H59
    #[test]
    fn so_many_threads_hang_and_no_more_and_work_goes_on_when_one_is_free_again() {
        let (say, said) = mpsc::channel();
        let helper = WorkThread::new(Arc::default());
        let mut held = Vec::new();
        for number in 1..=5 {
            let (release, work) = hanging(&say);
            held.push(release);
            helper.take_on(ConnectionNumber(number), work);
            assert_eq!(said.recv(), Ok("begun"));
            helper.forget(ConnectionNumber(number));
        }
        let six = ConnectionNumber(6);
        helper.take_on(six, Work::new("nothing", || Worked::done(())));
        assert!(
            helper.take_done().is_empty() && said.try_recv().is_err(),
            "the fifth thread is still waited for"
        );
        held.remove(0);
        assert_eq!(said.recv(), Ok("over"));
        // A lost thread that comes back takes no place that is taken; the fifth's own end does.
        held.pop();
        assert!(done(&helper).iter().any(|(number, _)| *number == six || *number == ConnectionNumber(5)));
    }

    #[test]
    fn work_that_was_not_begun_is_dropped_with_its_connection() {
        let (say, said) = mpsc::channel();
        let helper = WorkThread::new(Arc::default());
        let (release, work) = hanging(&say);
        helper.take_on(ONE, work);
        assert_eq!(said.recv(), Ok("begun"));
        let (told, is_dropped) = mpsc::channel::<()>();
        helper.take_on(
            ConnectionNumber(2),
            Work::new("never", move || {
                drop(told);
                unreachable!("it is not wanted")
            }),
        );
        helper.forget(ConnectionNumber(2));
        assert!(is_dropped.recv().is_err());
        drop(release);
        assert_eq!(done(&helper).len(), 1);
    }
}
