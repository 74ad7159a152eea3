//! The transactions of a producer of kp at clusters of three brokers, Apache Kafka 4.3.0 and 3.9.1, judged by Kafka's own readers
//! and tools: whatever an end said, Java's reader of committed records sees just that. Needs Java 17 and Maven.
//!
//! Two codecs, and one lost leader, unless `KP_FULL=1`: then all codecs, and each broker is lost once.

mod fencing;
mod ground;
mod judges;
mod late;
mod left_open;
mod lost_broker;
mod outcomes;
mod written;

use std::thread::ScopedJoinHandle;

use self::ground::Ground;
use self::judges::HandMade;
use self::written::Written;
use crate::turn;

// TC1, TC2, TC3, TC4, TC12, TC15, TC21, TX3, TX12, TX15, TX21, TX24, TX27, TX36
#[test]
fn readers_and_tools_of_kafka_4_3_find_what_each_end_of_a_transaction_said() {
    assert_judged("4.3.0");
}

// TC1, TC2, TC3, TC4, TC12, TC15, TC21, TX3, TX12, TX15, TX21, TX24, TX36
#[test]
fn readers_and_tools_of_kafka_3_9_find_what_each_end_of_a_transaction_said() {
    assert_judged("3.9.1");
}

/// One of the things that are done to a cluster; what it leaves in the logs.
type Part = fn(&Ground) -> Vec<Written>;

const SIDE_BY_SIDE: [(&str, Part); 9] = [
    ("outcomes", outcomes::committed_aborted_and_dropped_transactions_of_several_codecs),
    ("late commit", late::a_late_commit_ends_no_later_transaction),
    ("late abort", late::a_late_abort_ends_no_later_transaction),
    ("late addition", late::a_late_addition_opens_no_transaction),
    ("late expired record", late::a_late_record_that_had_expired_is_in_no_later_transaction),
    ("late acknowledged record", late::a_late_copy_of_an_acknowledged_record_does_no_harm),
    ("late offsets", late::late_offsets_take_no_group_back),
    ("fencing", fencing::the_older_of_two_is_told_fenced_and_never_fences_back),
    ("timeouts", fencing::a_transaction_that_timed_out_is_told_as_such),
];

fn is_full() -> bool {
    std::env::var_os("KP_FULL").is_some()
}

fn assert_judged(version: &str) {
    let _turn = turn::alone();
    let ground = Ground::start(version);
    let mut written = side_by_side(&ground);
    written.extend(lost_broker::transactions_go_on_when_a_broker_is_killed(&ground));
    late::assert_group_went_on(&ground);
    let mut open = left_open::Holder::new(&ground);
    let (held, left_open) = open.hold(&ground);
    written.push(left_open);
    written::assert_readers_see(&ground, &written);
    judges::assert_only_open(&ground, left_open::ID);
    drop(held);
    judges::assert_epochs_and_markers(&ground);
    ground.wait_until_ended(left_open::ID);
    let by_hand = HandMade::leave(&ground);
    judges::assert_only_hanging(&ground, &by_hand);
    judges::assert_none_open(&ground);
    ground.stop();
}

fn side_by_side(ground: &Ground) -> Vec<Written> {
    std::thread::scope(|scope| {
        let running: Vec<(&str, ScopedJoinHandle<'_, Vec<Written>>)> =
            SIDE_BY_SIDE.iter().map(|&(name, part)| (name, scope.spawn(move || part(ground)))).collect();
        let ended = running.into_iter().map(|(name, part)| {
            part.join().unwrap_or_else(|_| panic!("{name} at {}: see above", ground.version()))
        });
        ended.flatten().collect()
    })
}
