//! The numbering alone: positions, holes, epochs.

use super::*;
use kp_protocol::TopicPartition;
use kp_time::{Clock, ManualClock};

const QUEUE: QueueIndex = QueueIndex(3);
const LEADER: Leader = (BrokerId(1), Some(LeaderEpoch(5)));
const OTHER: Leader = (BrokerId(2), Some(LeaderEpoch(6)));
const TOPIC: TopicId = TopicId([7; 16]);

struct Bench {
    sequences: Sequences,
    known: ProducerIdentity,
}

impl Bench {
    fn new() -> Self {
        Self { sequences: Sequences::default(), known: ProducerIdentity { producer_id: 9, epoch: 0 } }
    }

    fn turn(&mut self, leader: Leader, records: u32, identity: Option<BatchIdentity>, unknown: bool) -> Turn {
        let partition = TopicPartition::new("t", 0);
        let head = HeadBatch {
            partition: &partition,
            records,
            wire_size: 100,
            attempts: u32::from(identity.is_some()),
            identity,
            ever_unknown: unknown,
            created: ManualClock::new().now(),
        };
        self.sequences.next_turn(&mut self.known, QUEUE, &head, leader, TOPIC)
    }

    /// Sends a new batch.
    fn send(&mut self, records: u32) -> Ticket {
        match self.turn(LEADER, records, None, false) {
            Turn::Send(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn acknowledge(&mut self, ticket: &Ticket) {
        let offset = i64::from(ticket.identity.base_sequence.0) + (1 << 40);
        self.acknowledge_at(ticket, offset);
    }

    fn acknowledge_at(&mut self, ticket: &Ticket, offset: i64) {
        let base_offset = Some(Offset(offset));
        self.sequences.attempted(QUEUE, ticket, Attempted::Acknowledged { base_offset });
        self.sequences.settle(QUEUE);
    }

    /// The attempt is refused or lost, and the batch waits to be sent again.
    fn come_back(&mut self, ticket: &Ticket) {
        self.sequences.attempted(QUEUE, ticket, Attempted::InVain);
        self.sequences.settle(QUEUE);
    }

    fn fail(&mut self, ticket: &Ticket, is_surely_unwritten: bool) {
        self.sequences.failed(QUEUE, ticket.identity, ticket.records, is_surely_unwritten);
    }

    fn again(&mut self, ticket: &Ticket) -> Turn {
        self.turn(LEADER, ticket.records, Some(ticket.identity), true)
    }
}

fn number(ticket: &Ticket) -> (i16, i32) {
    (ticket.identity.producer.epoch, ticket.identity.base_sequence.0)
}

// ID3
#[test]
fn sequences_start_at_zero_and_grow_by_the_records_of_each_batch() {
    let mut bench = Bench::new();
    for (records, sequence) in [(3, 0), (1, 3), (10, 4), (1, 14)] {
        let ticket = bench.send(records);
        assert_eq!(number(&ticket), (0, sequence));
        bench.acknowledge(&ticket);
    }
}

// ID3
#[test]
fn sequences_wrap_to_zero_and_the_order_of_batches_survives_it() {
    let mut bench = Bench::new();
    let first = bench.send(i32::MAX as u32 - 1);
    bench.acknowledge(&first);
    let (last, wrapped) = (bench.send(4), bench.send(1));
    assert_eq!((number(&last), number(&wrapped)), ((0, i32::MAX - 1), (0, 2)));
    assert_eq!(bench.sequences.standing(QUEUE, Some(&wrapped)), Standing::Behind);
    bench.acknowledge_at(&wrapped, 1 << 41);
    assert_eq!(bench.sequences.standing(QUEUE, Some(&last)), Standing::Proven);
}

// ID4
#[test]
fn one_batch_is_alone_until_the_first_success_and_then_five_are_on_the_way() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    assert_eq!(bench.turn(LEADER, 1, None, false), Turn::NotYet, "rule 2");
    bench.acknowledge(&first);
    let mut sent: Vec<Ticket> = (0..5).map(|_| bench.send(1)).collect();
    assert_eq!(bench.turn(LEADER, 1, None, false), Turn::NotYet, "rule 1");
    bench.acknowledge(&sent.remove(2));
    assert_eq!(number(&bench.send(1)), (0, 6));
}

// ID4
#[test]
fn nothing_goes_to_a_new_leader_while_the_old_one_owes_an_answer() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let second = bench.send(1);
    assert_eq!(bench.turn(OTHER, 1, None, false), Turn::NotYet);
    bench.acknowledge(&second);
    assert!(matches!(bench.turn(OTHER, 1, None, false), Turn::Send(_)));
    assert_eq!(bench.turn(OTHER, 1, None, false), Turn::NotYet, "alone again at the new one");
}

// ID5
#[test]
fn retries_go_one_at_a_time_under_their_old_numbers() {
    let mut bench = Bench::new();
    let first = bench.send(2);
    bench.acknowledge(&first);
    let (lost, behind) = (bench.send(2), bench.send(2));
    bench.come_back(&lost);
    assert_eq!(bench.again(&lost), Turn::NotYet, "the other one is not answered");
    assert_eq!(bench.sequences.standing(QUEUE, Some(&behind)), Standing::Behind);
    bench.come_back(&behind);
    assert_eq!(bench.again(&lost), Turn::Send(lost));
    assert_eq!(bench.again(&behind), Turn::NotYet);
    bench.acknowledge(&lost);
    assert_eq!(bench.again(&behind), Turn::Send(behind));
}

// ID6, ID8
#[test]
fn a_new_epoch_waits_for_every_answer_and_then_numbers_anew_from_zero() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let (gap, unanswered) = (bench.send(1), bench.send(1));
    bench.come_back(&gap);
    bench.sequences.demand_new_epoch(QUEUE);
    assert_eq!(bench.turn(LEADER, 1, Some(gap.identity), false), Turn::NotYet, "rule 4");
    bench.come_back(&unanswered);
    let Turn::Send(anew) = bench.turn(LEADER, 1, Some(gap.identity), false) else { panic!("it may go") };
    assert_eq!(number(&anew), (1, 0));
    bench.acknowledge(&anew);
    // Rule iii: whether this one is written is unknown, and its epoch is over.
    assert_eq!(bench.again(&unanswered), Turn::EpochOver);
}

