//! Offsets of a consumer group within a transaction (KIP-447).

use crate::harness::*;
use crate::transactions::*;
use kp_client::ClientRequest;
use kp_protocol::api::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kp_protocol::{ApiKey, ErrorCode, TopicPartition};
use kp_sender::{
    CommittedOffset, GroupMetadata, TransactionEnd, TransactionFailure, TransactionFailureKind,
    TransactionInput, TransactionOutput,
};

const COMMIT: ApiKey = ApiKey::TxnOffsetCommit;

fn member() -> GroupMetadata {
    GroupMetadata { group_id: "readers".into(), generation: 3, member_id: "m-1".into(), instance_id: None }
}

fn at(partition: i32, offset: i64) -> (TopicPartition, CommittedOffset) {
    let committed = CommittedOffset { offset, leader_epoch: Some(7), metadata: None };
    (TopicPartition::new("in", partition), committed)
}

fn send_offsets(harness: &mut Harness, ticket: u64, offsets: Vec<(TopicPartition, CommittedOffset)>) {
    wish(harness, TransactionInput::SendOffsets { ticket, group: member(), offsets });
}

fn answer_commit(
    harness: &mut Harness,
    (request, asked): &(ClientRequest, TxnOffsetCommitRequest),
    code: impl Fn(i32) -> i16,
) {
    let topics = asked.topics.iter().map(|topic| TxnOffsetCommitResponseTopic {
        name: topic.name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: ErrorCode(code(partition.partition_index)),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    let response = TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() };
    respond(harness, request, &response);
}

/// Answers the oldest TxnOffsetCommit, and says what it was about.
fn commit(harness: &mut Harness, code: impl Fn(i32) -> i16) -> Vec<(i32, i64)> {
    let taken = take::<TxnOffsetCommitRequest>(harness, COMMIT);
    answer_commit(harness, &taken, code);
    about(&taken.1)
}

fn about(asked: &TxnOffsetCommitRequest) -> Vec<(i32, i64)> {
    let partitions = asked.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition_index, partition.committed_offset)).collect()
}

fn add_group(harness: &mut Harness, code: i16) {
    let (request, asked) = take::<AddOffsetsToTxnRequest>(harness, ApiKey::AddOffsetsToTxn);
    assert_eq!((asked.transactional_id.as_str(), asked.group_id.as_str()), ("inv-1", "readers"));
    assert_eq!((request.broker, asked.producer_id, asked.producer_epoch), (COORDINATOR, 900, 5));
    let response = AddOffsetsToTxnResponse { error_code: ErrorCode(code), ..Default::default() };
    respond(harness, &request, &response);
}

fn results(harness: &Harness) -> Vec<(u64, Result<(), TransactionFailureKind>)> {
    let sent = harness.transactions.iter().filter_map(|told| match told {
        TransactionOutput::OffsetsSent { ticket, result } => {
            Some((*ticket, result.clone().map_err(|why: TransactionFailure| why.kind)))
        }
        _ => None,
    });
    sent.collect()
}

// TX21, TX27, TC16, TC17
#[test]
fn by_the_second_protocol_the_groups_coordinator_is_asked_alone() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    send_offsets(&mut harness, 8, vec![at(1, 10), at(0, 5)]);
    let lookup = find_coordinator(&mut harness);
    assert_eq!((lookup.key_type, lookup.coordinator_keys[0].as_str()), (0, "readers"));
    assert_eq!(asked(&harness, ApiKey::AddOffsetsToTxn), 0);
    let taken = take::<TxnOffsetCommitRequest>(&mut harness, COMMIT);
    let (request, said) = &taken;
    assert_eq!(
        (request.version, said.transactional_id.as_str(), said.group_id.as_str()),
        (5, "inv-1", "readers")
    );
    assert_eq!((said.generation_id_or_member_epoch, said.member_id.as_str()), (3, "m-1"));
    assert_eq!((said.producer_id, said.producer_epoch), (900, 5));
    assert_eq!(about(said), [(0, 5), (1, 10)]);
    assert_eq!(said.topics[0].partitions[0].committed_leader_epoch, 7);
    end(&mut harness, 1, true);
    assert_eq!(asked(&harness, ApiKey::EndTxn), 0, "L12: not while it is unanswered");
    answer_commit(&mut harness, &taken, |_| 0);
    assert_eq!(results(&harness), [(8, Ok(()))]);
    let (request, what) = take_end(&mut harness);
    assert!(what.0, "offsets alone are a transaction");
    answer_end(&mut harness, &request, 0, (900, 6));
    assert_eq!(ends(&harness), committed_with(1, 5, 0));
}

