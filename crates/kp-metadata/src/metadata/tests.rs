//! The machine's statements (behaviours MD*), played with hand-made answers and times.

use super::*;
use crate::Partition;
use kp_protocol::api::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kp_protocol::{KafkaString, Message, TopicId, WireBuf};
use kp_time::{Clock, ManualClock};

const MS: fn(u64) -> Duration = Duration::from_millis;
const NEWEST: i16 = 13;

struct Bench {
    metadata: Metadata,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut MetadataSettings)) -> Self {
        let now = ManualClock::new().now();
        let mut settings = MetadataSettings::default();
        change(&mut settings);
        let bootstrap = vec![address(0), address(0)];
        Self { metadata: Metadata::new(settings, bootstrap, now, 1), now }
    }

    fn due_in(&self) -> Option<Duration> {
        Some(self.metadata.next_update_at(self.now)?.saturating_duration_since(self.now))
    }

    fn wait(&mut self, by: Duration) {
        self.now += by;
    }

    fn want(&mut self, topic: &str) {
        self.metadata.want_topic(self.now, topic.into());
    }

    fn begin(&mut self) -> Pending {
        self.metadata.begin_request(self.now)
    }

    fn answer(&mut self, pending: Pending, response: &MetadataResponse) -> Updated {
        self.answer_in(NEWEST, pending, response)
    }

    fn answer_in(&mut self, version: i16, pending: Pending, response: &MetadataResponse) -> Updated {
        let mut body = WireBuf::with_capacity(response.size(version).expect("the version can say it"));
        response.put(version, &mut body);
        let answer = Answer::parse(&body.into_bytes(), version).expect("it was written so");
        self.metadata.answered(self.now, pending, answer)
    }

    fn fail(&mut self) {
        let pending = self.begin();
        self.metadata.failed(self.now, pending);
    }

    /// One whole request with its answer; says which topics were asked for, and whether those were the open ones only.
    fn round(&mut self, response: &MetadataResponse) -> ((Vec<TopicName>, bool), Updated) {
        let pending = self.begin();
        let asked = (pending.topics().to_vec(), pending.is_partial());
        (asked, self.answer(pending, response))
    }
}

fn address(id: i32) -> BrokerAddress {
    BrokerAddress { id: BrokerId(id), host: "host".into(), port: 9092, rack: None }
}

/// Brokers 1 and 2, and these topics.
fn response(topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
    let broker =
        |id| MetadataResponseBroker { node_id: id, host: "host".into(), port: 9092, ..Default::default() };
    MetadataResponse { brokers: vec![broker(1), broker(2)], controller_id: 1, topics, ..Default::default() }
}

fn good(name: &str, leader: i32, epoch: i32) -> MetadataResponseTopic {
    let partition =
        MetadataResponsePartition { leader_id: leader, leader_epoch: epoch, ..Default::default() };
    MetadataResponseTopic {
        name: Some(KafkaString::from(name)),
        topic_id: TopicId([7; 16]),
        partitions: vec![partition],
        ..Default::default()
    }
}

fn bad(name: &str, error: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic { error_code: error, name: Some(KafkaString::from(name)), ..Default::default() }
}

#[test]
fn the_first_update_is_due_at_once_and_asks_for_no_topic() {
    // MD1
    let mut bench = Bench::new();
    assert!(bench.metadata.snapshot().is_bootstrap());
    assert_eq!(bench.due_in(), Some(Duration::ZERO));
    let (asked, updated) = bench.round(&response(vec![]));
    assert_eq!((asked.0.len(), asked.1), (0, false));
    assert!(updated.changed && !bench.metadata.snapshot().is_bootstrap());
    assert_eq!(bench.metadata.snapshot().controller(), Some(BrokerId(1)));
    assert_eq!(bench.due_in(), Some(Duration::from_secs(300)), "the next one is due by age");
}

