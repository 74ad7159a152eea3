//! How a wait for metadata ends, told by hand. No clock moves by itself.

use super::*;
use kp_metadata::{Partition, Topic};
use kp_protocol::{BrokerAddress, BrokerId, TopicId};
use kp_time::{Clock, ManualClock};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

#[derive(Default)]
struct Rung(AtomicU32);

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bench {
    waiters: Arc<MetadataWaiters>,
    clock: ManualClock,
    rung: Arc<Rung>,
}

impl Bench {
    fn new() -> Self {
        Self { waiters: Arc::default(), clock: ManualClock::new(), rung: Arc::default() }
    }

    fn wait_for(&self, wanted: Wanted) -> MetadataWait {
        let now = self.clock.now();
        self.waiters.join(wanted, now, Deadline::after(now, Duration::from_millis(100), "max.block.ms"))
    }

    fn poll(&self, wait: &mut MetadataWait) -> Poll<Result<(), SendErrorKind>> {
        let waker = Waker::from(Arc::clone(&self.rung));
        Pin::new(wait).poll(&mut Context::from_waker(&waker))
    }

    fn rung(&self) -> u32 {
        self.rung.0.load(Ordering::SeqCst)
    }
}

fn cluster(topics: impl IntoIterator<Item = Topic>) -> Cluster {
    let broker = BrokerAddress { id: BrokerId(1), host: "host".into(), port: 9092, rack: None };
    Cluster::new(1, [broker], topics)
}

fn topic(name: &str, partitions: usize) -> Topic {
    Topic::new(name.into(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1)); partitions])
}

// MD7
#[test]
fn a_wait_ends_with_the_snapshot_that_answers_it_and_not_with_another() {
    let bench = Bench::new();
    let mut wait = bench.wait_for(Wanted::Topic("t".into()));
    assert!(bench.poll(&mut wait).is_pending());
    bench.waiters.serve(&cluster([topic("other", 1)]));
    assert!(bench.poll(&mut wait).is_pending());
    assert_eq!(bench.rung(), 0);
    bench.waiters.serve(&cluster([topic("t", 1)]));
    assert_eq!(bench.rung(), 1);
    assert!(matches!(bench.poll(&mut wait), Poll::Ready(Ok(()))));
}

