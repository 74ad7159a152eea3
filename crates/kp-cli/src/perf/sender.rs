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
    Event,
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
            // Nobody listens any more only if the run is over.
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
                let why = counts.errors.keys().next().cloned().unwrap_or_default();
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
                    // Whoever shuts the gate wakes it.
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
