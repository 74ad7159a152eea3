//! The application of a run: each instance begins transactions one after the other, as its plan says, and notes what it is told.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use kp_producer::{
    CommittedOffset, GroupMetadata, ProducerObserver, ProducerRecord, SendErrorKind, TopicPartition,
    Transaction, TransactionHandle, TransactionOutcome, TransactionalProducer,
};
use kp_tests::laws::Place;
use kp_tests::simulation::dice::Dice;
use kp_tests::simulation::tasks::{all, once};
use kp_tests::simulation::timers::Timers;
use kp_tests::simulation::trouble::TopicPlan;
use kp_tests::transaction_history::{Answer, Asked, SentOffset};

use crate::consumers::Consumers;
use crate::notes::{Notes, answer_of, answer_of_outcome};
use crate::plan::{End, Ending, InstancePlan, TransactionPlan};
use crate::watch::Sight;

/// How often something that is not known yet is asked for again.
const MOST_TRIES: u32 = 400;

/// One instance, and what it shares with the others.
pub(crate) struct Instance {
    pub(crate) number: usize,
    pub(crate) plan: InstancePlan,
    pub(crate) topics: Vec<TopicPlan>,
    /// Whether offsets are sent behind the records, not beside them.
    pub(crate) offsets_last: bool,
    pub(crate) consumers: Consumers,
    pub(crate) notes: Notes,
    pub(crate) sight: Sight,
    pub(crate) timers: Timers,
}

impl Instance {
    /// Begins and ends what is planned, then ends itself.
    pub(crate) async fn run(self, mut producer: TransactionalProducer) {
        let mut newest = None;
        for plan in &self.plan.transactions {
            let Some(transaction) = self.one_transaction(&mut producer, newest, plan).await else { break };
            newest = Some(transaction);
            self.timers.sleep(plan.pause).await;
        }
        if self.plan.ending == Ending::Drop {
            return;
        }
        self.resolve(&mut producer, newest).await;
        // Not on the network thread: it cannot be refused.
        let _ = producer.close(Duration::from_secs(3600)).await;
        self.sight.closed(self.number);
    }

    /// Asks for the end of the last transaction until it is known.
    async fn resolve(&self, producer: &mut TransactionalProducer, newest: Option<usize>) {
        let Some(transaction) = newest else { return };
        for _ in 0..MOST_TRIES {
            match producer.resolve().await {
                None | Some(TransactionOutcome::Unresolved) => {
                    self.timers.sleep(Duration::from_millis(500)).await;
                }
                Some(outcome) => return self.notes.told(transaction, answer_of_outcome(outcome)),
            }
        }
    }

    /// Answers its place among all transactions; none if no other will begin.
    async fn one_transaction(
        &self,
        producer: &mut TransactionalProducer,
        before: Option<usize>,
        plan: &TransactionPlan,
    ) -> Option<usize> {
        let observer = producer.observer();
        let mut tries = 0;
        let transaction = loop {
            match producer.begin().await {
                Ok(transaction) => break transaction,
                Err(error) if error.is_fatal() || tries == MOST_TRIES => {
                    self.note_outcome(&observer, before);
                    return None;
                }
                Err(_) => {
                    tries += 1;
                    self.timers.sleep(Duration::from_millis(100)).await;
                }
            }
        };
        self.note_outcome(&observer, before);
        let place = self.notes.begun(self.number);
        self.sight.begun(self.number, place);
        let mut kept = self.fill(&transaction, place, plan).await;
        self.end(transaction, place, plan, &mut kept).await;
        for (id, delivery) in kept {
            self.notes.delivered(id, delivery.await);
        }
        Some(place)
    }

    /// The end of the transaction before is final when another has begun.
    fn note_outcome(&self, observer: &ProducerObserver, before: Option<usize>) {
        if let (Some(before), Some(outcome)) = (before, observer.last_outcome()) {
            self.notes.told(before, answer_of_outcome(outcome));
        }
    }

    /// Sends records and offsets.
    async fn fill(&self, transaction: &Transaction<'_>, place: usize, plan: &TransactionPlan) -> Vec<Kept> {
        if let Some(tolerated) = plan.refused {
            if tolerated {
                transaction.tolerate_refused();
            }
            self.send_refused(transaction, place, tolerated).await;
        }
        let groups = (0..plan.groups).map(|group| group_of(&self.plan.transactional_id, group));
        let members: Vec<_> = groups.map(|group| self.consumers.poll(&group, self.number)).collect();
        let senders = (0..plan.tasks).map(|task| self.send(transaction, place, plan, u64::from(task)));
        let offsets = members.iter().map(|member| self.send_offsets(transaction, place, member));
        let kept = if self.offsets_last {
            let kept = all(senders).await;
            all(offsets).await;
            kept
        } else {
            join(all(senders), all(offsets)).await.0
        };
        kept.into_iter().flatten().collect()
    }

    async fn send_refused(&self, transaction: &TransactionHandle, place: usize, tolerated: bool) {
        self.notes.new_record();
        let refused = transaction.send(ProducerRecord::to("no topic/has this name").value("x")).await;
        assert!(refused.is_err(), "the name is not legal");
        if !tolerated {
            self.notes.refused(place);
        }
    }