// ID7
#[test]
fn only_the_lowest_open_batch_can_show_a_gap() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let (low, high) = (bench.send(1), bench.send(1));
    let standing = |bench: &Bench, ticket: &Ticket| bench.sequences.standing(QUEUE, Some(ticket));
    assert_eq!((standing(&bench, &low), standing(&bench, &high)), (Standing::Lowest, Standing::Behind));
    bench.acknowledge(&low);
    assert_eq!((standing(&bench, &low), standing(&bench, &high)), (Standing::Proven, Standing::Lowest));
    assert_eq!(bench.sequences.standing(QUEUE, None), Standing::Unnumbered);
}

// ID12
#[test]
fn a_hole_stops_new_batches_until_a_later_acknowledgement_proves_it_written() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let (expired, later) = (bench.send(1), bench.send(1));
    bench.fail(&expired, false);
    assert_eq!(bench.turn(LEADER, 1, None, false), Turn::NotYet);
    bench.sequences.attempted(QUEUE, &expired, Attempted::InVain);
    assert_eq!(bench.turn(LEADER, 1, None, false), Turn::NotYet);
    bench.acknowledge(&later);
    assert_eq!(number(&bench.send(1)), (0, 3), "resolved, in the same epoch");
}

// ID13, ID15
#[test]
fn when_all_that_was_open_failed_the_next_batch_begins_a_new_epoch() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let expired = [bench.send(1), bench.send(1)];
    for ticket in &expired {
        bench.fail(ticket, false);
        bench.come_back(ticket);
    }
    assert_eq!(number(&bench.send(1)), (1, 0));
}

// ID6
#[test]
fn numbers_that_surely_reached_no_log_are_given_again() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let refused = bench.send(4);
    bench.sequences.attempted(QUEUE, &refused, Attempted::InVain);
    bench.fail(&refused, true);
    bench.sequences.settle(QUEUE);
    assert_eq!(number(&bench.send(1)), (0, 1), "the broker expects 1");
}

// ID14, ID16
#[test]
fn late_answers_move_nothing_back_and_older_identities_disturb_nothing() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let (low, high) = (bench.send(1), bench.send(1));
    bench.acknowledge(&high);
    bench.acknowledge(&low);
    assert_eq!(bench.sequences.standing(QUEUE, Some(&high)), Standing::Proven);
    let old = bench.send(1);
    bench.come_back(&old);
    bench.sequences.demand_new_epoch(QUEUE);
    let Turn::Send(anew) = bench.turn(LEADER, 1, Some(old.identity), false) else { panic!("it may go") };
    bench.acknowledge(&old);
    assert_eq!(
        bench.sequences.standing(QUEUE, Some(&anew)),
        Standing::Lowest,
        "the old epoch proves nothing"
    );
    bench.fail(&old, false);
    bench.sequences.attempted(QUEUE, &anew, Attempted::Acknowledged { base_offset: None });
    assert_eq!(number(&bench.send(1)), (1, 1), "it leaves no hole in the new epoch");
}

// ID8
#[test]
fn after_the_last_epoch_a_new_producer_id_is_needed() {
    let mut bench = Bench::new();
    bench.known.epoch = i16::MAX;
    let gap = bench.send(1);
    bench.come_back(&gap);
    bench.sequences.demand_new_epoch(QUEUE);
    assert_eq!(bench.turn(LEADER, 1, Some(gap.identity), false), Turn::NeedsNewProducer);
    bench.known = ProducerIdentity { producer_id: 10, epoch: 0 };
    let Turn::Send(anew) = bench.turn(LEADER, 1, Some(gap.identity), false) else { panic!("it may go") };
    assert_eq!((anew.identity.producer.producer_id, number(&anew)), (10, (0, 0)));
}