// TX26, TX16
#[test]
fn by_the_second_protocol_only_offsets_need_a_coordinator_that_takes_them_and_one_that_does_not_ends_no_producer()
 {
    let mut harness = initialized(v2_without_offsets());
    begin(&mut harness, 1);
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    assert_eq!(taken.request.version, 13, "the second protocol");
    harness.acknowledge(&taken);
    end(&mut harness, 1, true);
    let (request, _) = take_end(&mut harness);
    assert_eq!(request.version, 5);
    answer_end(&mut harness, &request, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
    harness.transactions.clear();
    begin(&mut harness, 2);
    send_offsets(&mut harness, 8, vec![at(0, 5)]);
    find_coordinator(&mut harness);
    assert_eq!(asked(&harness, COMMIT), 0);
    let [(8, Err(TransactionFailureKind::Unsupported { reason }))] = &results(&harness)[..] else {
        panic!("{:?}", harness.transactions);
    };
    assert!(reason.contains("TxnOffsetCommit 5"), "{reason}");
    assert_eq!(dooms(&harness).len(), 1);
    end(&mut harness, 2, true);
    assert!(
        matches!(ends(&harness)[..], [(2, TransactionEnd::Aborted { .. })]),
        "{:?}",
        harness.transactions
    );
    assert!(harness.fatal.is_empty(), "the next transaction may go without offsets");
}

// TX21, TC8
#[test]
fn by_the_first_protocol_the_group_is_added_once_before_its_offsets() {
    let mut harness = initialized(v1());
    begin(&mut harness, 1);
    send_offsets(&mut harness, 1, vec![at(0, 5)]);
    add_group(&mut harness, 0);
    find_coordinator(&mut harness);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 5)]);
    send_offsets(&mut harness, 2, vec![at(0, 6)]);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 6)], "not added again, not looked up again");
    assert_eq!(results(&harness), [(1, Ok(())), (2, Ok(()))]);
    end(&mut harness, 1, true);
    let (request, what) = take_end(&mut harness);
    assert!(what.0);
    answer_end(&mut harness, &request, 0, (-1, -1));
    begin(&mut harness, 2);
    send_offsets(&mut harness, 3, vec![at(0, 7)]);
    assert_eq!(asked(&harness, COMMIT), 0, "the next transaction adds it again");
    add_group(&mut harness, 0);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 7)]);
}

// TX22, TX19
#[test]
fn what_was_refused_for_a_while_is_asked_for_again_alone() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    send_offsets(&mut harness, 1, vec![at(0, 5), at(1, 6), at(2, 7)]);
    find_coordinator(&mut harness);
    commit(&mut harness, |partition| if partition == 0 { 0 } else { 14 });
    assert_eq!(results(&harness), []);
    harness.advance(SECOND);
    commit(&mut harness, |partition| if partition == 1 { 0 } else { 16 });
    assert_eq!(find_coordinator(&mut harness).key_type, 0, "the group's is looked up");
    harness.advance(SECOND);
    assert_eq!(commit(&mut harness, |_| 0), [(2, 7)]);
    assert_eq!(results(&harness), [(1, Ok(()))]);
}

