//! The clients in front of one cluster: what each has not been told yet, and until when it sleeps, so that no other moves
//! time past it. Owned by the world; knows connections by their numbers only.

use std::collections::BTreeMap;
use std::time::Instant;

use kp_network::{ConnectionNumber, SelectorEvent};

/// How many bits of a connection's number are its client's own.
const OWN_BITS: u32 = 48;

/// One client of the network. Clients number their connections alike: in the world a connection has its client's number above
/// its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientNumber(u64);

impl ClientNumber {
    /// The number of this client's connection in the world.
    pub(super) fn wide(self, own: ConnectionNumber) -> ConnectionNumber {
        ConnectionNumber(self.0 << OWN_BITS | own.0)
    }

    /// Whether a connection of the world is this client's.
    pub(super) fn has(self, wide: ConnectionNumber) -> bool {
        wide.0 >> OWN_BITS == self.0
    }
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    count: u64,
    /// What was not told yet, oldest first.
    untold: Vec<(ClientNumber, SelectorEvent)>,
    /// Until when each that waits has said that it waits.
    asleep: BTreeMap<ClientNumber, Instant>,
}

impl Clients {
    /// One more.
    pub(super) fn add(&mut self) -> ClientNumber {
        self.count += 1;
        ClientNumber(self.count - 1)
    }

    /// Something for the client of a connection of the world.
    pub(super) fn tell(
        &mut self,
        wide: ConnectionNumber,
        event: impl FnOnce(ConnectionNumber) -> SelectorEvent,
    ) {
        let own = ConnectionNumber(wide.0 & ((1 << OWN_BITS) - 1));
        self.untold.push((ClientNumber(wide.0 >> OWN_BITS), event(own)));
    }

    /// What `client` has not been told yet.
    pub(super) fn take_events(&mut self, client: ClientNumber, events: &mut Vec<SelectorEvent>) {
        let (own, others) =
            std::mem::take(&mut self.untold).into_iter().partition(|(whose, _)| *whose == client);
        self.untold = others;
        let own: Vec<(ClientNumber, SelectorEvent)> = own;
        events.extend(own.into_iter().map(|(_, event)| event));
    }

    /// `client` waits until then.
    pub(super) fn sleep(&mut self, client: ClientNumber, until: Instant) {
        self.asleep.insert(client, until);
    }

    /// Whether another client has something to look at, or has slept long enough.
    pub(super) fn another_is_due(&self, client: ClientNumber, now: Instant) -> bool {
        self.untold.iter().any(|(whose, _)| *whose != client)
            || self.wake_of_others(client).is_some_and(|at| at <= now)
    }

    /// When the first of the other clients wants to be woken.
    pub(super) fn wake_of_others(&self, client: ClientNumber) -> Option<Instant> {
        self.asleep.iter().filter(|(whose, _)| **whose != client).map(|(_, at)| *at).min()
    }

    /// It is gone.
    pub(super) fn forget(&mut self, client: ClientNumber) {
        self.asleep.remove(&client);
        self.untold.retain(|(whose, _)| *whose != client);
    }
}

#[cfg(test)]
mod tests {
    use kp_time::Clock;
    use std::time::Duration;

    use super::*;
    use crate::SimClock;

    #[test]
    fn a_client_hears_of_its_own_connections_and_wakes_for_the_others() {
        let now = SimClock::new().now();
        let later = now + Duration::from_secs(1);
        let mut clients = Clients::default();
        let (first, second) = (clients.add(), clients.add());
        let number = ConnectionNumber(7);
        assert_eq!(first.wide(number), number, "one client alone goes by its own numbers");
        assert!(second.has(second.wide(number)) && !first.has(second.wide(number)));

        clients.tell(second.wide(number), |number| SelectorEvent::Readable { number });
        let mut heard = Vec::new();
        clients.take_events(first, &mut heard);
        assert!(heard.is_empty() && clients.another_is_due(first, now));
        clients.take_events(second, &mut heard);
        assert!(matches!(heard[..], [SelectorEvent::Readable { number: ConnectionNumber(7) }]));
        assert!(!clients.another_is_due(first, now));

        clients.sleep(second, later);
        assert_eq!(clients.wake_of_others(first), Some(later));
        assert!(!clients.another_is_due(second, later) && clients.another_is_due(first, later));
        clients.forget(second);
        assert!(!clients.another_is_due(first, later));
    }
}
