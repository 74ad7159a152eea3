//! Requests of one transaction that a network holds back, and delivers while the next one is open (KAFKA-17754, KIP-890). Their
//! client has long asked again, or given up.
//!
//! Without another epoch behind such a transaction (TC2), 3.9.1 lets each of them into the next one.

use kp_producer::blocking::{Transaction, TransactionalProducer};
use kp_producer::{EndError, ProducerRecord};
use kp_protocol::api::{
    AddPartitionsToTxnRequest, EndTxnRequest, EndTxnResponse, ProduceRequest, TxnOffsetCommitRequest,
};
use kp_protocol::{ApiKey, ErrorCode};

use super::ground::{Ground, PARTITIONS};
use super::outcomes::send_offset;
use super::written::Written;
use crate::until::wait_until;

/// Its group, and its topic.
pub(super) const LATE_OFFSETS: &str = "late-offsets";

/// TC1, TC2, TC3, TM-E15: the copy of a commit that was answered long ago.
pub(super) fn a_late_commit_ends_no_later_transaction(ground: &Ground) -> Vec<Written> {
    let id = "late-commit";
    let mut written = Written::to(ground.topic(id));
    let mut producer = ground.remote_producer(id, &[]);
    let late = ground.network().hold(ApiKey::EndTxn, id);
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "1");
    transaction.commit().expect("it is committed when it is asked for again");
    written.committed("1");
    let late = late.wait();

    // This one is aborted at last: nothing of it may ever be visible.
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "2");
    transaction.flush().expect("it may wait here");
    let answer: EndTxnResponse = late.deliver::<EndTxnRequest>();
    transaction.abort().expect("it is still there to be aborted");
    assert_eq!(answer.error_code, ErrorCode::PRODUCER_FENCED, "the late commit");
    a_last_one_is_committed(&mut producer, &mut written);
    vec![written]
}

/// TC1, TC2, TC3, TM-E15, TM-L3: the same of an abort.
pub(super) fn a_late_abort_ends_no_later_transaction(ground: &Ground) -> Vec<Written> {
    let id = "late-abort";
    let mut written = Written::to(ground.topic(id));
    let mut producer = ground.remote_producer(id, &[]);
    let late = ground.network().hold(ApiKey::EndTxn, id);
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "1");
    transaction.flush().expect("it may wait here");
    transaction.abort().expect("it is aborted when it is asked for again");
    let late = late.wait();

    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "2");
    transaction.flush().expect("it may wait here");
    let answer: EndTxnResponse = late.deliver::<EndTxnRequest>();
    written.send(&transaction, "2 again");
    transaction.commit().expect("it is still there to be committed");
    written.committed("2");
    assert_eq!(answer.error_code, ErrorCode::PRODUCER_FENCED, "the late abort");
    a_last_one_is_committed(&mut producer, &mut written);
    vec![written]
}

/// TC2, TM-L2: it would open a transaction that nobody ends. Where Produce adds partitions there is no such request.
pub(super) fn a_late_addition_opens_no_transaction(ground: &Ground) -> Vec<Written> {
    if ground.has_second_protocol() {
        return Vec::new();
    }
    let id = "late-addition";
    let mut written = Written::to(ground.topic(id));
    let mut producer = ground.remote_producer(id, &[]);
    let late = ground.network().hold(ApiKey::AddPartitionsToTxn, id);
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "1");
    transaction.commit().expect("it is committed");
    written.committed("1");
    let late = late.wait();
    // The network delivers it behind the next epoch, which is asked for at once.
    wait_until(|| ground.state_of(id).transaction_state == "Empty", "another epoch");

    let answer = late.deliver::<AddPartitionsToTxnRequest>();
    let code = answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
    assert_eq!(ground.state_of(id).transaction_state, "Empty", "nothing is open");
    assert_eq!(code, ErrorCode::PRODUCER_FENCED, "the late addition");
    a_last_one_is_committed(&mut producer, &mut written);
    vec![written]
}

