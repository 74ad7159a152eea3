//! What the host of a bootstrap entry is called: as its address says, if that is wanted (SE49, KIP-235).

use super::NetworkClient;
use crate::Selectable;
use kp_protocol::BrokerId;
use kp_sasl::{Work, Worked};
use std::net::SocketAddr;
use std::sync::Arc;

impl<S: Selectable> NetworkClient<S> {
    /// There is an address to connect to; of a bootstrap entry its name may have to be found first.
    pub(super) fn reach(&mut self, id: BrokerId, address: SocketAddr) {
        let names = self.settings.canonical_names.clone().filter(|_| id.is_bootstrap());
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        match (names, broker.link.setup_mut()) {
            (Some(names), Some(setup)) => {
                setup.naming(address);
                let look = move || Worked::done(names.name_of(address.ip()));
                self.selectable.work(setup.number(), Work::new("look up the name of an address", look));
            }
            _ => self.connect(id, address),
        }
    }

    /// The name of the address was looked for.
    pub(super) fn named(&mut self, id: BrokerId, address: SocketAddr, worked: &Worked) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let name = worked.result::<Option<String>>().and_then(Option::as_deref);
        broker.canonical = name.map(Arc::from);
        self.connect(id, address);
    }
}