// TX16, TC16, TM-O15, O34
#[test]
fn a_member_that_has_lost_its_partitions_dooms_the_transaction_and_not_the_producer() {
    for code in [22, 25, 82, 113, 30, 12, 120] {
        let mut harness = initialized(v2());
        begin(&mut harness, 1);
        send_offsets(&mut harness, 1, vec![at(0, 5)]);
        find_coordinator(&mut harness);
        commit(&mut harness, |_| code);
        let [(1, Err(why))] = &results(&harness)[..] else { panic!("{code}") };
        if code != 30 {
            assert_eq!(*why, TransactionFailureKind::Offsets(ErrorCode(code)));
        }
        assert_eq!(dooms(&harness), std::slice::from_ref(why));
        end(&mut harness, 1, true);
        let (request, what) = take_end(&mut harness);
        assert!(!what.0 && harness.fatal.is_empty());
        answer_end(&mut harness, &request, 0, (900, 6));
        assert_eq!(why_aborted(&harness).kind, *why);
    }
}

/// A first offset whose answer was lost; its repeat is the next request.
fn asked_again(versions: kp_protocol::BrokerVersions) -> Harness {
    let is_v1 = versions == v1();
    let mut harness = initialized(versions);
    begin(&mut harness, 1);
    send_offsets(&mut harness, 1, vec![at(0, 5)]);
    if is_v1 {
        add_group(&mut harness, 0);
    }
    find_coordinator(&mut harness);
    let (request, _) = take::<TxnOffsetCommitRequest>(&mut harness, COMMIT);
    cut(&mut harness, &request);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    harness
}

// TC2, TM-L11
#[test]
fn offsets_that_were_not_answered_once_are_followed_by_another_epoch() {
    let mut harness = asked_again(v1());
    commit(&mut harness, |_| 0);
    assert_eq!(results(&harness), [(1, Ok(()))]);
    end(&mut harness, 1, true);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (-1, -1));
    assert_eq!(ends(&harness), committed_with(1, 5, 0));
    let init = give_pair(&mut harness, ErrorCode::NONE, (900, 6));
    assert_eq!((init.producer_id, init.producer_epoch), (900, 5));
}

// TX11, TC11, L12, PB20
#[test]
fn an_abort_awaits_offsets_that_are_under_way_and_refuses_those_behind() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    send_offsets(&mut harness, 1, vec![at(0, 5)]);
    find_coordinator(&mut harness);
    let taken = take::<TxnOffsetCommitRequest>(&mut harness, COMMIT);
    send_offsets(&mut harness, 2, vec![at(0, 6)]);
    let why = TransactionFailure::of(TransactionFailureKind::SendRefused { reason: "too late".into() });
    wish(&mut harness, TransactionInput::Doom { number: 1, why: why.clone() });
    assert_eq!(results(&harness), [(2, Err(why.kind.clone()))]);
    end(&mut harness, 1, true);
    assert_eq!(asked(&harness, ApiKey::EndTxn), 0);
    cut(&mut harness, &taken.0);
    assert_eq!(results(&harness)[1], (1, Err(why.kind)), "it is not asked again");
    let (request, what) = take_end(&mut harness);
    assert!(!what.0);
    answer_end(&mut harness, &request, 0, (900, 6));
    assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Aborted { .. })]));
}

// TC10, L12, L13, PB20
#[test]
fn a_commit_waits_for_offsets_that_are_to_be_asked_for_again() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    send_offsets(&mut harness, 1, vec![at(0, 5)]);
    find_coordinator(&mut harness);
    commit(&mut harness, |_| 14);
    end(&mut harness, 1, true);
    assert_eq!(asked(&harness, ApiKey::EndTxn), 0, "nothing is under way, and they are not in it yet");
    harness.advance(SECOND);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 5)]);
    assert!(take_end(&mut harness).1.0);
}

// TX21, TC22, TM-O14, O27, O32
#[test]
fn what_a_broker_would_take_and_should_not_is_refused_before() {
    let mut harness = initialized(v2());
    send_offsets(&mut harness, 1, vec![at(0, 5)]);
    begin(&mut harness, 1);
    send_offsets(&mut harness, 2, vec![at(0, -1)]);
    for (ticket, group_id, generation, member_id) in [(3, "", -1, ""), (4, "g", 3, ""), (5, "g", -1, "m-1")] {
        let group = GroupMetadata {
            group_id: group_id.into(),
            generation,
            member_id: member_id.into(),
            instance_id: None,
        };
        wish(&mut harness, TransactionInput::SendOffsets { ticket, group, offsets: vec![at(0, 5)] });
    }
    send_offsets(&mut harness, 6, Vec::new());
    let results = results(&harness);
    assert!(results[..5].iter().all(|(_, result)| result.is_err()), "{results:?}");
    assert_eq!(results[5], (6, Ok(())), "nothing to send is no request");
    assert!(harness.requests.is_empty() && dooms(&harness).is_empty());
}

