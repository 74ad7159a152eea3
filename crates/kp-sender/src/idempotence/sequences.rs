//! The numbers of each partition's batches, and what is still open about them.
//!
//! Positions are sequences that do not wrap: a broker sees `position mod 2^31`. What is numbered ends in one of three
//! ways: acknowledged; never written, so that the numbers can be given again once nothing else is open; or a hole. Above
//! a hole nothing new is numbered until a later acknowledgement proves that it was written after all, or until
//! the partition starts over under a new epoch (KIP-360).
//! Owner: the sender core. Outlives metadata: a topic that vanishes and comes back goes on counting.

use crate::by_queue::ByQueue;
use kp_accumulator::{HeadBatch, QueueIndex};
use kp_protocol::{BatchIdentity, BrokerId, LeaderEpoch, Offset, ProducerIdentity, Sequence, TopicId};

/// A broker remembers five batches of a producer, and tells no duplicate beyond them.
pub(crate) const WINDOW: u32 = 5;
/// How many numbers there are.
const NUMBERS: u64 = 1 << 31;

/// The leader that a batch was sent to, and its epoch as far as the metadata knew it.
pub(crate) type Leader = (BrokerId, Option<LeaderEpoch>);

/// The numbers of a batch that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) identity: BatchIdentity,
    pub(crate) records: u32,
    pub(crate) leader: Leader,
}

/// What a partition's next batch may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Wait: answers are missing.
    NotYet,
    /// Every epoch of the producer id is used up.
    NeedsNewProducer,
    /// Numbers are missing in the log, and no epoch is raised inside a transaction (TC9).
    NeedsNextTransaction,
    /// Leave under these numbers.
    Send(Ticket),
    /// Never: an attempt under an older identity has an unknown outcome, and no other identity is allowed (rule 3).
    EpochOver,
}

/// Where a batch that was refused for its number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It carries no number.
    Unnumbered,
    /// A later one was acknowledged, so it is written (rule 5).
    Proven,
    /// An earlier one is open: the refusal may only mean that.
    Behind,
    /// Nothing is open before it: the broker misses something that is gone.
    Lowest,
}

/// How an attempt under a number ended for the numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempted {
    Acknowledged {
        base_offset: Option<Offset>,
    },
    /// Refused or lost.
    InVain,
    /// Never left.
    NotSent,
}

#[derive(Debug, Default)]
pub(crate) struct Sequences {
    partitions: ByQueue<Numbering>,
    is_transactional: bool,
}

#[derive(Debug)]
struct Numbering {
    producer: ProducerIdentity,
    topic_id: TopicId,
    /// The position of the next record.
    next: u64,
    /// Batches on the wire without an answer, also those whose records have failed meanwhile.
    unanswered: u32,
    /// The leader that they went to.
    at: Option<Leader>,
    /// The leader that has acknowledged something of this identity and refused nothing since (rule 2).
    proven: Option<Leader>,
    /// Everything before this position is written. Only grows (ID16).
    written_to: u64,
    /// The offset behind the record before `written_to`, as far as a broker has said it.
    written_offset: i64,
    /// What is numbered and not ended, in order.
    open: Vec<(u64, u64)>,
    holes: Vec<Hole>,
    must_start_over: bool,
    /// Whether its batches belong to transactions, which raise no epoch by themselves (TC9).
    transactional: bool,
}

/// Numbers whose batch has failed.
#[derive(Clone, Copy, Debug)]
struct Hole {
    start: u64,
    is_surely_unwritten: bool,
}

impl Sequences {
    pub(crate) fn new(is_transactional: bool) -> Self {
        Self { partitions: ByQueue::default(), is_transactional }
    }

    /// Decides about the first batch of a queue. Called under the queue's lock: the number is given where the batch is
    /// picked, so that no other batch can come between.
    pub(crate) fn next_turn(
        &mut self,
        known: &mut ProducerIdentity,
        queue: QueueIndex,
        head: &HeadBatch<'_>,
        leader: Leader,
        topic_id: TopicId,
    ) -> Turn {
        let new = || Numbering { transactional: self.is_transactional, ..Numbering::new(*known, topic_id) };
        let numbering = self.partitions.get_or_insert_with(queue, new);
        if !numbering.follow_topic(topic_id) {
            return Turn::NotYet;
        }
        let numbered = head.identity;
        if numbering.transactional && numbering.lacks_numbers(*known, numbered.is_none()) {
            return Turn::NeedsNextTransaction;
        }
        if numbering.must_start_over || (numbered.is_none() && !numbering.holes.is_empty()) {
            // Rule iv: never while an answer is missing.
            if numbering.unanswered > 0 {
                return Turn::NotYet;
            }
            if numbering.producer == *known {
                let Some(epoch) = known.epoch.checked_add(1) else { return Turn::NeedsNewProducer };
                known.epoch = epoch;
            }
            numbering.start_over(*known);
        }
        match numbered {
            Some(old) if old.producer != numbering.producer && head.ever_unknown => Turn::EpochOver,
            Some(same) if same.producer == numbering.producer => numbering.resend(same, head.records, leader),
            // New, or known not to be written under the older identity.
            Some(_) | None => numbering.send(*known, head.records, leader),
        }
    }

