//! One turn of the selector: what it found is read, written and matched with requests.

use super::NetworkClient;
use crate::broker::Broker;
use crate::connection::{Answer, Channel, Link, Setup, Taken};
use crate::{ConnectionNumber, DisconnectReason, Event, Selectable, SelectorEvent, Wait};
use bytes::Bytes;
use kp_protocol::BrokerId;
use std::mem;
use std::task::Poll;
use std::time::Instant;

/// Reads of one connection in one turn, so that a fast broker does not keep the others waiting.
const READS_PER_TURN: usize = 16;

impl<S: Selectable> NetworkClient<S> {
    /// Waits from `before` on, then does what the selector says. Answers the time after the wait, and whether the waker
    /// was woken.
    pub(super) fn turn(&mut self, before: Instant, wait: Wait) -> (Instant, bool) {
        let mut found = self.turns.take_list();
        let woken = self.selectable.poll(wait, &mut found);
        let now = self.clock.now();
        self.counters.totals.turns += 1;
        self.counters.totals.io_wait += now.saturating_duration_since(before);
        for (id, number) in self.turns.take_unread() {
            if self.numbers.broker_of(number) == Some(id) {
                self.read(now, id);
            }
        }
        for event in found.drain(..) {
            self.take(now, event);
        }
        self.turns.keep_list(found);
        (now, woken)
    }

    fn take(&mut self, now: Instant, event: SelectorEvent) {
        let number = event.number();
        // Events of a connection that has ended meanwhile are dropped.
        let Some(id) = self.numbers.broker_of(number) else { return };
        match event {
            SelectorEvent::Resolved { result, .. } => self.resolved(now, id, result),
            SelectorEvent::Connected { .. } => self.connected(now, id),
            SelectorEvent::Encrypting { .. } => self.encrypting(id),
            SelectorEvent::ConnectFailed { error, .. } => self.not_connected(now, id, error),
            SelectorEvent::Readable { .. } => self.read(now, id),
            SelectorEvent::Writable { .. } => self.write(now, id),
            SelectorEvent::Worked { worked, .. } => self.worked(now, id, worked),
        }
    }

    /// Writes on, as far as the socket takes it.
    pub(super) fn write(&mut self, now: Instant, id: BrokerId) {
        let Self { brokers, selectable, counters, .. } = self;
        let Some(broker) = brokers.get_mut(&id) else { return };
        let Some(channel) = broker.link.channel_mut() else { return };
        match channel.write(selectable, &mut counters.of(id)) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                if broker.link.setup().is_some_and(Setup::ends_with_a_write) {
                    return self.set_up_written(now, id);
                }
                let Some(ready) = broker.link.ready_mut() else { return };
                let end = ready.written(now);
                self.pending.extend(end.done.map(|token| Event::Written { token }));
                self.pending.extend(end.awaited.then_some(Event::Writable { broker: id }));
                self.close_if_left(now, id);
            }
            Poll::Ready(Err(error)) => {
                // Answers that came before the end are still answers.
                let number = broker.link.number();
                self.read(now, id);
                if self.number_of(id) == number {
                    self.lost(now, id, Some(&error));
                }
            }
        }
    }

    /// Reads what is there, and hands on each whole frame.
    pub(super) fn read(&mut self, now: Instant, id: BrokerId) {
        let Some(number) = self.number_of(id) else { return };
        for _ in 0..READS_PER_TURN {
            let Self { brokers, selectable, counters, .. } = self;
            let Some(channel) = channel_of(brokers.get_mut(&id), number) else { return };
            match channel.read(selectable, &mut counters.of(id)) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.lost(now, id, None),
                Poll::Ready(Ok(_)) => self.take_frames(now, id, number),
                Poll::Ready(Err(error)) => return self.lost(now, id, Some(&error)),
            }
        }
        self.turns.read_on(id, number);
    }

    fn take_frames(&mut self, now: Instant, id: BrokerId, number: ConnectionNumber) {
        while let Some(channel) = channel_of(self.brokers.get_mut(&id), number) {
            match channel.next_frame() {
                Ok(Some(frame)) => self.take_frame(now, id, &frame),
                Ok(None) => return,
                Err(error) => return self.sent_no_frame(now, id, &error),
            }
        }
    }

    fn take_frame(&mut self, now: Instant, id: BrokerId, frame: &Bytes) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        match mem::replace(&mut broker.link, Link::Down) {
            Link::Setup(setup) => {
                let host = broker.host();
                let step = setup.frame(&mut self.setup_context(now, &host), frame);
                self.counters.of(id).responded();
                self.take_step(now, id, step);
            }
            Link::Ready(mut ready) => match ready.answered(now, frame) {
                Ok(Taken::Own(answer)) => {
                    broker.link = Link::Ready(ready);
                    self.counters.of(id).responded();
                    self.renewal_answered(now, id, &answer);
                }
                Ok(Taken::Answer(Answer { token, body, latency })) => {
                    broker.link = Link::Ready(ready);
                    let mut counters = self.counters.of(id);
                    counters.responded();
                    counters.took(latency);
                    self.pending.push(Event::Answered { token, body });
                    self.close_if_left(now, id);
                }
                Err(reason) => {
                    self.end_link(now, id, Link::Ready(ready), DisconnectReason::ProtocolError(reason));
                }
            },
            Link::Down => {}
        }
    }

    fn number_of(&self, id: BrokerId) -> Option<ConnectionNumber> {
        self.brokers.get(&id)?.link.number()
    }
}

/// The bytes of this very connection, if it is still there.
fn channel_of(broker: Option<&mut Broker>, number: ConnectionNumber) -> Option<&mut Channel> {
    broker?.link.channel_mut().filter(|channel| channel.number() == number)
}