// TX21, L13
#[test]
fn of_a_partition_that_is_named_more_than_once_the_last_offset_counts() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    // As a loop collects them that notes each record it has read.
    let noted = (1..=90).flat_map(|offset| [at(1, offset), at(0, offset + 100)]);
    send_offsets(&mut harness, 1, noted.collect());
    find_coordinator(&mut harness);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 190), (1, 90)]);
    assert_eq!(results(&harness), [(1, Ok(()))]);
}

/// Two offsets for one partition in one transaction, and the answer to the first lost.
fn second_behind_a_lost_first(versions: kp_protocol::BrokerVersions, second: i64) -> Harness {
    let mut harness = asked_again(versions);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 5)]);
    send_offsets(&mut harness, 2, vec![at(0, second)]);
    harness
}

// TM-L11, TC16, L13
#[test]
fn offsets_are_not_moved_on_in_a_transaction_in_which_a_late_copy_could_set_them_back() {
    for versions in [v1(), v2()] {
        let mut harness = second_behind_a_lost_first(versions, 10);
        assert_eq!(asked(&harness, COMMIT), 0, "a late copy of the first would win over it");
        let [(1, Ok(())), (2, Err(why))] = &results(&harness)[..] else { panic!("{:?}", results(&harness)) };
        assert_eq!(dooms(&harness), std::slice::from_ref(why));
        end(&mut harness, 1, true);
        let (_, what) = take_end(&mut harness);
        assert!(!what.0 && harness.fatal.is_empty());
    }
}

// TM-L11
#[test]
fn a_late_copy_that_says_the_same_or_belongs_to_the_last_transaction_stands_in_no_way() {
    let mut harness = second_behind_a_lost_first(v2(), 5);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 5)], "the same");
    send_offsets(&mut harness, 3, vec![at(1, 8)]);
    assert_eq!(commit(&mut harness, |_| 0), [(1, 8)], "another partition");
    end(&mut harness, 1, true);
    let (request, what) = take_end(&mut harness);
    assert!(what.0);
    answer_end(&mut harness, &request, 0, (900, 6));
    begin(&mut harness, 2);
    send_offsets(&mut harness, 4, vec![at(0, 10)]);
    assert_eq!(commit(&mut harness, |_| 0), [(0, 10)]);
}

// TC10, TC20, L10
#[test]
fn a_commit_does_not_wait_for_ever_for_offsets_that_nobody_takes() {
    for code in [3, 14, 16, 7] {
        let mut harness = initialized(v2());
        begin(&mut harness, 1);
        harness.send(0);
        harness.run();
        let taken = harness.take_produce();
        harness.acknowledge(&taken);
        send_offsets(&mut harness, 1, vec![at(0, 5)]);
        end(&mut harness, 1, true);
        let begun = harness.now();
        while results(&harness).is_empty() {
            assert!(harness.now() - begun < SECOND * 130, "{code}: longer than delivery.timeout.ms");
            if asked(&harness, ApiKey::FindCoordinator) > 0 {
                find_coordinator(&mut harness);
            }
            if asked(&harness, COMMIT) > 0 {
                commit(&mut harness, |_| code);
            }
            harness.advance(MS(500));
        }
        assert!(matches!(results(&harness)[..], [(1, Err(_))]), "{code}");
        let (request, what) = take_end(&mut harness);
        assert!(!what.0, "{code}: it is aborted");
        answer_end(&mut harness, &request, 0, (900, 6));
        assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Aborted { why: Some(_) })]), "{code}");
    }
}
