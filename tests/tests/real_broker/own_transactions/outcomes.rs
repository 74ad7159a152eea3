//! Transactions that are committed, aborted and dropped, one after the other, each over several partitions and with the offsets of
//! a group.

use kp_producer::blocking::Transaction;
use kp_producer::{CommittedOffset, GroupMetadata, TopicPartition};

use super::ground::{Ground, PARTITIONS};
use super::is_full;
use super::written::Written;

/// How the transactions of a producer end, in turn.
pub(super) const ENDS: [End; 7] =
    [End::Commit, End::Abort, End::Commit, End::Drop, End::Commit, End::Drop, End::Abort];
/// The producer whose log the dump is looked at.
pub(super) const DUMPED: &str = "outcomes-none";
const RECORDS: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Abort,
    /// The guard is let go of.
    Drop,
}

/// TX21, TX36, L1, L2, L13: what is visible, and where the group goes on, is what each end said.
pub(super) fn committed_aborted_and_dropped_transactions_of_several_codecs(ground: &Ground) -> Vec<Written> {
    let mut codecs = vec!["none", "lz4"];
    if is_full() {
        codecs.extend(["gzip", "snappy"]);
        codecs.extend(cfg!(feature = "zstd").then_some("zstd"));
    }
    codecs.into_iter().map(|codec| of_codec(ground, codec)).collect()
}

fn of_codec(ground: &Ground, codec: &str) -> Written {
    let id = format!("outcomes-{codec}");
    let mut written = Written::to(ground.topic(&id));
    let mut producer = ground.producer(&id, &[("compression.type", codec)]);
    let mut moved_to = -1;
    for (number, end) in (1..).zip(ENDS) {
        let transaction = producer.begin().expect("it begins");
        for record in 0..RECORDS {
            written.send(&transaction, &format!("{number}: {record}"));
        }
        send_offset(&transaction, &id, number * 10);
        match end {
            End::Commit => {
                let committed = transaction.commit().expect("it is committed");
                assert_eq!((committed.records, committed.groups), (RECORDS as u64 * PARTITIONS as u64, 1));
                written.committed(&format!("{number}:"));
                moved_to = number * 10;
            }
            // All of it shall be in the log.
            End::Abort => {
                transaction.flush().expect("it may wait here");
                let aborted = transaction.abort().expect("it is aborted");
                assert_eq!(aborted.in_log, RECORDS as u64 * PARTITIONS as u64);
            }
            End::Drop => {
                transaction.flush().expect("it may wait here");
                drop(transaction);
            }
        }
        assert_eq!(ground.committed_offset(&id, &id), moved_to, "{id}: {number}, {end:?}");
    }
    written
}

/// The offset of partition 0 of the topic of that name, for the group of that name.
pub(super) fn send_offset(transaction: &Transaction<'_>, name: &str, offset: i64) {
    let group =
        GroupMetadata { group_id: name.into(), generation: -1, member_id: "".into(), instance_id: None };
    let offset = CommittedOffset { offset, leader_epoch: None, metadata: None };
    transaction.send_offsets([(TopicPartition::new(name, 0), offset)], &group).expect("they are in");
}
