//! The addresses behind a broker's name, tried in turn (NC16–NC18, KIP-302).
//! Owned by one broker's state. Resolves nothing itself: it is told what the resolver found.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// What is known about where a name leads.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    untried: VecDeque<SocketAddr>,
    last_tried: Option<SocketAddr>,
}

impl Addresses {
    /// The address to try now, or `None`: look the name up.
    pub(crate) fn next_untried(&mut self) -> Option<SocketAddr> {
        let next = self.untried.pop_front()?;
        self.last_tried = Some(next);
        Some(next)
    }

    /// Takes what a look-up found, each address once. IPv4 goes first, as in Java, so that `localhost` does not cost
    /// a refused attempt; the address tried last goes to the end, since it has just failed or been lost.
    pub(crate) fn resolved(&mut self, found: impl IntoIterator<Item = SocketAddr>) {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.sort_by_key(|address| (Some(*address) == self.last_tried, address.is_ipv6()));
        self.untried = addresses.into();
    }

    /// How many addresses are left to try before the name is looked up again.
    pub(crate) fn untried(&self) -> usize {
        self.untried.len()
    }

    /// An established connection was lost: the name may lead elsewhere by now.
    pub(crate) fn forget(&mut self) {
        self.untried.clear();
    }
}

/// The address that `host` is, if it is one and no name: nothing to look up.
pub(crate) fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_tried_in_turn_then_the_name_is_looked_up_again() {
        // NC16
        let mut addresses = Addresses::default();
        assert_eq!(addresses.next_untried(), None);
        addresses.resolved([at("10.0.0.1:9"), at("10.0.0.2:9"), at("10.0.0.1:9")]);
        assert_eq!(addresses.next_untried(), Some(at("10.0.0.1:9")));
        assert_eq!(addresses.next_untried(), Some(at("10.0.0.2:9")));
        assert_eq!(addresses.next_untried(), None);
    }

    #[test]
    fn the_address_tried_last_is_not_the_first_of_a_new_look_up() {
        // NC16
        let mut addresses = Addresses::default();
        addresses.resolved([at("10.0.0.1:9"), at("10.0.0.2:9")]);
        assert_eq!(addresses.next_untried(), Some(at("10.0.0.1:9")));
        addresses.forget();
        addresses.resolved([at("10.0.0.1:9"), at("10.0.0.2:9"), at("10.0.0.3:9")]);
        let order: Vec<_> = std::iter::from_fn(|| addresses.next_untried()).collect();
        assert_eq!(order, [at("10.0.0.2:9"), at("10.0.0.3:9"), at("10.0.0.1:9")]);
    }

    #[test]
    fn a_single_address_is_tried_again_after_it_failed() {
        // NC16
        let mut addresses = Addresses::default();
        addresses.resolved([at("10.0.0.1:9")]);
        assert_eq!(addresses.next_untried(), Some(at("10.0.0.1:9")));
        addresses.resolved([at("10.0.0.1:9")]);
        assert_eq!(addresses.next_untried(), Some(at("10.0.0.1:9")));
    }

    #[test]
    fn ipv4_is_tried_before_ipv6() {
        let mut addresses = Addresses::default();
        addresses.resolved([at("[::1]:9"), at("127.0.0.1:9")]);
        assert_eq!(addresses.next_untried(), Some(at("127.0.0.1:9")));
        assert_eq!(addresses.next_untried(), Some(at("[::1]:9")));
    }

    #[test]
    fn an_address_is_no_name() {
        assert_eq!(literal("127.0.0.1", 9092), Some(at("127.0.0.1:9092")));
        assert_eq!(literal("::1", 9092), Some(at("[::1]:9092")));
        assert_eq!(literal("localhost", 9092), None);
    }
}
