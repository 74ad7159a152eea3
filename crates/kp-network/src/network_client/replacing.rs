//! The steps of making connections anew, one after the other (A13). Whose turn it is stands in `replacement.rs`.

use super::NetworkClient;
use super::replacement::Current;
use crate::connection::Link;
use crate::{ConnectionNumber, DisconnectReason, Selectable};
use kp_protocol::BrokerId;
use std::time::Instant;

impl<S: Selectable> NetworkClient<S> {
    /// Each connection that is ready now is to be made anew. Those on their way to ready have the newest credentials, or get
    /// them with their next attempt.
    pub(super) fn replace_connections(&mut self) {
        let ready = |link: &Link| matches!(link, Link::Ready(_)).then(|| link.number()).flatten();
        let all = self.brokers.iter().filter_map(|(id, broker)| Some((*id, ready(&broker.link)?)));
        self.turns.replacement.waiting = all.collect();
    }

    /// Takes the steps that can be taken now.
    pub(super) fn go_on_replacing(&mut self, now: Instant) {
        if self.selectable.is_reloading() {
            return;
        }
        loop {
            let next = match self.turns.replacement.current {
                None => {
                    let waiting = self.turns.replacement.waiting.pop_front();
                    waiting.map(|(id, number)| Current::Draining(id, number))
                }
                Some(Current::Draining(id, number)) => match self.ready_of(id, number) {
                    Some(true) => self.remake(now, id),
                    Some(false) => return,
                    None => None,
                },
                Some(Current::Remaking(id, number)) => match self.brokers.get(&id) {
                    Some(broker) if broker.link.number() == Some(number) && broker.link.setup().is_some() => {
                        return;
                    }
                    // One address of its name is not the broker: with all connections closed at once none could be asked.
                    Some(broker) if matches!(broker.link, Link::Down) && broker.addresses.untried() > 0 => {
                        self.attempt_at_once(now, id)
                    }
                    Some(_) | None => None,
                },
            };
            self.turns.replacement.current = next;
            if next.is_none() && self.turns.replacement.waiting.is_empty() {
                return;
            }
        }
    }

    /// Whether nothing goes on on this very connection; `None` if it is not there any more.
    fn ready_of(&self, id: BrokerId, number: ConnectionNumber) -> Option<bool> {
        match &self.brokers.get(&id)?.link {
            Link::Ready(ready) if ready.number() == number => Some(ready.is_at_rest()),
            Link::Ready(_) | Link::Setup(_) | Link::Down => None,
        }
    }

    fn remake(&mut self, now: Instant, id: BrokerId) -> Option<Current> {
        self.end(now, id, DisconnectReason::Asked("credentials were read again".into()));
        self.attempt_at_once(now, id)
    }

    fn attempt_at_once(&mut self, now: Instant, id: BrokerId) -> Option<Current> {
        self.brokers.get_mut(&id)?.attempts.allow();
        self.begin_attempt(now, id);
        Some(Current::Remaking(id, self.brokers.get(&id)?.link.number()?))
    }
}