    /// Whether another batch may leave beside those that are not answered.
    pub(crate) fn has_room(&self, queue: QueueIndex, leader: Leader) -> bool {
        self.partitions.get(queue).is_none_or(|numbering| numbering.has_room(leader))
    }

    /// An attempt has ended. Says nothing yet about the batch.
    pub(crate) fn attempted(&mut self, queue: QueueIndex, ticket: &Ticket, how: Attempted) {
        let Some(numbering) = self.partitions.get_mut(queue) else { return };
        numbering.unanswered = numbering.unanswered.saturating_sub(1);
        if ticket.identity.producer != numbering.producer {
            return; // ID14: an older identity disturbs nothing.
        }
        match how {
            Attempted::Acknowledged { base_offset } => numbering.acknowledge(ticket, base_offset),
            Attempted::InVain => numbering.proven = None,
            Attempted::NotSent => {}
        }
    }

    /// Where a batch stands that a broker refused for its number.
    pub(crate) fn standing(&self, queue: QueueIndex, ticket: Option<&Ticket>) -> Standing {
        let Some((numbering, ticket)) = self.partitions.get(queue).zip(ticket) else {
            return Standing::Unnumbered;
        };
        if ticket.identity.producer != numbering.producer {
            return Standing::Lowest;
        }
        let (start, end) = numbering.range(ticket);
        if end <= numbering.written_to {
            Standing::Proven
        } else if numbering.open.first().is_some_and(|(first, _)| *first < start) {
            Standing::Behind
        } else {
            Standing::Lowest
        }
    }

    /// The broker misses something that is gone: once every answer is in, the partition goes on under a new epoch.
    pub(crate) fn demand_new_epoch(&mut self, queue: QueueIndex) {
        if let Some(numbering) = self.partitions.get_mut(queue) {
            numbering.must_start_over = true;
        }
    }

    /// A batch with these numbers has failed.
    pub(crate) fn failed(
        &mut self,
        queue: QueueIndex,
        identity: BatchIdentity,
        records: u32,
        is_surely_unwritten: bool,
    ) {
        let Some(numbering) = self.partitions.get_mut(queue) else { return };
        if identity.producer != numbering.producer {
            return;
        }
        let ticket = Ticket { identity, records, leader: (BrokerId(-1), None) };
        let (start, end) = numbering.range(&ticket);
        numbering.close(&ticket);
        if end > numbering.written_to {
            numbering.holes.push(Hole { start, is_surely_unwritten });
        }
        numbering.take_back();
    }

    /// Something was answered: perhaps numbers that were never used are the last ones now.
    pub(crate) fn settle(&mut self, queue: QueueIndex) {
        if let Some(numbering) = self.partitions.get_mut(queue) {
            numbering.take_back();
        }
    }
}

impl Numbering {
    fn new(producer: ProducerIdentity, topic_id: TopicId) -> Self {
        Self {
            producer,
            topic_id,
            next: 0,
            unanswered: 0,
            at: None,
            proven: None,
            written_to: 0,
            written_offset: 0,
            open: Vec::new(),
            holes: Vec::new(),
            must_start_over: false,
            transactional: false,
        }
    }

    fn start_over(&mut self, producer: ProducerIdentity) {
        *self = Self { transactional: self.transactional, ..Self::new(producer, self.topic_id) };
    }

    /// Whether nothing but another epoch lets the next batch leave.
    fn lacks_numbers(&self, known: ProducerIdentity, is_new: bool) -> bool {
        self.producer == known && (self.must_start_over || (is_new && !self.holes.is_empty()))
    }

