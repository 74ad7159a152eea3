//! Which brokers cannot be reached, since when and why: known from the second failed attempt on, until one answers.
//! Owner: the network thread; read by any thread. Bounded: [`MOST`] addresses, one entry each, however often a broker
//! is tried; so a program that tells a person has one thing to say when it begins, and one when it is over.

use crate::observe::tracing;
use kp_network::{DisconnectReason, Event};
use kp_protocol::{BrokerAddress, BrokerId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses that are kept; beyond them, the one tried longest ago is forgotten.
const MOST: usize = 64;

/// A broker that cannot be reached, as of the last attempt; see [`Producer::unreachable`](crate::Producer::unreachable).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreachableBroker {
    /// `host:port`, as `bootstrap.servers` or the cluster names it.
    pub address: Arc<str>,
    /// What the last attempt came to, in words.
    pub reason: Arc<str>,
    /// How long ago the first attempt failed.
    pub since: Duration,
    /// How long ago the last one did. A broker that is not needed any more is not tried again.
    pub last_attempt: Duration,
    /// How many attempts have failed, one after the other.
    pub attempts: u64,
}

/// What all handles see.
#[derive(Debug, Default)]
pub(crate) struct Unreachable(Mutex<BTreeMap<Arc<str>, Failing>>);

#[derive(Debug)]
struct Failing {
    reason: Arc<str>,
    first: Instant,
    last: Instant,
    attempts: u64,
    /// A first refusal alone says little: a name may have another address that works.
    is_told: bool,
}

impl Unreachable {
    /// Those that are known to be so, by address.
    pub(crate) fn list(&self, now: Instant) -> Vec<UnreachableBroker> {
        let failing = self.0.lock();
        let told = failing.iter().filter(|(_, failing)| failing.is_told);
        told.map(|(address, failing)| UnreachableBroker {
            address: Arc::clone(address),
            reason: Arc::clone(&failing.reason),
            since: now.saturating_duration_since(failing.first),
            last_attempt: now.saturating_duration_since(failing.last),
            attempts: failing.attempts,
        })
        .collect()
    }

    /// An attempt failed. Answers whether that is news to tell.
    fn failed(&self, now: Instant, address: &Arc<str>, reason: &DisconnectReason) -> bool {
        let mut all = self.0.lock();
        if !all.contains_key(address) && all.len() >= MOST {
            let oldest =
                all.iter().min_by_key(|(_, failing)| failing.last).map(|(address, _)| Arc::clone(address));
            oldest.map(|address| all.remove(&address));
        }
        let failing = all.entry(Arc::clone(address)).or_insert_with(|| Failing {
            reason: Arc::default(),
            first: now,
            last: now,
            attempts: 0,
            is_told: false,
        });
        failing.reason = Arc::from(reason.to_string());
        failing.last = now;
        failing.attempts += 1;
        let is_clear = failing.attempts > 1 || !matches!(reason, DisconnectReason::ConnectFailed(_));
        let is_news = is_clear && !failing.is_told;
        failing.is_told |= is_clear;
        is_news
    }

    /// An attempt succeeded. Answers for how long none did, if that was told.
    fn reached(&self, now: Instant, address: &Arc<str>) -> Option<Duration> {
        let failing = self.0.lock().remove(address)?;
        failing.is_told.then(|| now.saturating_duration_since(failing.first))
    }
}

/// Follows the events of the network. Kept by the driver.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    addresses: HashMap<BrokerId, Arc<str>>,
}

impl Watch {
    /// The brokers to know from now on: events name them by their ids.
    pub(crate) fn set_brokers(&mut self, brokers: &[BrokerAddress]) {
        self.addresses = brokers.iter().map(|broker| (broker.id, Arc::from(broker.to_string()))).collect();
    }

