//! The queue of waiters, statement by statement.

use super::*;
use crate::{Clock, ManualClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Wake;
use std::time::Duration;

#[derive(Default)]
struct Rung(AtomicU32);

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn in_ms(clock: &ManualClock, ms: u64) -> Deadline {
    Deadline::after(clock.now(), Duration::from_millis(ms), "max.block.ms")
}

fn look(list: &mut WaitList<&'static str, u32>, ticket: Ticket) -> Poll<Option<u32>> {
    list.poll(ticket, &mut None)
}

#[test]
fn the_first_to_come_is_answered_first_and_each_answer_is_taken_once() {
    let (clock, mut list, mut wakers) = (ManualClock::new(), WaitList::new(), Wakers::default());
    let first = list.join("first", in_ms(&clock, 20));
    let second = list.join("second", in_ms(&clock, 10));
    assert_eq!(list.answer_first(1, &mut wakers), Some("first"));
    assert_eq!((look(&mut list, second), list.len()), (Poll::Pending, 1));
    assert_eq!(look(&mut list, first), Poll::Ready(Some(1)));
    assert_eq!(look(&mut list, first), Poll::Ready(None), "taken");
    assert_eq!(list.answer(first, 2, &mut wakers), None);
    assert_eq!(list.answer_first(2, &mut wakers), Some("second"));
    assert_eq!((list.answer_first(3, &mut wakers), list.is_empty()), (None, true));
}

#[test]
fn a_waiter_is_woken_by_the_waker_it_was_polled_with_last_and_the_others_are_handed_back() {
    let (clock, mut list, mut wakers) = (ManualClock::new(), WaitList::new(), Wakers::default());
    let ticket = list.join("x", in_ms(&clock, 10));
    let rungs = [Arc::new(Rung::default()), Arc::new(Rung::default())];
    let mut waker = Some(Waker::from(Arc::clone(&rungs[0])));
    assert!(list.poll(ticket, &mut waker).is_pending());
    assert!(waker.is_none());
    waker = Some(Waker::from(Arc::clone(&rungs[1])));
    assert!(list.poll(ticket, &mut waker).is_pending());
    assert!(waker.is_some_and(|old| old.will_wake(&Waker::from(Arc::clone(&rungs[0])))));
    list.answer_first(1, &mut wakers);
    assert_eq!(rungs[1].0.load(SeqCst), 0, "not before the unlock");
    wakers.wake_all();
    assert_eq!(rungs.map(|rung| rung.0.load(SeqCst)), [0, 1]);
}

#[test]
fn a_deadline_ends_a_wait_and_also_takes_back_an_answer_that_was_not_taken() {
    let (clock, mut list, mut wakers) = (ManualClock::new(), WaitList::new(), Wakers::default());
    let waiting = list.join("waiting", in_ms(&clock, 10));
    let answered = list.join("answered", in_ms(&clock, 10));
    let later = list.join("later", in_ms(&clock, 11));
    list.answer(answered, 7, &mut wakers);
    assert_eq!((list.len(), list.deadlines()), (2, 3));
    assert_eq!(list.next_deadline(), Some(clock.now() + Duration::from_millis(10)));
    clock.advance(Duration::from_millis(10));
    let mut seen = Vec::new();
    list.expire(
        clock.now(),
        |overdue, deadline| {
            seen.push((overdue, deadline.key()));
            0
        },
        &mut wakers,
    );
    let expected = [(Overdue::Waiting("waiting"), "max.block.ms"), (Overdue::NotTaken(7), "max.block.ms")];
    assert_eq!(seen, expected);
    assert_eq!(look(&mut list, waiting), Poll::Ready(Some(0)));
    assert_eq!(look(&mut list, answered), Poll::Ready(Some(0)));
    assert!(look(&mut list, later).is_pending());
    assert_eq!(list.deadlines(), 1);
}

#[test]
fn a_waiter_that_leaves_says_what_it_had_and_its_waker_is_dropped_after_the_unlock() {
    let (clock, mut list, mut wakers) = (ManualClock::new(), WaitList::new(), Wakers::default());
    let rung = Arc::new(Rung::default());
    let first = list.join("first", in_ms(&clock, 10));
    let second = list.join("second", in_ms(&clock, 10));
    assert!(list.poll(first, &mut Some(Waker::from(Arc::clone(&rung)))).is_pending());
    assert_eq!(list.leave(first, &mut wakers), Left::Waiting("first"));
    assert_eq!(Arc::strong_count(&rung), 2, "the lock is still held here");
    wakers.wake_all();
    assert_eq!((Arc::strong_count(&rung), rung.0.load(SeqCst)), (1, 0), "dropped, not woken");
    let mut wakers = Wakers::default();
    list.answer_first(2, &mut wakers);
    assert_eq!(list.leave(second, &mut wakers), Left::Answered(2));
    assert_eq!(list.leave(second, &mut wakers), Left::Nothing);
    assert_eq!(list.next_deadline(), None);
}

#[test]
fn those_that_a_judge_answers_are_answered_and_the_rest_wait_on() {
    let (clock, mut list, mut wakers) = (ManualClock::new(), WaitList::new(), Wakers::default());
    let tickets = ["a", "bb", "ccc"].map(|wanted| list.join(wanted, in_ms(&clock, 10)));
    list.answer_where(|wanted| (wanted.len() != 2).then_some(wanted.len() as u32), &mut wakers);
    assert_eq!(
        tickets.map(|ticket| look(&mut list, ticket)),
        [Poll::Ready(Some(1)), Poll::Pending, Poll::Ready(Some(3))]
    );
    assert_eq!(list.waiting().collect::<Vec<_>>(), [&"bb"]);
}

struct Breaks;

impl Wake for Breaks {
    fn wake(self: Arc<Self>) {
        panic!("an executor broke");
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_waiter_asleep() {
    let (rung, mut wakers) = (Arc::new(Rung::default()), Wakers::default());
    wakers.push(Waker::from(Arc::new(Breaks)));
    wakers.push(Waker::from(Arc::clone(&rung)));
    wakers.wake_all();
    assert_eq!(rung.0.load(SeqCst), 1);
}
