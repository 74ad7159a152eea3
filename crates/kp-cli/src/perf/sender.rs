//! The thread that sends for one producer: warm-up, then the measured records.
//! Owns: the loop. What is due when is [`Pace`]'s, what is sent [`Payload`]'s, what becomes of it [`Tally`]'s.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use kp_producer::{Producer, ProducerRecord, SendErrorKind};

use super::{
    event::Event,
    pace::{Pace, Step, Target, share},
    payload::Payload,
    tally::Tally,
};
use crate::produce::gate::{Gate, Waiter};

pub(crate) struct Sender {
    pub(crate) producer: Producer,
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
            // The receiver is gone only when the run is over.
            let _ = events.send(Event::Ended(reason));
        });
    }

    /// # Errors
    /// Why it stopped before its end; a gate that was shut is no reason.
    fn run(&mut self, events: &mpsc::Sender<Event>) -> Result<(), String> {
        let waiter = self.gate.waiter();
        // A topic that is not there is found before anything is sent, and its lookup is not part of a latency.
        let partitions = match self.gate.wait_for(&waiter, self.producer.partitions_for(&self.topic)) {
            Some(found) => found.map_err(|error| error.to_string())?.len(),
            None => return Ok(()),
        };
        if self.warm_up > 0 {
            let records = share(self.warm_up, self.pace.place, self.pace.senders);
            let target = Target::Records(self.warm_up);
            self.send_all(Pace { start: Instant::now(), target, ..self.pace }, &waiter)?;
            // It refuses only on the network thread, which this is not.
            let _ = self.gate.wait_for(&waiter, self.producer.flush());
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
        let mut sent = 0;
        while !self.gate.is_shut() {
            match pace.step(sent, Instant::now()) {
                Step::Send(start) => self.send(start, waiter)?,
                Step::WaitUntil(due) => {
                    // Shutting the gate wakes it.
                    thread::park_timeout(due.saturating_duration_since(Instant::now()));
                    continue;
                }
                Step::End { missed } => {
                    self.tally.missed(missed);
                    break;
                }
            }
            sent += 1;
        }
        Ok(())
    }

    /// # Errors
    /// Why the next record would fail the same way; this one is counted as failed.
    fn send(&mut self, start: Instant, waiter: &Waiter) -> Result<(), String> {
        let (key, value) = self.payload.next();
        let token = self.tally.begin(start, key.map_or(0, str::len) + value.len());
        let mut record = ProducerRecord::to(&self.topic).value(value);
        if let Some(key) = key {
            record = record.key(key);
        }
        match self.gate.wait_for(waiter, self.producer.send_tagged(record, token)) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                self.tally.refused(&error);
                // A full buffer has room again some day; anything else is the same for the next record.
                match error.kind() {
                    SendErrorKind::BufferExhausted { .. } => Ok(()),
                    _ => Err(error.to_string()),
                }
            }
            None => {
                self.tally.withdraw();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kp_producer::ProducerConfig;
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
            producer: producer.clone(),
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