#[test]
fn failed_attempts_back_off_exponentially_and_a_success_resets_that() {
    // MD2
    let mut bench = Bench::new();
    for middle in [100u64, 200, 400, 800] {
        let pending = bench.begin();
        assert_eq!(bench.due_in(), None, "one request in flight (NC26)");
        bench.metadata.failed(bench.now, pending);
        let wait = bench.due_in().expect("a request is due");
        assert!(
            wait >= MS(middle * 8 / 10) && wait <= MS(middle * 12 / 10),
            "{wait:?} is not about {middle} ms"
        );
        bench.wait(wait);
    }
    bench.round(&response(vec![]));
    bench.metadata.request_update();
    assert!(bench.due_in().expect("due") <= MS(120));
}

#[test]
fn requested_updates_that_bring_nothing_new_back_off_until_something_changes() {
    // MD3
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    let mut waits = Vec::new();
    for _ in 0..4 {
        bench.metadata.request_update();
        waits.push(bench.due_in().expect("due"));
        bench.wait(MS(2000));
        assert!(!bench.round(&response(vec![good("t", 1, 5)])).1.changed);
    }
    assert!(waits[0] <= MS(120) && waits[1] > MS(150), "{waits:?}");
    assert!(
        waits[2..].iter().all(|wait| (MS(150)..=MS(240)).contains(wait)),
        "no longer than that: {waits:?}"
    );
    bench.metadata.request_update();
    bench.wait(MS(2000));
    assert!(bench.round(&response(vec![good("t", 2, 6)])).1.changed);
    bench.metadata.request_update();
    assert!(bench.due_in().expect("due") <= MS(120));
}

// MD3
#[test]
fn an_answer_that_differs_in_the_controller_alone_brings_nothing_new() {
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    let known = Arc::clone(bench.metadata.snapshot());
    let mut waits = Vec::new();
    for controller in [2, 1, 2] {
        bench.metadata.request_update();
        waits.push(bench.due_in().expect("due"));
        bench.wait(MS(2000));
        let answer = MetadataResponse { controller_id: controller, ..response(vec![good("t", 1, 5)]) };
        assert!(!bench.round(&answer).1.changed, "controller {controller}");
    }
    assert!(waits[1..].iter().all(|wait| *wait > MS(150)), "{waits:?}");
    assert!(Arc::ptr_eq(bench.metadata.snapshot(), &known));
}

#[test]
fn while_something_waits_for_a_leader_answers_that_bring_nothing_new_do_not_back_off() {
    // MD3
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    for _ in 0..4 {
        bench.metadata.await_leader();
        let wait = bench.due_in().expect("due");
        assert!((MS(80)..=MS(120)).contains(&wait), "{wait:?}");
        bench.wait(wait);
        assert!(!bench.round(&response(vec![good("t", 1, 5)])).1.changed);
    }
    bench.metadata.await_leader();
    bench.wait(MS(120));
    assert!(bench.round(&response(vec![good("t", 2, 6)])).1.changed, "there it is");
    bench.wait(MS(2000));
    assert!(!bench.round(&response(vec![good("t", 2, 6)])).1.changed);
    bench.metadata.request_update();
    assert!(bench.due_in().expect("due") > MS(150), "nothing waits any more");
}

#[test]
fn an_update_asked_for_while_one_is_in_flight_is_kept() {
    // MD4
    let mut bench = Bench::new();
    let pending = bench.begin();
    bench.metadata.request_update();
    assert_eq!(bench.due_in(), None);
    let _ = bench.answer(pending, &response(vec![]));
    assert!(bench.due_in().expect("due") <= MS(120));
}

