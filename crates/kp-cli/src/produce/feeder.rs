//! The thread that reads and sends.
//! Owns: the input while it runs, and the decision whether a refused record ends it.

use std::{cell::Cell, sync::Arc};

use kp_producer::{Producer, SendError, SendErrorKind};

use super::{
    gate::{Gate, Waiter},
    input::Source,
    input_record::InputRecord,
    lines::Line,
    outcome_line::Place,
    outcomes::Outcomes,
    stopped::{Stopped, ends_the_input},
    template::Template,
};

pub(crate) struct Feeder {
    pub(crate) producer: Producer,
    pub(crate) outcomes: Arc<Outcomes>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) template: Template,
    /// Bytes, for the message about a line that is longer.
    pub(crate) max_request_size: usize,
    /// How many partitions the topic has, once a line has named one beyond them: it is not waited for again.
    pub(crate) partitions: Cell<Option<usize>>,
}

impl Feeder {
    /// Sends every line; answers why it stopped before the end, if it did and the gate was open.
    pub(crate) fn run(&self, sources: Vec<Source>) -> Option<Stopped> {
        let waiter = self.gate.waiter();
        for (number, mut source) in (0..).zip(sources) {
            let mut place = Place { source: number, line: 0 };
            loop {
                let line = match source.lines.next_line() {
                    Ok(line) => line,
                    Err(error) => {
                        let what = format!("{}, after line {}: {error}", source.name, place.line);
                        return Some(Stopped::because(what));
                    }
                };
                // A shut gate looks like the end of the input, perhaps in the middle of a line.
                if self.gate.is_shut() {
                    return None;
                }
                let Some(line) = line else { break };
                place.line += 1;
                if let Err(reason) = self.send_line(line, place, &waiter) {
                    let reason = format!("{}: {reason}", self.outcomes.locate(place));
                    return Some(Stopped { reason, is_counted: true });
                }
            }
        }
        None
    }

    /// # Errors
    /// Why nothing behind this line should be tried either; the line itself has been counted and told as failed.
    fn send_line(&self, line: Line<'_>, place: Place, waiter: &Waiter) -> Result<(), String> {
        match line {
            Line::TooLong(bytes) => {
                let what = format!(
                    "{bytes} bytes, more than a record may have (max.request.size = {})",
                    self.max_request_size
                );
                self.outcomes.rejected(place, what);
                Ok(())
            }
            Line::Bytes(bytes) => match self.template.syntax.parse(bytes) {
                Err(what) => {
                    self.outcomes.rejected(place, what);
                    Ok(())
                }
                Ok(record) => self.send(&record, place, waiter),
            },
        }
    }

    /// A line whose sending Ctrl-C cuts short counts as not sent at all.
    fn send(&self, input: &InputRecord<'_>, place: Place, waiter: &Waiter) -> Result<(), String> {
        if let (Some(partition), Some(partitions)) = (input.partition, self.partitions.get())
            && usize::try_from(partition).is_ok_and(|partition| partition >= partitions)
        {
            let what = format!("partition {partition} does not exist, the topic has {partitions}");
            self.outcomes.rejected(place, what);
            return Ok(());
        }
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let bytes = length(input.key.as_deref()) + length(input.value.as_deref());
        let sent = self.outcomes.begin(place, bytes, || self.gate.is_shut());
        let outcomes = Arc::clone(&self.outcomes);
        let record = self.template.record(input);
        let sending = self.producer.send_with(record, move |result| outcomes.settled(sent, result));
        // A wait for room that was cut short must not become a record.
        let accepted = if self.gate.is_shut() { None } else { self.gate.wait_for(waiter, sending) };
        match accepted {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                self.outcomes.refused(sent, &error);
                self.go_on_after(input, &error)
            }
            // `run` finds the gate shut before the next line.
            None => {
                self.outcomes.withdraw();
                Ok(())
            }
        }
    }

    /// # Errors
    /// As for [`send_line`](Self::send_line).
    fn go_on_after(&self, input: &InputRecord<'_>, refusal: &SendError) -> Result<(), String> {
        if let (Some(_), SendErrorKind::NoSuchPartition { partitions, .. }) =
            (input.partition, refusal.kind())
        {
            // The line's own mistake; the next one may name another.
            self.partitions.set(Some(*partitions));
            return Ok(());
        }
        if ends_the_input(refusal) { Err(refusal.to_string()) } else { Ok(()) }
    }
}
