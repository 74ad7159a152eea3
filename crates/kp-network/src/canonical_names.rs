//! The names of addresses: `client.dns.lookup=resolve_canonical_bootstrap_servers_only` (KIP-235).
//! Owns: the trait. Never: a look-up; who asks does so away from the network thread.

use std::fmt;
use std::net::IpAddr;

/// Looks addresses up in reverse. Asked for the addresses of bootstrap entries alone, on a thread where it may block.
///
/// ```
/// use kp_network::CanonicalNames;
/// use std::net::IpAddr;
///
/// #[derive(Debug)]
/// struct Hosts;
///
/// impl CanonicalNames for Hosts {
///     fn name_of(&self, address: IpAddr) -> Option<String> {
///         (address == IpAddr::from([10, 0, 0, 1])).then(|| "broker-1.example.com".to_owned())
///     }
/// }
/// assert_eq!(Hosts.name_of([10, 0, 0, 2].into()), None);
/// ```
pub trait CanonicalNames: fmt::Debug + Send + Sync {
    /// The full name of the host with this address, without a dot at its end; `None`: it has none, and is called as the
    /// configuration does.
    fn name_of(&self, address: IpAddr) -> Option<String>;
}
