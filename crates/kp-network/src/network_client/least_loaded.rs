//! Whom to ask for what any broker knows (NC19).

use super::NetworkClient;
use crate::connection::Link;
use kp_protocol::BrokerId;
use std::time::Instant;

/// How good a choice a broker is; the smallest wins, the first of equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Takes a request now; so many are unanswered.
    Ready(usize),
    /// Will soon be ready.
    Connecting,
    /// May be connected; when it was tried last (`None`, never, is smallest).
    Connectable(Option<Instant>),
    /// Connected, but takes nothing now; so many are unanswered.
    Busy(usize),
}

impl<S> NetworkClient<S> {
    /// Starts at a random broker, so that many clients do not all ask the first one.
    pub(super) fn find_least_loaded(&mut self, now: Instant) -> Option<BrokerId> {
        let start = self.jitter.below(self.brokers.len() as u64) as usize;
        let brokers = self.brokers.iter().skip(start).chain(self.brokers.iter().take(start));
        let mut best: Option<(Rank, BrokerId)> = None;
        for (id, broker) in brokers.filter(|(_, broker)| broker.listed) {
            let rank = match &broker.link {
                Link::Ready(ready)
                    if ready.busy(now, self.settings.max_in_flight).is_none()
                        && !self.turns.replacement.is_draining(ready.number()) =>
                {
                    Rank::Ready(ready.unanswered())
                }
                Link::Ready(ready) => Rank::Busy(ready.unanswered()),
                Link::Setup(_) => Rank::Connecting,
                Link::Down if broker.attempts.backing_off_until(now).is_some() => continue,
                Link::Down => Rank::Connectable(broker.attempts.last_begun()),
            };
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, *id));
            }
        }
        best.map(|(_, id)| id)
    }
}
