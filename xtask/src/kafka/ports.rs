//! Ports for brokers: free on 127.0.0.1, and free again after a broker was killed.
//!
//! They come from below the range that systems take outgoing connections from: a port of that range could be
//! given to a client while its broker is down, and the restarted broker would not get it back.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::XtaskError;

const RANGE: std::ops::Range<u16> = 17_000..31_000;

/// Those given out by this process: two clusters of one test run never meet.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Picks `count` ports without a listener.
///
/// Another process can still take one before the broker does; the broker's log then says so.
///
/// # Errors
/// When none are left in the range.
pub fn pick(count: usize) -> Result<Vec<u16>, XtaskError> {
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let width = usize::from(RANGE.end - RANGE.start);
    let first = seed() as usize % width;
    let mut picked = Vec::with_capacity(count);
    for step in 0..width {
        if picked.len() == count {
            break;
        }
        // A stride that shares no factor with the width visits every port once.
        let port = RANGE.start + ((first + step * 37) % width) as u16;
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            picked.push(port);
        }
    }
    if picked.len() < count {
        return Err(XtaskError::Failed(format!("no {count} free ports on 127.0.0.1 in {RANGE:?}")));
    }
    taken.extend(&picked);
    Ok(picked)
}

/// A number that differs between processes and between moments.
pub(crate) fn seed() -> u64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    splitmix(nanos ^ (u64::from(std::process::id()) << 40))
}

/// One step of SplitMix64.
pub(crate) fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_out_once() {
        let mut ports = pick(20).unwrap();
        ports.extend(pick(20).unwrap());
        let distinct: BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 40);
    }

    #[test]
    fn the_stride_reaches_every_port_of_the_range() {
        let width = usize::from(RANGE.end - RANGE.start);
        let seen: BTreeSet<_> = (0..width).map(|step| (step * 37) % width).collect();
        assert_eq!(seen.len(), width);
    }
}
