//! One turn of the core: what is looked at, in which order (SN1), and when the next one is worth it.
//! Owns the state of a cycle of turns. Never: a decision about a batch or a broker.

use crate::context::Context;
use crate::rooms::{Ready, Rooms};
use crate::shutdown::Shutdown;
use crate::{exchanges, transacting};
use kp_client::Nodes;
use std::time::Instant;

/// Between the first `poll_output` after the host has slept and its `None`, and what is kept for the next.
#[derive(Debug)]
pub(crate) struct Cycle {
    is_running: bool,
    /// Something happened since the last turn.
    pub(crate) is_dirty: bool,
    /// When the accumulator said to look again.
    next_ready_check: Option<Instant>,
    /// When to begin the next cycle if nothing happens before.
    pub(crate) timeout: Option<Instant>,
}

impl Cycle {
    /// The first one is due at once.
    pub(crate) fn beginning(now: Instant) -> Self {
        Self { is_running: false, is_dirty: true, next_ready_check: None, timeout: Some(now) }
    }

    /// Takes turns until something is put out, or nothing is left to do: then the cycle is over.
    ///
    /// A turn that changes something is followed by another one; each either asks or sends something new or ends the
    /// cycle: a broker is asked once in it, and again only after it took a request.
    pub(crate) fn run(&mut self, cx: &mut Context<'_>, rooms: &mut Rooms, nodes: &mut dyn Nodes) {
        if cx.ending.shutdown == Shutdown::Closed {
            self.timeout = None;
            return;
        }
        if !self.is_running {
            self.is_running = true;
            self.is_dirty = true;
            rooms.cluster.brokers.begin_cycle(cx.now);
            exchanges::begin_cycle(rooms, cx.now);
        }
        while std::mem::take(&mut self.is_dirty) {
            self.turn(cx, rooms, nodes);
            if cx.has_output() {
                return;
            }
        }
        self.is_running = false;
        self.timeout = self.next_timeout(cx, rooms);
        debug_assert!(
            self.timeout.is_none_or(|at| at > cx.now),
            "a turn without output wants a moment that is over"
        );
    }

    /// SN1: ready, check, drain, expire, send; metadata beside it.
    fn turn(&mut self, cx: &mut Context<'_>, rooms: &mut Rooms, nodes: &mut dyn Nodes) {
        // Looked at first, also when nothing is sent any more: a batch that a worker gives back after this look makes the
        // accumulator refuse to sleep, and one that came before it is taken below.
        let Ready { brokers, next_check } = rooms.look_what_is_ready(cx);
        self.next_ready_check = next_check;
        rooms.expire(cx);
        self.is_dirty |= transacting::follow(cx, rooms);
        let before = cx.ending.shutdown;
        rooms.advance_shutdown(cx);
        self.is_dirty |= cx.ending.shutdown != before;
        if cx.ending.shutdown == Shutdown::Closed {
            return;
        }
        rooms.fail_what_is_queued_after_the_fatal_error(cx);
        if !cx.ending.may_send() {
            return;
        }
        let mut has_asked = false;
        if !cx.has_output() {
            has_asked |= rooms.send_to(cx, brokers, nodes);
        }
        if !cx.has_output() {
            rooms.cluster.step(cx);
            has_asked |= exchanges::step(cx, rooms, nodes);
            has_asked |= rooms.cluster.tell_refusal(cx, nodes);
        }
        self.is_dirty |= has_asked || cx.has_output();
    }

    fn next_timeout(&self, cx: &Context<'_>, rooms: &mut Rooms) -> Option<Instant> {
        let ends = [
            cx.accumulator.next_expiry(),
            rooms.batches.next_expiry(),
            transacting::next(rooms),
            cx.ending.shutdown.next(),
        ];
        // As in `turn`: nothing is asked or sent after a fatal error or while what is left is failed.
        let sends = cx.ending.may_send().then(|| {
            [
                self.next_ready_check,
                rooms.cluster.brokers.next_ask(),
                rooms.cluster.metadata.rebootstrap_at(),
                exchanges::next(cx, rooms),
            ]
        });
        ends.into_iter().chain(sends.into_iter().flatten()).flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdempotenceSetting, SenderCore, SenderSettings};
    use kp_accumulator::{Accumulator, Append, Target};
    use kp_client::{Readiness, WaitReason};
    use kp_memory::BufferPool;
    use kp_metadata::{Metadata, Partition, Topic};
    use kp_protocol::records::RecordRef;
    use kp_protocol::{BrokerAddress, BrokerId, PartitionId, Timestamp, TopicId, TopicName};
    use kp_time::{Clock, ManualClock};
    use std::sync::Arc;

    /// Connects for ever.
    struct Connecting;

    impl Nodes for Connecting {
        fn readiness(&mut self, _: Instant, _: BrokerId) -> Readiness {
            Readiness::Wait { until: None, why: WaitReason::Connecting }
        }

        fn least_loaded(&mut self, _: Instant) -> Option<BrokerId> {
            Some(BrokerId(-1))
        }
    }

    fn append_one(accumulator: &Accumulator, pool: &Arc<BufferPool>, clock: &ManualClock) {
        let name = TopicName::from("t");
        let topic = Arc::new(Topic::new(name.clone(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1))]));
        let queues = accumulator.topic(&name, 1);
        let record = RecordRef { timestamp: Timestamp(7), key: None, value: Some(b"v"), headers: &[] };
        let (target, mut spare) = (Target::Partition(PartitionId(0)), None);
        loop {
            let appended = accumulator.append(&queues, &topic, target, &record, &mut None, &mut spare, clock);
            match appended.unwrap() {
                Append::Accepted(_) => return,
                Append::NeedsBuffer(bytes) => spare = pool.try_allocate(bytes).unwrap(),
            }
        }
    }

    // SN1, ID1
    #[test]
    fn a_first_record_that_comes_behind_the_look_asks_for_no_moment_that_is_over() {
        let clock = ManualClock::new();
        let pool = BufferPool::new(1 << 20, 1024);
        let accumulator = Accumulator::new(Default::default(), Arc::clone(&pool));
        let bootstrap =
            vec![BrokerAddress { id: BrokerId(-1), host: Arc::from("b"), port: 9092, rack: None }];
        let metadata = Metadata::new(Default::default(), bootstrap, clock.now(), 1);
        let (idempotence, now) = (IdempotenceSetting::Required, clock.now());
        let settings = SenderSettings { idempotence, ..Default::default() };
        let mut core = SenderCore::new(settings, Arc::clone(&accumulator), metadata, now, 1);
        while core.poll_output(now, &mut Connecting).is_some() {}
        // Its number is asked for as soon as there is a record; this one came when the turn had looked already.
        append_one(&accumulator, &pool, &clock);
        let (cx, rooms, cycle) = core.at(now);
        let timeout = cycle.next_timeout(&cx, rooms);
        assert!(timeout.is_none_or(|at| at > now), "it wakes the driver by itself: {timeout:?}");
        // In the next turn it is known.
        let (mut cx, rooms, cycle) = core.at(now);
        cycle.run(&mut cx, rooms, &mut Connecting);
        assert!(!rooms.idempotence.exchange.is_idle(), "the number is asked for");
    }
}
