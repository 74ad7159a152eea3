//! The records of one sender: each is made up, sent when it is due, and noted.
//! Owns nothing; borrows what the sender has. Never: a transaction.

use std::{thread, time::Instant};

use kp_producer::{ProducerRecord, SendError, SendErrorKind};

use super::{
    pace::{Pace, Step},
    payload::Payload,
    tally::Tally,
};
use crate::produce::gate::{Gate, Waiter};

/// What is sent, and what is noted of it.
pub(super) struct Records<'a> {
    pub(super) tally: &'a Tally,
    /// Shut when nothing more is to be sent.
    pub(super) gate: &'a Gate,
    pub(super) payload: &'a mut Payload,
    pub(super) topic: &'a str,
    pub(super) waiter: &'a Waiter,
}

impl Records<'_> {
    /// Sends `most` records, `sent` of which are behind it; answers whether more may follow.
    ///
    /// # Errors
    /// Why the next record would fail the same way.
    pub(super) fn send(
        &mut self,
        pace: &Pace,
        sent: &mut u64,
        most: u64,
        give: &impl AsyncFn(ProducerRecord<'_>, u64) -> Result<(), SendError>,
    ) -> Result<bool, String> {
        let end = sent.saturating_add(most);
        while *sent < end {
            if self.gate.is_shut() {
                return Ok(false);
            }
            match pace.step(*sent, Instant::now()) {
                Step::Send(start) => self.send_one(start, give)?,
                Step::WaitUntil(due) => {
                    // Shutting the gate wakes it.
                    thread::park_timeout(due.saturating_duration_since(Instant::now()));
                    continue;
                }
                Step::End { missed } => {
                    self.tally.missed(missed);
                    return Ok(false);
                }
            }
            *sent += 1;
        }
        Ok(true)
    }

    /// # Errors
    /// Why the next record would fail the same way; this one is counted as failed.
    fn send_one(
        &mut self,
        start: Instant,
        give: &impl AsyncFn(ProducerRecord<'_>, u64) -> Result<(), SendError>,
    ) -> Result<(), String> {
        let (key, value) = self.payload.next();
        let token = self.tally.begin(start, key.map_or(0, str::len) + value.len());
        let mut record = ProducerRecord::to(self.topic).value(value);
        if let Some(key) = key {
            record = record.key(key);
        }
        match self.gate.wait_for(self.waiter, give(record, token)) {
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