    pub(crate) fn event(&self, now: Instant, event: &Event, unreachable: &Unreachable, client_id: &str) {
        match event {
            Event::Connected { broker, .. } => {
                if let Some(address) = self.addresses.get(broker)
                    && let Some(after) = unreachable.reached(now, address)
                {
                    tracing::reached(client_id, address, after);
                }
            }
            Event::Disconnected { broker, reason, .. } if is_failed_attempt(reason) => {
                if let Some(address) = self.addresses.get(broker)
                    && unreachable.failed(now, address, reason)
                {
                    tracing::unreachable(client_id, address, reason);
                }
            }
            _ => {}
        }
    }
}

/// Whether an attempt to get a connection has failed. One that is lost is tried again first.
fn is_failed_attempt(reason: &DisconnectReason) -> bool {
    let was_there = matches!(
        reason,
        DisconnectReason::ClosedByBroker
            | DisconnectReason::ClosedUnserved
            | DisconnectReason::Lost(_)
            | DisconnectReason::RequestTimeout
            | DisconnectReason::Idle
            | DisconnectReason::Asked(_)
    );
    !was_there
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_network::SetupStage;
    use kp_time::{Clock, ManualClock};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn refused() -> DisconnectReason {
        DisconnectReason::ConnectFailed("refused".into())
    }

    #[test]
    fn an_outage_is_news_once_however_long_it_lasts_and_once_when_it_is_over() {
        let (unreachable, start, address) =
            (Unreachable::default(), ManualClock::new().now(), Arc::from("h:1"));
        let news: Vec<u64> =
            (0..1000).filter(|at| unreachable.failed(start + MS(*at), &address, &refused())).collect();
        assert_eq!(news, [1], "a first refusal alone says little");
        let list = unreachable.list(start + MS(1500));
        assert_eq!(list.len(), 1);
        assert_eq!((&*list[0].address, &*list[0].reason), ("h:1", "connect failed: refused"));
        assert_eq!((list[0].since, list[0].last_attempt, list[0].attempts), (MS(1500), MS(501), 1000));
        assert_eq!(unreachable.reached(start + MS(2000), &address), Some(MS(2000)));
        assert_eq!(unreachable.reached(start + MS(2001), &address), None);
        assert!(unreachable.list(start + MS(2001)).is_empty());
    }

    #[test]
    fn a_name_whose_second_address_works_was_never_unreachable() {
        let (unreachable, now, address) =
            (Unreachable::default(), ManualClock::new().now(), Arc::from("h:1"));
        assert!(!unreachable.failed(now, &address, &refused()));
        assert!(unreachable.list(now).is_empty());
        assert_eq!(unreachable.reached(now + MS(1), &address), None);
    }

    #[test]
    fn a_name_without_an_address_is_told_at_once() {
        let (unreachable, now) = (Unreachable::default(), ManualClock::new().now());
        assert!(unreachable.failed(
            now,
            &Arc::from("h:1"),
            &DisconnectReason::Unresolved("no such name".into())
        ));
        assert!(unreachable.failed(
            now,
            &Arc::from("h:2"),
            &DisconnectReason::SetupTimeout(SetupStage::Versions)
        ));
        assert_eq!(unreachable.list(now).len(), 2);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (unreachable, start) = (Unreachable::default(), ManualClock::new().now());
        for number in 0..3 * MOST as u64 {
            let address = Arc::from(format!("h:{number}"));
            unreachable.failed(
                start + MS(number),
                &address,
                &DisconnectReason::SetupTimeout(SetupStage::Versions),
            );
        }
        let list = unreachable.list(start);
        assert_eq!(list.len(), MOST);
        assert!(list.iter().all(|broker| &*broker.address != "h:0"));
    }

    #[test]
    fn a_lost_connection_is_no_outage() {
        for reason in [
            DisconnectReason::ClosedByBroker,
            DisconnectReason::Lost("reset".into()),
            DisconnectReason::RequestTimeout,
            DisconnectReason::Idle,
            DisconnectReason::Asked("it left the list".into()),
        ] {
            assert!(!is_failed_attempt(&reason), "{reason}");
        }
    }
}
