//! The hosts that a certificate is for (subjectAltName, RFC 5280 4.2.1.6), as text.

use crate::der::Der;
use kp_protocol::text::shown as harmless;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;
/// A certificate of a large cluster has some hundreds.
const MOST: usize = 1000;

/// Such as `DNS:broker.example`; kinds that no host has are left out.
pub(super) fn shown(extension: &[u8]) -> Vec<String> {
    let Some(mut names) = Der::new(extension).sequence() else { return Vec::new() };
    let mut shown = Vec::new();
    while let Some(name) = names.next().filter(|_| shown.len() < MOST) {
        let text = harmless(&String::from_utf8_lossy(name.content)).to_string();
        match name.tag {
            DNS => shown.push(format!("DNS:{text}")),
            URI => shown.push(format!("URI:{text}")),
            EMAIL => shown.push(format!("email:{text}")),
            ADDRESS => shown.extend(address(name.content).map(|address| format!("IP:{address}"))),
            _ => {}
        }
    }
    shown
}

/// Whether a host is among them, of either kind.
pub(super) fn has_hosts(extension: &[u8]) -> bool {
    let Some(mut names) = Der::new(extension).sequence() else { return false };
    std::iter::from_fn(|| names.next()).any(|name| matches!(name.tag, DNS | ADDRESS))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into())
}