/// TC2, TC11, TX12, TX33, TM-L1: a record that was told to be aborted is not visible through the next transaction.
pub(super) fn a_late_record_that_had_expired_is_in_no_later_transaction(ground: &Ground) -> Vec<Written> {
    let id = "late-expired";
    let mut written = Written::to(ground.topic(id));
    let patience = [("request.timeout.ms", "3000"), ("delivery.timeout.ms", "3000"), ("linger.ms", "0")];
    let mut producer = ground.remote_producer(id, &patience);
    let late = ground.network().hold(ApiKey::Produce, id);
    let transaction = producer.begin().expect("it begins");
    let record = ProducerRecord::to(id).partition(0).key("1").value("1 in 0");
    let delivery = transaction.send(record).expect("accepted");
    written.sent(0, "1 in 0");
    written.not_all_in_log();
    drop(delivery.wait().expect_err("no answer came"));
    let error = transaction.commit().expect_err("a record is missing");
    assert!(matches!(error, EndError::Aborted(_)), "{error}");
    let late = late.wait();

    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "2");
    transaction.flush().expect("it may wait here");
    let code = answer_to(&late.deliver::<ProduceRequest>());
    written.send(&transaction, "2 again");
    transaction.commit().expect("it is committed");
    written.committed("2");
    assert_eq!(code, ErrorCode::INVALID_PRODUCER_EPOCH, "the late record");
    a_last_one_is_committed(&mut producer, &mut written);
    vec![written]
}

/// TC2, TM-E13: by the older protocol a copy of an acknowledged batch may be taken for the next transaction's first, which
/// costs that transaction. It is told so then, and nothing of it is visible.
pub(super) fn a_late_copy_of_an_acknowledged_record_does_no_harm(ground: &Ground) -> Vec<Written> {
    let id = "late-acknowledged";
    let mut written = Written::to(ground.topic(id));
    written.not_all_in_log();
    let mut producer = ground.remote_producer(id, &[]);
    let late = ground.network().hold(ApiKey::Produce, id);
    let transaction = producer.begin().expect("it begins");
    send_one(&transaction, &mut written, "1");
    transaction.commit().expect("it is committed");
    written.committed("1");
    let late = late.wait();
    ground.wait_until_ended(id);

    // The next one's own first batch is slower than that copy.
    let slow = ground.network().hold(ApiKey::Produce, id);
    let transaction = producer.begin().expect("it begins");
    send_one(&transaction, &mut written, "2");
    let slow = slow.wait();
    let copy = answer_to(&late.deliver::<ProduceRequest>());
    let first = answer_to(&slow.deliver::<ProduceRequest>());
    let ended = transaction.commit();
    eprintln!("    {}: the copy {copy}, the next batch {first}, {ended:?}", ground.version());
    match ended {
        Ok(_) => written.committed("2"),
        Err(error) => assert!(matches!(error, EndError::Aborted(_)), "{error}"),
    }
    a_last_one_is_committed(&mut producer, &mut written);
    vec![written]
}

/// TC2, TM-L11: the group goes on where the last transaction said; [`assert_group_went_on`] looks.
pub(super) fn late_offsets_take_no_group_back(ground: &Ground) -> Vec<Written> {
    let id = LATE_OFFSETS;
    let mut written = Written::to(ground.topic(id));
    let mut producer = ground.remote_producer(id, &[]);
    let late = ground.network().hold(ApiKey::TxnOffsetCommit, id);
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "1");
    send_offset(&transaction, id, 5);
    transaction.commit().expect("it is committed");
    written.committed("1");
    let late = late.wait();
    assert_eq!(ground.committed_offset(id, id), 5);

    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "2");
    send_offset(&transaction, id, 10);
    let answer = late.deliver::<TxnOffsetCommitRequest>();
    transaction.commit().expect("it is committed");
    written.committed("2");
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    if ground.has_second_protocol() {
        assert_group_went_on(ground);
    }
    a_last_one_is_committed(&mut producer, &mut written);
    vec![written]
}

/// Once the group's coordinator has read its log: that of 3.9 drops from memory, and from there only, what a transaction has
/// pending when it refuses a late copy for its epoch, and tells the older offset until it is loaded again. No client can prevent that.
pub(super) fn assert_group_went_on(ground: &Ground) {
    let offset = ground.committed_offset(LATE_OFFSETS, LATE_OFFSETS);
    assert_eq!(offset, 10, "{}: the late offset is not there", ground.version());
}

/// The producer is good behind all that.
fn a_last_one_is_committed(producer: &mut TransactionalProducer, written: &mut Written) {
    let transaction = producer.begin().expect("it begins");
    written.send(&transaction, "last");
    let committed = transaction.commit().expect("it is committed");
    assert_eq!(committed.records, PARTITIONS as u64);
    written.committed("last");
}

/// A record into partition 0.
fn send_one(transaction: &Transaction<'_>, written: &mut Written, name: &str) {
    let value = format!("{name} in 0");
    let record = ProducerRecord::to(written.topic()).partition(0).key(name).value(&value);
    drop(transaction.send(record).expect("accepted"));
    written.sent(0, &value);
}

fn answer_to(produce: &kp_protocol::api::ProduceResponse) -> ErrorCode {
    produce.responses[0].partition_responses[0].error_code
}
