//! What hosts of `bootstrap.servers` are called where their addresses say it: `client.dns.lookup` of a producer (KIP-235).
//! Owns: what becomes of the list. Blocks as long as name servers take. Never: a connection, or a name that the cluster told.

use std::{
    net::{IpAddr, ToSocketAddrs as _},
    sync::Arc,
};

use kp_network::{CanonicalNames, SystemNames};
use kp_producer::config::Settings;

use super::Bootstrap;

/// The value of the key that wants it.
const WANTED: &str = "resolve_canonical_bootstrap_servers_only";

/// The names of addresses, if the configuration wants them.
pub(crate) struct Canonical {
    names: Option<Arc<dyn CanonicalNames>>,
}

impl Canonical {
    /// As a producer with these settings names its bootstrap entries.
    pub(crate) fn of(settings: &Settings) -> Self {
        let is_wanted = settings.client_dns_lookup == WANTED;
        Self { names: is_wanted.then(|| Arc::new(SystemNames) as _) }
    }

    /// Whether the configuration wants them.
    pub(crate) fn is_wanted(&self) -> bool {
        self.names.is_some()
    }

    /// What the host at this address is called; `None`: as the configuration does.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<String> {
        self.names.as_ref()?.name_of(address)
    }

    /// Each address of each entry by its own name, in their order and each once. An entry that cannot be looked up stays: who
    /// connects to it says why.
    pub(super) fn expand(&self, bootstrap: Bootstrap) -> Bootstrap {
        if !self.is_wanted() {
            return bootstrap;
        }
        let mut expanded = Bootstrap::new();
        for (host, port) in bootstrap {
            let addresses = (&*host, port).to_socket_addrs().into_iter().flatten();
            let mut names: Vec<String> =
                addresses.map(|address| self.name_of(address.ip()).unwrap_or_else(|| host.clone())).collect();
            if names.is_empty() {
                names.push(host);
            }
            for entry in names.into_iter().map(|name| (name, port)) {
                if !expanded.contains(&entry) {
                    expanded.push(entry);
                }
            }
        }
        expanded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Book;

    impl CanonicalNames for Book {
        fn name_of(&self, address: IpAddr) -> Option<String> {
            (address == IpAddr::from([127, 0, 0, 1])).then(|| "broker-1.example.com".to_owned())
        }
    }

    fn expanded(names: Option<Arc<dyn CanonicalNames>>) -> Bootstrap {
        let entry = |host: &str| (host.to_owned(), 9092);
        let bootstrap = vec![entry("127.0.0.1"), entry("127.0.0.2"), entry("127.0.0.1")];
        Canonical { names }.expand(bootstrap)
    }

    // SE49
    #[test]
    fn entries_get_the_names_of_their_addresses_once_each_and_stay_where_there_is_none() {
        let entry = |host: &str| (host.to_owned(), 9092);
        assert_eq!(expanded(Some(Arc::new(Book))), [entry("broker-1.example.com"), entry("127.0.0.2")]);
        assert_eq!(expanded(None).len(), 3, "it is not wanted");
    }
}
