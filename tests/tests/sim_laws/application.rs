//! The application of a run: a few tasks that send, and its end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kp_producer::{Certainty, Delivery, DeliveryError, Producer, ProducerRecord, RecordMetadata};
use kp_sim::SimClock;
use kp_tests::laws::{Sent, Told};
use kp_tests::simulation::dice::Dice;
use kp_tests::simulation::tasks::once;
use kp_tests::simulation::timers::Timers;
use kp_tests::simulation::trouble::TopicPlan;
use kp_time::Clock;

use crate::plan::{Ending, TaskPlan};

/// What the application has noted; shared by its tasks and by callbacks.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) sent: BTreeMap<u64, Sent>,
    next_accepted: u64,
    /// When the last record was accepted, told or refused.
    pub(crate) last_news: Option<Instant>,
}

pub(crate) type SharedNotes = Arc<std::sync::Mutex<Notes>>;

impl Notes {
    pub(crate) fn is_any_accepted(&self) -> bool {
        self.next_accepted > 0
    }

    fn accept(&mut self, id: u64) {
        self.sent.entry(id).or_default().accepted = Some(self.next_accepted);
        self.next_accepted += 1;
    }

    fn tell(&mut self, now: Instant, id: u64, outcome: Result<RecordMetadata, DeliveryError>) {
        let told = match outcome {
            Ok(written) => Told::Written {
                place: (written.topic().to_owned(), written.partition().0),
                offset: written.offset(),
            },
            Err(error) if error.certainty() == Certainty::NotWritten => Told::NotWritten(error.to_string()),
            Err(error) => Told::Unknown(error.to_string()),
        };
        self.sent.entry(id).or_default().told.push(told);
        self.last_news = Some(now);
    }
}

/// One task: sends its records, in the ways its plan says.
pub(crate) async fn send_records(
    producer: Producer,
    plan: TaskPlan,
    number: usize,
    topics: Vec<TopicPlan>,
    takes_headers: bool,
    notes: SharedNotes,
    timers: Timers,
) {
    let mut dice = Dice::seeded(plan.seed);
    let mut kept: VecDeque<(u64, Delivery)> = VecDeque::new();
    let clock = timers.clock().clone();
    for index in 0..plan.records {
        let id = number as u64 * 1_000_000 + u64::from(index);
        let topic = dice.of(&topics);
        let size = 8 + dice.below(plan.largest_value as u64) as usize;
        let mut value = vec![b'.'; size];
        value[..8].copy_from_slice(&id.to_be_bytes());
        let key = dice.chance(plan.keyed).then(|| dice.below(9).to_string());
        let mut record = ProducerRecord::to(&topic.name).value(&value);
        if let Some(key) = &key {
            record = record.key(key);
        }
        if takes_headers && dice.chance(0.1) {
            record = record.header("trace", "0123456789");
        }
        if dice.chance(0.05) {
            record = record.partition(dice.below(topic.partitions as u64) as i32);
        }
        notes.lock().unwrap().sent.entry(id).or_default();
        match dice.below(4) {
            0 => send_with(&producer, record, id, &notes, &clock, dice.chance(plan.gives_up)).await,
            1 => {
                if let Ok(delivery) = producer.try_send(record) {
                    notes.lock().unwrap().accept(id);
                    kept.push_back((id, delivery));
                }
            }
            _ => {
                let sending = producer.send(record);
                let sent = if dice.chance(plan.gives_up) { once(sending).await } else { Some(sending.await) };
                if let Some(Ok(delivery)) = sent {
                    notes.lock().unwrap().accept(id);
                    kept.push_back((id, delivery));
                }
            }
        }
        if dice.chance(plan.awaits)
            && let Some((id, delivery)) = kept.pop_front()
        {
            let outcome = delivery.await;
            notes.lock().unwrap().tell(clock.now(), id, outcome);
        }
        if dice.chance(plan.flushes) {
            // Not on the network thread: it cannot be refused.
            let _ = producer.flush().await;
        }
        if !plan.pace.is_zero() {
            timers.sleep(plan.pace).await;
        }
    }
    for (id, delivery) in kept {
        let outcome = delivery.await;
        notes.lock().unwrap().tell(clock.now(), id, outcome);
    }
}

async fn send_with(
    producer: &Producer,
    record: ProducerRecord<'_>,
    id: u64,
    notes: &SharedNotes,
    clock: &SimClock,
    gives_up: bool,
) {
    let (told, told_at) = (Arc::clone(notes), clock.clone());
    let callback = move |outcome| told.lock().unwrap().tell(told_at.now(), id, outcome);
    let sending = producer.send_with(record, callback);
    let accepted = if gives_up { once(sending).await } else { Some(sending.await) };
    if let Some(Ok(())) = accepted {
        notes.lock().unwrap().accept(id);
    }
}

/// The end of the application, as planned. The last handle goes with it.
pub(crate) async fn finish(producer: Producer, ending: Ending) {
    match ending {
        Ending::FlushAndClose => {
            let _ = producer.flush().await;
            let _ = producer.close(Duration::from_secs(3600)).await;
        }
        Ending::Close(within) => {
            let _ = producer.close(within).await;
        }
        Ending::Drop => {}
    }
}
