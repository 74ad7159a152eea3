//! Addresses to names, as the system does it (`getnameinfo`).
//! Owns: nothing. Blocks; called on the thread for work.

use crate::CanonicalNames;
use std::net::{IpAddr, ToSocketAddrs};

/// The names that the system knows. A name counts only if it leads back to its address, as in Java: who owns an address
/// may have it say any name.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl CanonicalNames for SystemNames {
    fn name_of(&self, address: IpAddr) -> Option<String> {
        let name = dns_lookup::lookup_addr(&address).ok()?;
        let name = name.strip_suffix('.').unwrap_or(&name);
        let mut back = (name, 0).to_socket_addrs().ok()?;
        let is_its_own = back.any(|found| found.ip() == address) && name.parse::<IpAddr>().is_err();
        is_its_own.then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SE49
    #[test]
    fn this_machine_has_a_name_and_an_address_of_no_host_has_none() {
        let names: Vec<_> = [[127, 0, 0, 1].into(), "::1".parse().unwrap()]
            .into_iter()
            .filter_map(|address| SystemNames.name_of(address))
            .collect();
        assert!(!names.is_empty() && names.iter().all(|name| !name.ends_with('.')), "{names:?}");
        // A block for documentation (RFC 5737).
        assert_eq!(SystemNames.name_of([203, 0, 113, 7].into()), None);
    }
}
