//! A producer in a process that forks, with a real `fork`: the child is refused by every call, and the parent's records reach
//! the log as if there had been none. The child reports by its exit code: nothing of the test's own runs in it.

#![cfg(unix)]
#![allow(unsafe_code, reason = "there is no safe call that forks")]
#![allow(clippy::disallowed_methods, reason = "the child must not wait for ever")]

use kp_producer::blocking::Producer;
use kp_producer::{
    Delivery, DeliveryError, FailureKind, ProducerConfig, ProducerRecord, RecordMetadata, SendErrorKind,
    WaitError,
};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

type Outcome = Result<RecordMetadata, DeliveryError>;

/// Runs `child` in a forked child and gives the number that it returned.
fn in_a_child(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls only what this test is about and leaves by `_exit`, past every destructor and handler.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "the system gives no process");
    if pid == 0 {
        let code = child();
        // SAFETY: it ends this process, which has no thread but this.
        unsafe { libc::_exit(code) };
    }
    let until = Instant::now() + Duration::from_secs(20);
    let mut status = 0;
    loop {
        // SAFETY: `pid` is the child of this process, and `status` is this thread's own.
        match unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } {
            0 if Instant::now() < until => std::thread::yield_now(),
            0 => {
                // SAFETY: the child that was forked above, which was not waited for yet.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                until_gone(pid);
                panic!("the child waits for ever");
            }
            _ => break,
        }
    }
    assert!(libc::WIFEXITED(status), "the child ended with status {status}");
    libc::WEXITSTATUS(status)
}

fn until_gone(pid: libc::pid_t) {
    // SAFETY: a null status is allowed, and the child was killed.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}

fn record(partition: i32, value: &str) -> ProducerRecord<'_> {
    ProducerRecord::to("t").partition(partition).value(value)
}

/// What one poll says.
fn look(delivery: &mut Delivery) -> Option<Outcome> {
    match Pin::new(delivery).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

fn is_forked(outcome: &Option<Outcome>) -> bool {
    matches!(outcome, Some(Err(error)) if *error.kind() == FailureKind::Forked)
}

/// How many of the child's calls were not refused as they must be.
fn not_refused(producer: &Producer, mut open: Delivery) -> i32 {
    // To the partition whose batch is open, and to one that has none.
    let partitions = (0..2_000).map(|n| n % 2);
    let sends = partitions.clone().map(|partition| producer.send(record(partition, "child")));
    let tries = partitions.map(|partition| producer.try_send(record(partition, "child")));
    let accepted = sends
        .chain(tries)
        .filter(|sent| !matches!(sent, Err(error) if *error.kind() == SendErrorKind::Forked));
    let waits = [
        producer.flush() == Err(WaitError::Forked),
        producer.close(Duration::ZERO) == Err(WaitError::Forked),
        producer.partitions_for("t").is_err_and(|error| *error.kind() == SendErrorKind::Forked),
        producer.connect().is_err_and(|error| *error.kind() == SendErrorKind::Forked),
        is_forked(&look(&mut open.clone())),
        is_forked(&open.wait_timeout(Duration::ZERO)),
        open.wait().is_err_and(|error| *error.kind() == FailureKind::Forked),
    ];
    i32::from(accepted.count() > 0) + waits.into_iter().filter(|is_refused| !is_refused).count() as i32
}

// KP3
#[test]
fn a_forked_child_is_refused_by_every_call_and_the_parent_goes_on() {
    let options = EmbeddedOptions::new().with_default_partitions(2);
    let broker = EmbeddedBroker::start(options).expect("a free port");
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    config.set("linger.ms", "600000").expect("good");
    config.set("delivery.timeout.ms", "700000").expect("good");
    let producer = Producer::new(config).expect("built");
    // A batch that is open at the fork, and stays open in the child.
    let mut open = producer.send(record(0, "parent")).expect("accepted");
    assert!(look(&mut open).is_none(), "a poll before the fork, by the thread that forks");
    let code = in_a_child(|| not_refused(&producer, open.clone()));
    assert_eq!(code, 0, "calls of the child that were not refused");
    drop(producer.send(record(1, "parent again")).expect("accepted"));
    producer.flush().expect("it may wait here");
    open.wait().expect("written");
    assert_eq!(producer.acknowledged_records(), 2);
    assert_eq!(broker.cluster().lock().record_count("t"), 2, "none of the child's");
}