    async fn send(
        &self,
        transaction: &TransactionHandle,
        place: usize,
        plan: &TransactionPlan,
        task: u64,
    ) -> Vec<Kept> {
        let mut dice = Dice::seeded(plan.seed ^ (task << 32));
        let mut kept = Vec::new();
        for _ in 0..plan.records {
            self.send_one(transaction, place, plan, &mut dice, &mut kept).await;
            if dice.chance(plan.awaits)
                && let Some((id, delivery)) = kept.pop()
            {
                self.notes.delivered(id, delivery.await);
            }
            if !plan.pace.is_zero() {
                self.timers.sleep(plan.pace).await;
            }
        }
        kept
    }

    async fn send_one(
        &self,
        transaction: &TransactionHandle,
        place: usize,
        plan: &TransactionPlan,
        dice: &mut Dice,
        kept: &mut Vec<Kept>,
    ) {
        let id = self.notes.new_record();
        let topic = dice.of(&self.topics);
        let mut value = vec![b'.'; 8 + dice.below(plan.largest_value as u64) as usize];
        value[..8].copy_from_slice(&id.to_be_bytes());
        let key = dice.below(9).to_string();
        let record = ProducerRecord::to(&topic.name).key(&key).value(&value);
        let way = dice.below(4);
        let gives_up = dice.chance(plan.gives_up);
        let refusal = match way {
            0 => {
                let notes = self.notes.clone();
                let sending = transaction.send_with(record, move |outcome| notes.delivered(id, outcome));
                let sent = if gives_up { once(sending).await } else { Some(sending.await) };
                sent.and_then(|sent| sent.map(|()| self.notes.accepted(place, id)).err())
            }
            1 => match transaction.try_send(record) {
                Ok(delivery) => self.keep(place, id, delivery, kept),
                Err(error) => Some(error),
            },
            _ => {
                let sending = transaction.send(record);
                let sent = if gives_up { once(sending).await } else { Some(sending.await) };
                match sent {
                    Some(Ok(delivery)) => self.keep(place, id, delivery, kept),
                    Some(Err(error)) => Some(error),
                    None => None,
                }
            }
        };
        let is_harmless = |kind: &SendErrorKind| {
            matches!(kind, SendErrorKind::WouldBlock | SendErrorKind::TransactionEnded)
        };
        if refusal.is_some_and(|error| !is_harmless(error.kind())) && plan.refused != Some(true) {
            self.notes.refused(place);
        }
    }

    fn keep(
        &self,
        place: usize,
        id: u64,
        delivery: kp_producer::Delivery,
        kept: &mut Vec<Kept>,
    ) -> Option<kp_producer::SendError> {
        self.notes.accepted(place, id);
        kept.push((id, delivery));
        None
    }

    async fn send_offsets(&self, transaction: &TransactionHandle, place: usize, member: &GroupMetadata) {
        let at: Place = (self.topics[0].name.clone(), 0);
        let offset = self.notes.new_offset();
        let outdated = self.consumers.is_outdated(self.number, member);
        let group = member.group_id.to_string();
        let sent = SentOffset { group, place: at.clone(), offset, taken: false, outdated };
        let number = self.notes.sends_offset(place, sent);
        let next = CommittedOffset { offset, leader_epoch: None, metadata: None };
        let at = TopicPartition::new(at.0.as_str(), at.1);
        if transaction.send_offsets([(at, next)], member).await.is_ok() {
            self.notes.offset_taken(place, number);
        }
    }

    /// Ends it, and lets a handle send beside that where the plan says so.
    async fn end(
        &self,
        transaction: Transaction<'_>,
        place: usize,
        plan: &TransactionPlan,
        kept: &mut Vec<Kept>,
    ) {
        let handle = transaction.handle();
        let beside = async {
            let late = TransactionPlan { records: 3, awaits: 0.0, ..plan.clone() };
            match plan.late_handle {
                true => self.send(&handle, place, &late, 99).await,
                false => Vec::new(),
            }
        };
        let ((), late) = join(self.end_as_planned(transaction, place, plan.end), beside).await;
        kept.extend(late);
    }

    async fn end_as_planned(&self, transaction: Transaction<'_>, place: usize, end: End) {
        match end {
            End::Commit => {
                self.notes.asked(place, Asked::Commit);
                let ended = transaction.commit().await;
                self.notes.told(place, answer_of(&ended, Answer::Committed));
            }
            End::CommitDropped => {
                self.notes.asked(place, Asked::Commit);
                if let Some(ended) = once(transaction.commit()).await {
                    self.notes.told(place, answer_of(&ended, Answer::Committed));
                }
            }
            End::CommitGivenUp(after) => {
                self.notes.asked(place, Asked::Commit);
                let (commit, patience) = (pin!(transaction.commit()), pin!(self.timers.sleep(after)));
                if let Either::Left((ended, _)) = select(commit, patience).await {
                    self.notes.told(place, answer_of(&ended, Answer::Committed));
                }
            }
            End::Abort => {
                self.notes.asked(place, Asked::Abort);
                let ended = transaction.abort().await;
                self.notes.told(place, answer_of(&ended, Answer::Aborted));
            }
            End::AbortDropped => {
                self.notes.asked(place, Asked::Abort);
                if let Some(ended) = once(transaction.abort()).await {
                    self.notes.told(place, answer_of(&ended, Answer::Aborted));
                }
            }
            End::Drop => {
                self.notes.asked(place, Asked::Abort);
                drop(transaction);
            }
        }
    }
}

/// A group whose offsets an instance commits.
pub(crate) fn group_of(transactional_id: &str, group: u32) -> String {
    format!("group-{transactional_id}-{group}")
}

type Kept = (u64, kp_producer::Delivery);