    /// A topic that was created again has an empty log that knows no producer: one batch alone again (rule 2). `false` =
    /// not while the old one owes an answer.
    fn follow_topic(&mut self, topic_id: TopicId) -> bool {
        if topic_id.is_zero() || topic_id == self.topic_id {
            return true;
        }
        if self.unanswered > 0 {
            return false;
        }
        if !self.topic_id.is_zero() {
            self.proven = None;
            self.written_offset = 0;
        }
        self.topic_id = topic_id;
        true
    }

    /// Rule v, where it holds: a batch that is there proves the earlier ones there, unless its offset leaves no room
    /// for them. Then the log is another one: the topic was made anew, and takes any first number.
    fn acknowledge(&mut self, ticket: &Ticket, base_offset: Option<Offset>) {
        let (start, end) = self.range(ticket);
        self.close(ticket);
        self.proven = Some(ticket.leader);
        if end > self.written_to {
            self.prove(start, end, ticket.records, base_offset);
        }
        // The broker goes on behind this one, also if it took it as its first: what surely reached no log before it is not given
        // again, or it would come behind what is sent now.
        self.holes.retain(|hole| hole.start >= end || !hole.is_surely_unwritten);
    }

    fn prove(&mut self, start: u64, end: u64, records: u32, base_offset: Option<Offset>) {
        let before =
            self.open.iter().map(|(first, _)| first).chain(self.holes.iter().map(|hole| &hole.start));
        let is_first = before.min().is_none_or(|first| *first > start);
        let room_from = i64::try_from(start.saturating_sub(self.written_to))
            .map_or(i64::MAX, |missing| self.written_offset.saturating_add(missing));
        if is_first || base_offset.is_some_and(|offset| offset.0 >= room_from) {
            self.written_to = end;
            self.holes.retain(|hole| hole.start >= end);
            if let Some(offset) = base_offset {
                self.written_offset = offset.0.saturating_add(i64::from(records));
            }
        }
    }

    /// Retries go one at a time, the lowest first; the queue holds them in that order (ID5).
    fn resend(&mut self, identity: BatchIdentity, records: u32, leader: Leader) -> Turn {
        if self.unanswered > 0 {
            return Turn::NotYet;
        }
        self.leave(Ticket { identity, records, leader })
    }

    fn has_room(&self, leader: Leader) -> bool {
        let is_proven = self.at == Some(leader) && self.proven == Some(leader);
        self.unanswered == 0 || (self.unanswered < WINDOW && is_proven)
    }

    fn send(&mut self, known: ProducerIdentity, records: u32, leader: Leader) -> Turn {
        let is_idle = self.unanswered == 0 && self.open.is_empty() && self.holes.is_empty();
        if self.producer != known && is_idle {
            self.start_over(known); // ID8, ID15
        }
        if !self.has_room(leader) {
            return Turn::NotYet;
        }
        let base_sequence = Sequence((self.next % NUMBERS) as i32);
        let identity =
            BatchIdentity { producer: self.producer, base_sequence, transactional: self.transactional };
        let end = self.next + u64::from(records);
        self.open.push((self.next, end));
        self.next = end;
        self.leave(Ticket { identity, records, leader })
    }

    fn leave(&mut self, ticket: Ticket) -> Turn {
        self.unanswered += 1;
        self.at = Some(ticket.leader);
        Turn::Send(ticket)
    }

    /// From where to where a ticket's records are numbered.
    fn range(&self, ticket: &Ticket) -> (u64, u64) {
        let sequence = u64::from(ticket.identity.base_sequence.0.unsigned_abs());
        let back = (self.next % NUMBERS + NUMBERS - sequence) % NUMBERS;
        let start = self.next.saturating_sub(back);
        (start, start + u64::from(ticket.records))
    }

    /// Takes a range out of what is open; a part of a split batch takes its part.
    fn close(&mut self, ticket: &Ticket) {
        let (start, end) = self.range(ticket);
        let Some(index) = self.open.iter().position(|(first, last)| *first <= start && end <= *last) else {
            return;
        };
        let (first, last) = self.open.remove(index);
        let rest = [(first, start), (end, last)];
        let rest = rest.into_iter().filter(|(from, to)| from < to);
        self.open.splice(index..index, rest);
    }

    /// Numbers that surely reached no log are given again once nothing is open: the broker expects them next.
    fn take_back(&mut self) {
        if self.unanswered > 0 || !self.open.is_empty() || self.must_start_over {
            return;
        }
        if self.holes.iter().all(|hole| hole.is_surely_unwritten)
            && let Some(first) = self.holes.iter().map(|hole| hole.start).min()
        {
            self.next = first;
            self.holes.clear();
        }
    }
}

#[cfg(test)]
mod tests;
