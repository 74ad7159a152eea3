//! What an operator is told of a connection's security although it works.

use super::NetworkClient;
use crate::connection::Link;
use crate::{Event, SecurityNotice, Selectable};
use kp_protocol::BrokerId;

impl<S: Selectable> NetworkClient<S> {
    /// A set-up goes on: are secrets shown to a broker that may not be what it seems? (H25)
    pub(super) fn notice_bare_tokens(&mut self, id: BrokerId) {
        if self.selectable.is_encrypted() {
            return;
        }
        let Some(exchange) = self.brokers.get(&id).and_then(|broker| broker.link.exchange()) else { return };
        let notice = self.known.notices.of_exchange(exchange);
        self.tell(id, notice);
    }

    /// A connection was authenticated: how long is that good for? (H41)
    pub(super) fn notice_short_session(&mut self, id: BrokerId) {
        let Some(Link::Ready(ready)) = self.brokers.get(&id).map(|broker| &broker.link) else { return };
        let notice = ready.session_lifetime().and_then(|lifetime| self.known.notices.of_session(lifetime));
        self.tell(id, notice);
    }

    fn tell(&mut self, id: BrokerId, notice: Option<SecurityNotice>) {
        let (Some(notice), Some(broker)) = (notice, self.brokers.get(&id)) else { return };
        let address = broker.describe(&broker.link);
        self.pending.push(Event::SecurityNoticed { broker: id, address, notice });
    }
}
