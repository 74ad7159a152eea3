//! The thread that sends for one producer: warm-up, then the measured records.
//! Owns: the course. What is due when is [`Pace`]'s, what is sent [`Payload`]'s, what becomes of it [`Tally`]'s.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use kp_producer::ProducerRecord;

use super::{
    event::Event,
    in_transactions,
    pace::{Pace, Target, share},
    payload::Payload,
    records::Records,
    sending::Sending,
    tally::Tally,
};
use crate::produce::gate::{Gate, Waiter};

/// Behind the last commit, closing only has to end a thread.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Sender {
    pub(crate) producer: Sending,
    pub(crate) tally: Arc<Tally>,
    /// Shut when nothing more is to be sent.
    pub(crate) gate: Arc<Gate>,
    pub(crate) payload: Payload,
    pub(crate) topic: String,
    /// The measured records; it begins when [`start`](Self::start) says.
    pub(crate) pace: Pace,
    /// Records before them, of all senders together.
    pub(crate) warm_up: u64,
    /// When to begin.
    pub(crate) start: mpsc::Receiver<Instant>,
}

impl Sender {
    /// Runs on a thread of its own, which says [`Event::Ready`] once and [`Event::Ended`] at the end.
    pub(crate) fn spawn(mut self, events: mpsc::Sender<Event>) {
        let ended = self.gate.guard();
        thread::spawn(move || {
            let reason = catch_unwind(AssertUnwindSafe(|| self.run(&events).err()))
                .unwrap_or_else(|_| Some("a thread that sends has panicked".to_owned()));
            drop(ended);
            let reason = reason.or(self.close());
            // The receiver is gone only when the run is over.
            let _ = events.send(Event::Ended(reason));
        });
    }

    /// # Errors
    /// Why it stopped before its end; a gate that was shut is no reason.
    fn run(&mut self, events: &mpsc::Sender<Event>) -> Result<(), String> {
        let waiter = self.gate.waiter();
        // A topic that is not there is found before anything is sent, and its lookup is not part of a latency.
        let partitions =
            match self.gate.wait_for(&waiter, self.producer.watched().partitions_for(&self.topic)) {
                Some(found) => found.map_err(|error| error.to_string())?.len(),
                None => return Ok(()),
            };
        if self.warm_up > 0 {
            let records = share(self.warm_up, self.pace.place, self.pace.senders);
            let target = Target::Records(self.warm_up);
            self.send_all(Pace { start: Instant::now(), target, ..self.pace }, &waiter)?;
            self.flush(&waiter);
            let counts = self.tally.restart();
            if counts.acked < records && !self.gate.is_shut() {
                let why = counts.errors.values().next().map_or("", |met| met.first.as_str());
                return Err(format!("{} records of the warm-up failed: {why}", counts.not_acked()));
            }
        }
        let _ = events.send(Event::Ready { partitions });
        match self.start.recv() {
            Ok(start) => self.send_all(Pace { start, ..self.pace }, &waiter),
            Err(mpsc::RecvError) => Ok(()),
        }
    }

    fn send_all(&mut self, pace: Pace, waiter: &Waiter) -> Result<(), String> {
        let Self { producer, tally, gate, payload, topic, .. } = self;
        let mut records = Records { tally, gate, payload, topic, waiter };
        match producer {
            Sending::Plain(producer) => {
                let give =
                    async |record: ProducerRecord<'_>, token| producer.send_tagged(record, token).await;
                records.send(&pace, &mut 0, u64::MAX, &give).map(drop)
            }
            Sending::InTransactions { producer, size } => {
                in_transactions::send_all(producer, *size, &mut records, &pace)
            }
        }
    }

    /// Everything that was accepted is settled: with transactions it is behind the last commit.
    fn flush(&self, waiter: &Waiter) {
        if let Sending::Plain(producer) = &self.producer {
            // It refuses only on the network thread, which this is not.
            let _ = self.gate.wait_for(waiter, producer.flush());
        }
    }

    /// Who has transactions closes itself: no other thread may. Answers what is wrong with that.
    fn close(self) -> Option<String> {
        let waiter = self.gate.waiter();
        let Sending::InTransactions { producer, .. } = self.producer else { return None };
        let closed = Gate::wait_to_the_end(&waiter, producer.close(CLOSE_WITHIN)).ok()?;
        (closed.undelivered > 0).then(|| format!("closed with {} records undelivered", closed.undelivered))
    }
}

#[cfg(test)]
mod tests {
    use kp_producer::{Producer, ProducerConfig};
    use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};

    use super::*;
    use crate::{histogram::Latencies, perf::payload::Values};

    const LATE: Duration = Duration::from_secs(60);

    /// The least and the largest latency in milliseconds of twenty records, the first of which was due a minute ago.
    fn latencies(rate: Option<f64>) -> (f64, f64) {
        let broker = EmbeddedBroker::start(EmbeddedOptions::default()).unwrap();
        let began = Instant::now().checked_sub(LATE).expect("clocks begin earlier");
        let tally = Arc::new(Tally::new(began));
        let listener = Arc::clone(&tally);
        let config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
        let producer = Producer::builder(config)
            .on_delivery(move |token, report| listener.settled(token, &report))
            .build()
            .unwrap();
        let (begin, start) = mpsc::channel();
        let (events, incoming) = mpsc::channel();
        let sender = Sender {
            producer: Sending::Plain(producer.clone()),
            tally: Arc::clone(&tally),
            gate: Arc::default(),
            payload: Payload::new(Arc::new(Values::made_up("10".parse().unwrap())), None, 0, 1),
            topic: "t".to_owned(),
            pace: Pace { start: began, target: Target::Records(20), rate, place: 0, senders: 1 },
            warm_up: 3,
            start,
        };
        sender.spawn(events);
        assert!(matches!(incoming.recv(), Ok(Event::Ready { partitions: 1 })));
        begin.send(began).unwrap();
        assert!(matches!(incoming.recv(), Ok(Event::Ended(None))));
        kp_producer::blocking::Producer::from(producer).flush().unwrap();
        let mut latencies = Latencies::new();
        assert_eq!(tally.sample(&mut latencies).acked, 20, "without the warm-up");
        latencies.percentiles().map(|latency| (latency.min, latency.max)).unwrap()
    }

    #[test]
    fn with_a_rate_a_latency_begins_when_the_record_was_due() {
        // The last was due 20 ms after the first.
        let (least, _) = latencies(Some(1000.0));
        assert!(least >= 59_980.0, "{least}");
    }

    #[test]
    fn without_a_rate_a_latency_begins_with_the_call() {
        // They were sent within one connection's time, and that is not a minute.
        let (_, largest) = latencies(None);
        assert!(largest < 59_980.0, "{largest}");
    }
}