// MD7, MD21
#[test]
fn a_wait_ends_at_its_deadline_with_what_the_cluster_said_last() {
    let bench = Bench::new();
    let mut wait = bench.wait_for(Wanted::Topic("t".into()));
    assert!(bench.poll(&mut wait).is_pending());
    let missing = cluster([Topic::failed("t".into(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]);
    assert_eq!(bench.waiters.next_deadline(), Some(bench.clock.now() + Duration::from_millis(100)));
    bench.clock.advance(Duration::from_millis(99));
    bench.waiters.expire(bench.clock.now(), &missing);
    assert!(bench.poll(&mut wait).is_pending());
    bench.clock.advance(Duration::from_millis(1));
    bench.waiters.expire(bench.clock.now(), &missing);
    assert_eq!((bench.rung(), bench.waiters.next_deadline()), (1, None));
    let Poll::Ready(Err(SendErrorKind::MetadataTimeout { waited, reason })) = bench.poll(&mut wait) else {
        panic!("it is over");
    };
    assert_eq!(waited, Duration::from_millis(100));
    assert!(reason.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{reason}");
}

// MD7, CL7
#[test]
fn close_ends_every_wait_and_those_that_come_later() {
    let bench = Bench::new();
    let mut waiting = bench.wait_for(Wanted::AnyMetadata);
    assert!(bench.poll(&mut waiting).is_pending());
    bench.waiters.close(&SendErrorKind::Closed);
    assert_eq!(bench.rung(), 1);
    let mut late = bench.wait_for(Wanted::Topic("t".into()));
    for wait in [&mut waiting, &mut late] {
        assert!(matches!(bench.poll(wait), Poll::Ready(Err(SendErrorKind::Closed))));
    }
}

// MD9, MD7
#[test]
fn a_forbidden_topic_ends_only_the_waits_for_it() {
    let bench = Bench::new();
    let mut forbidden = bench.wait_for(Wanted::Topic("secret".into()));
    let mut other = bench.wait_for(Wanted::Topic("t".into()));
    bench.waiters.serve(&cluster([Topic::failed("secret".into(), ErrorCode::TOPIC_AUTHORIZATION_FAILED)]));
    assert!(matches!(
        bench.poll(&mut forbidden),
        Poll::Ready(Err(SendErrorKind::Topic(ErrorCode::TOPIC_AUTHORIZATION_FAILED)))
    ));
    assert!(bench.poll(&mut other).is_pending());
}

// MD20
#[test]
fn a_partition_that_is_not_there_yet_is_asked_about_until_it_is() {
    let bench = Bench::new();
    let mut wait = bench.wait_for(Wanted::Partition("t".into(), PartitionId(2)));
    bench.waiters.serve(&cluster([topic("t", 2)]));
    assert!(bench.poll(&mut wait).is_pending());
    assert_eq!(bench.waiters.topics_to_refresh(), ["t".into()]);
    bench.waiters.serve(&cluster([topic("t", 3)]));
    assert!(matches!(bench.poll(&mut wait), Poll::Ready(Ok(()))));
    assert!(bench.waiters.topics_to_refresh().is_empty());
}

// MD7
#[test]
fn a_wait_that_is_dropped_leaves_nothing_behind() {
    let bench = Bench::new();
    let mut wait = bench.wait_for(Wanted::Topic("t".into()));
    assert!(bench.poll(&mut wait).is_pending());
    drop(wait);
    assert_eq!(bench.waiters.next_deadline(), None);
    assert!(bench.waiters.table.lock().list.is_empty());
    bench.waiters.serve(&cluster([topic("t", 1)]));
    assert_eq!(bench.rung(), 0);
}

// MD21
#[test]
fn a_cluster_that_answers_without_the_topic_is_not_told_as_one_that_does_not_answer() {
    let bench = Bench::new();
    let mut wait = bench.wait_for(Wanted::Topic("t".into()));
    let mut unanswered = bench.wait_for(Wanted::Topic("other".into()));
    let silent = cluster([topic("other", 0)]);
    bench.waiters.serve(&silent);
    bench.waiters.serve(&silent);
    bench.clock.advance(Duration::from_millis(100));
    bench.waiters.expire(bench.clock.now(), &silent);
    let reason = |wait: &mut MetadataWait| match bench.poll(wait) {
        Poll::Ready(Err(SendErrorKind::MetadataTimeout { reason, .. })) => reason.to_string(),
        other => panic!("it is over: {other:?}"),
    };
    assert_eq!(reason(&mut wait), "the cluster answered 2 times, and did not name the topic");
    assert_eq!(reason(&mut unanswered), "host:9092: no answer yet");
}

/// A waker of an executor that looks at the producer when a task of it is dropped.
struct LooksWhenDropped(Arc<MetadataWaiters>);

impl Wake for LooksWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for LooksWhenDropped {
    fn drop(&mut self) {
        assert!(self.0.topics().len() < 3);
    }
}

#[test]
fn a_waker_that_is_dropped_may_look_at_those_who_wait() {
    let bench = Bench::new();
    let poll = |wait: &mut MetadataWait| {
        let waker = Waker::from(Arc::new(LooksWhenDropped(Arc::clone(&bench.waiters))));
        assert!(Pin::new(wait).poll(&mut Context::from_waker(&waker)).is_pending());
    };
    let mut wait = bench.wait_for(Wanted::Topic("t".into()));
    poll(&mut wait);
    poll(&mut wait);
    drop(wait);
    let mut expires = bench.wait_for(Wanted::Topic("t".into()));
    poll(&mut expires);
    bench.clock.advance(Duration::from_millis(100));
    bench.waiters.expire(bench.clock.now(), &cluster([]));
    assert!(bench.poll(&mut expires).is_ready());
}