#[test]
fn the_parts_of_a_split_batch_end_one_by_one() {
    let mut bench = Bench::new();
    let whole = bench.send(5);
    bench.come_back(&whole);
    let part = |first: i32, records| {
        let identity = BatchIdentity { base_sequence: Sequence(first), ..whole.identity };
        Ticket { identity, records, ..whole }
    };
    let (one, two) = (part(0, 2), part(2, 3));
    assert_eq!(bench.again(&one), Turn::Send(one));
    assert_eq!(bench.sequences.standing(QUEUE, Some(&two)), Standing::Behind);
    bench.acknowledge(&one);
    assert_eq!(bench.again(&two), Turn::Send(two));
    bench.acknowledge(&two);
    assert_eq!(number(&bench.send(1)), (0, 5));
}

#[test]
fn a_topic_that_was_created_again_is_proven_again() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let partition = TopicPartition::new("t", 0);
    let head = HeadBatch {
        partition: &partition,
        records: 1,
        wire_size: 100,
        attempts: 0,
        identity: None,
        ever_unknown: false,
        created: ManualClock::new().now(),
    };
    let anew = TopicId([8; 16]);
    let turn = |bench: &mut Bench| bench.sequences.next_turn(&mut bench.known, QUEUE, &head, LEADER, anew);
    let last = bench.send(1);
    assert_eq!(turn(&mut bench), Turn::NotYet, "the old log owes an answer");
    bench.acknowledge(&last);
    assert!(matches!(turn(&mut bench), Turn::Send(_)));
    assert_eq!(turn(&mut bench), Turn::NotYet, "alone until the new log has answered");
}

// ID7
#[test]
fn an_acknowledgement_in_a_log_that_has_no_room_for_the_earlier_batches_proves_nothing() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge_at(&first, 20);
    let (low, high) = (bench.send(3), bench.send(1));
    bench.come_back(&low);
    // The topic was made anew: 0 is the first offset of another log.
    bench.acknowledge_at(&high, 0);
    assert_eq!(bench.sequences.standing(QUEUE, Some(&low)), Standing::Lowest);
}

// ID7
#[test]
fn an_acknowledgement_behind_the_room_for_the_earlier_batches_proves_them() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge_at(&first, 20);
    let (low, high) = (bench.send(3), bench.send(1));
    bench.come_back(&low);
    bench.acknowledge_at(&high, 24);
    assert_eq!(bench.sequences.standing(QUEUE, Some(&low)), Standing::Proven);
}

// ID5, BB27
#[test]
fn numbers_below_an_acknowledged_one_are_never_given_again() {
    let mut bench = Bench::new();
    // Two records, split; the first part fails at once, and the broker takes the second part as the first it sees.
    let whole = bench.send(2);
    bench.come_back(&whole);
    let part = |first: i32| Ticket {
        identity: BatchIdentity { base_sequence: Sequence(first), ..whole.identity },
        records: 1,
        leader: LEADER,
    };
    bench.fail(&part(0), true);
    let Turn::Send(second) = bench.again(&part(1)) else { panic!("it is the lowest") };
    bench.acknowledge_at(&second, 0);
    let next = bench.send(1);
    assert_eq!(number(&next), (0, 2), "the broker expects what follows");
}

// ID4
#[test]
fn numbers_above_an_acknowledged_one_that_reached_no_log_are_given_again() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let (low, high) = (bench.send(2), bench.send(3));
    bench.sequences.attempted(QUEUE, &high, Attempted::NotSent);
    bench.fail(&high, true);
    bench.acknowledge(&low);
    assert_eq!(number(&bench.send(1)), (0, 3), "the broker expects what the failed batch had");
}

// ID7, ID9
#[test]
fn the_lowest_open_batch_is_proven_by_an_acknowledgement_without_an_offset() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let (low, _high) = (bench.send(1), bench.send(1));
    bench.sequences.attempted(QUEUE, &low, Attempted::Acknowledged { base_offset: None });
    assert_eq!(bench.sequences.standing(QUEUE, Some(&low)), Standing::Proven);
}

// ID8
#[test]
fn whatever_the_order_of_the_answers_nothing_stays_open_and_a_new_epoch_may_begin() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let sent: Vec<_> = (1..=3).map(|records| bench.send(records)).collect();
    for index in [1, 2, 0] {
        bench.acknowledge(&sent[index]);
    }
    bench.known.epoch = 1;
    assert_eq!(number(&bench.send(1)), (1, 0));
}

// ID8
#[test]
fn a_new_identity_waits_until_nothing_is_open_under_the_old_one() {
    let mut bench = Bench::new();
    let first = bench.send(1);
    bench.acknowledge(&first);
    let open = bench.send(1);
    bench.come_back(&open);
    bench.known.epoch = 1;
    let Turn::Send(behind) = bench.turn(LEADER, 1, None, false) else { panic!("it is alone") };
    assert_eq!(number(&behind), (0, 2), "what waits to be sent again has the old numbers");
}