#[test]
fn new_topics_are_asked_for_at_once_by_themselves_and_do_not_reset_the_age() {
    // MD5
    let mut bench = Bench::new();
    bench.want("a");
    bench.round(&response(vec![good("a", 1, 0)]));
    bench.wait(MS(100_000));
    bench.want("b");
    assert_eq!(bench.due_in(), Some(Duration::ZERO));
    let mut answer = response(vec![good("b", 2, 0)]);
    answer.topics[0].topic_id = TopicId([8; 16]);
    let (asked, updated) = bench.round(&answer);
    assert_eq!(asked, (vec![TopicName::from("b")], true));
    assert!(updated.changed);
    let snapshot = bench.metadata.snapshot();
    assert_eq!(snapshot.leader("a", PartitionId(0)), Some(BrokerId(1)), "merged");
    assert_eq!(snapshot.leader("b", PartitionId(0)), Some(BrokerId(2)));
    assert_eq!(bench.due_in(), Some(MS(200_000)));
}

#[test]
fn an_idle_topic_leaves_at_the_next_full_update_unless_it_was_never_answered() {
    // MD6
    let mut bench = Bench::with(|s| s.max_idle = MS(1000));
    for topic in ["idle", "used", "unanswered"] {
        bench.want(topic);
    }
    bench.round(&response(vec![good("idle", 1, 0), good("used", 1, 0)]));
    bench.wait(MS(1500));
    bench.metadata.touch(bench.now, &"used".into());
    bench.metadata.request_update();
    let (asked, _) = bench.round(&response(vec![good("used", 1, 0)]));
    assert_eq!(asked.0, [TopicName::from("unanswered"), TopicName::from("used")]);
    assert!(bench.metadata.snapshot().topic("idle").is_none());
    assert!(bench.metadata.snapshot().topic("used").is_some());
}

#[test]
fn a_forbidden_topic_shows_its_error_and_the_others_go_on() {
    // MD9
    let mut bench = Bench::new();
    bench.want("forbidden");
    bench.want("good");
    bench.round(&response(vec![bad("forbidden", ErrorCode::TOPIC_AUTHORIZATION_FAILED), good("good", 1, 0)]));
    let snapshot = Arc::clone(bench.metadata.snapshot());
    let error = |name: &str| snapshot.topic(name).and_then(|topic| topic.error());
    assert_eq!(error("forbidden"), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(error("good"), None);
    assert_eq!(bench.due_in(), Some(Duration::from_secs(300)), "no request of the machine's own");
    bench.want("forbidden");
    assert!(bench.due_in().expect("due") <= MS(120), "but the next send does");
}

#[test]
fn an_unknown_topic_is_asked_for_again_with_growing_backoff_until_it_is_there() {
    // MD16, MD21
    let mut bench = Bench::new();
    bench.round(&response(vec![]));
    bench.want("new");
    for _ in 0..5 {
        let (asked, _) = bench.round(&response(vec![bad("new", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]));
        assert_eq!((asked.0.len(), asked.1), (1, true));
        let wait = bench.due_in().expect("due");
        assert!(wait >= MS(80) && wait <= MS(1000), "{wait:?}");
        bench.wait(wait);
    }
    assert_eq!(
        bench.metadata.snapshot().topic("new").and_then(|topic| topic.error()),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    );
    bench.round(&response(vec![good("new", 1, 0)]));
    assert_eq!(bench.metadata.snapshot().topic("new").and_then(|topic| topic.error()), None);
    assert!(bench.due_in().expect("due") > MS(200_000));
}

#[test]
fn a_partition_without_a_leader_is_asked_for_again() {
    // MD16, MD12
    let mut bench = Bench::new();
    bench.want("t");
    let mut leaderless = good("t", -1, 3);
    leaderless.partitions[0].error_code = ErrorCode::LEADER_NOT_AVAILABLE;
    bench.round(&response(vec![leaderless]));
    assert!(bench.due_in().expect("due") <= MS(120));
}

#[test]
fn epochs_of_old_versions_are_not_trusted() {
    // MD11
    let mut bench = Bench::new();
    bench.want("t");
    let pending = bench.begin();
    let mut old = response(vec![good("t", 1, 5)]);
    old.topics[0].topic_id = TopicId::ZERO;
    let _ = bench.answer_in(8, pending, &old);
    let snapshot = bench.metadata.snapshot();
    assert_eq!(snapshot.partition("t", PartitionId(0)), Some(&Partition::led_by(BrokerId(1))));
}

#[test]
fn an_answer_without_brokers_is_a_failed_update() {
    // MD17
    let mut bench = Bench::new();
    let (_, updated) = bench.round(&MetadataResponse::default());
    assert!(!updated.changed && updated.failure.is_some());
    assert!(bench.metadata.snapshot().is_bootstrap());
    assert!(bench.due_in().expect("due") >= MS(80));
    bench.wait(MS(200));
    assert!(!bench.begin().is_partial(), "the full update is still wanted");
}

#[test]
fn an_answer_about_topics_without_interest_is_not_kept() {
    // MD19; with Metadata v0 an empty list asks for all topics
    let mut bench = Bench::new();
    bench.round(&response(vec![good("stranger", 1, 0)]));
    assert!(bench.metadata.snapshot().topic("stranger").is_none());
}

#[test]
fn a_snapshot_never_changes_and_the_id_map_belongs_to_it() {
    // MD18
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    let old = Arc::clone(bench.metadata.snapshot());
    bench.metadata.request_update();
    let mut created_again = good("t", 2, 0);
    created_again.topic_id = TopicId([9; 16]);
    bench.round(&response(vec![created_again]));
    assert_eq!(old.topic_name(TopicId([7; 16])).map(TopicName::as_str), Some("t"));
    assert_eq!(old.leader("t", PartitionId(0)), Some(BrokerId(1)));
    let new = bench.metadata.snapshot();
    assert!(new.version() > old.version());
    assert_eq!(new.topic_name(TopicId([7; 16])), None);
    assert_eq!(new.leader("t", PartitionId(0)), Some(BrokerId(2)), "epochs start anew with a new id (MD10)");
}

#[test]
fn a_leader_hint_is_taken_only_if_newer_of_a_known_broker_and_a_cached_partition() {
    // MD13, MD14
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    let topic = TopicName::from("t");
    let mut hint = |partition, leader, epoch, endpoints: &[BrokerAddress]| {
        bench.metadata.apply_leader_hint(
            &topic,
            PartitionId(partition),
            BrokerId(leader),
            LeaderEpoch(epoch),
            endpoints,
        )
    };
    assert!(!hint(0, 2, 5, &[]), "the same epoch");
    assert!(!hint(0, 3, 6, &[]), "an unknown broker");
    assert!(!hint(1, 2, 6, &[]), "a partition that is not cached");
    assert!(!hint(0, -1, -1, &[]), "no hint (MD15)");
    assert!(hint(0, 2, 6, &[]));
    assert!(hint(0, 3, 7, &[address(3)]), "a broker that the answer brings along");
    let snapshot = Arc::clone(bench.metadata.snapshot());
    assert_eq!(snapshot.leader("t", PartitionId(0)), Some(BrokerId(3)));
    assert_eq!(snapshot.brokers().count(), 3);
    assert!(bench.due_in().expect("due") <= MS(120), "a full update is asked for as well");
    assert!(!bench.begin().is_partial());
}

#[test]
fn rebootstrap_brings_back_the_bootstrap_list_and_keeps_the_topics_of_interest() {
    // MD23
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    assert!(bench.metadata.can_rebootstrap());
    bench.metadata.rebootstrap(bench.now, None);
    assert!(bench.metadata.snapshot().is_bootstrap() && !bench.metadata.can_rebootstrap());
    assert_eq!(bench.due_in(), Some(Duration::ZERO));
    let (asked, _) = bench.round(&response(vec![good("t", 1, 5)]));
    assert_eq!(asked.0, [TopicName::from("t")]);
    assert_eq!(bench.metadata.snapshot().leader("t", PartitionId(0)), Some(BrokerId(1)));
}

#[test]
fn without_an_answer_for_the_trigger_time_the_bootstrap_list_is_due() {
    // MD24
    let mut bench = Bench::with(|s| s.rebootstrap_trigger = MS(5000));
    bench.round(&response(vec![]));
    assert_eq!(bench.metadata.rebootstrap_at(), None);
    bench.wait(Duration::from_secs(300));
    let began = bench.now;
    bench.fail();
    bench.wait(MS(1000));
    bench.fail();
    assert_eq!(bench.metadata.rebootstrap_at(), Some(began + MS(5000)), "counted from the first attempt");
}

#[test]
fn a_broker_may_ask_to_start_over_and_the_strategy_none_refuses() {
    // MD24, MD25
    let asks = MetadataResponse { error_code: ErrorCode::REBOOTSTRAP_REQUIRED, ..response(vec![]) };
    let mut bench = Bench::new();
    bench.round(&response(vec![]));
    assert!(bench.round(&asks).1.rebootstrapped);
    assert!(bench.metadata.snapshot().is_bootstrap());

    let mut bench = Bench::with(|s| s.rebootstrap = false);
    bench.round(&response(vec![]));
    let (_, updated) = bench.round(&asks);
    assert_eq!((updated.rebootstrapped, updated.failure), (false, Some(ErrorCode::REBOOTSTRAP_REQUIRED)));
    assert!(!bench.metadata.snapshot().is_bootstrap());
}

#[test]
fn a_broken_partition_index_reserves_no_memory() {
    let mut bench = Bench::new();
    bench.want("t");
    let mut broken = good("t", 1, 0);
    broken.partitions[0].partition_index = i32::MAX;
    bench.round(&response(vec![broken]));
    assert_eq!(bench.metadata.snapshot().topic("t").map(|topic| topic.partitions().len()), Some(1));
    assert_eq!(bench.metadata.snapshot().leader("t", PartitionId(0)), None);
}

#[test]
fn the_age_counts_from_the_last_full_answer() {
    // MD27
    let mut bench = Bench::new();
    assert_eq!(bench.metadata.age(bench.now), None);
    bench.round(&response(vec![]));
    bench.wait(MS(70));
    assert_eq!(bench.metadata.age(bench.now), Some(MS(70)));
}

#[test]
fn a_name_that_no_message_can_carry_is_refused_without_asking() {
    // MD9
    let mut bench = Bench::new();
    bench.round(&response(vec![]));
    let name = "x".repeat(40_000);
    bench.want(&name);
    let error = bench.metadata.snapshot().topic(&name).and_then(|topic| topic.error());
    assert_eq!(error, Some(ErrorCode::INVALID_TOPIC_EXCEPTION));
    assert!(bench.due_in().expect("due") > MS(200_000));
}

#[test]
fn a_topic_whose_leader_is_gone_is_asked_for_again_by_itself() {
    // AC12
    let mut bench = Bench::new();
    bench.want("t");
    bench.round(&response(vec![good("t", 1, 5)]));
    bench.metadata.refresh_topic(bench.now, "t".into());
    assert!(bench.due_in().expect("due") <= MS(120));
    bench.wait(MS(200));
    let pending = bench.begin();
    assert_eq!((pending.topics(), pending.is_partial()), (&[TopicName::from("t")][..], true));
}

// MD25
#[test]
fn with_the_strategy_none_nothing_brings_the_bootstrap_list_back() {
    let mut bench = Bench::with(|settings| settings.rebootstrap = false);
    bench.round(&response(vec![]));
    let known = Arc::clone(bench.metadata.snapshot());
    bench.fail();
    bench.wait(MS(3_600_000));
    assert!(!bench.metadata.can_rebootstrap());
    assert_eq!(bench.metadata.rebootstrap_at(), None);
    bench.metadata.rebootstrap(bench.now, None);
    assert!(Arc::ptr_eq(bench.metadata.snapshot(), &known), "the known brokers stay");
}
