//! Connections that are made anew so that newer credentials are shown: one after the other, each when nothing is in flight on
//! it (A13).
//!
//! ```text
//!   waiting ──▶ draining ── nothing is in flight ──▶ remaking ── ready again, or not ──▶ the next one
//! ```
//! If the newer credentials are refused, the rest stays as it is. Owns: whose turn it is. Never: what a connection shows; that is decided when it is made.

use crate::ConnectionNumber;
use kp_protocol::BrokerId;
use std::collections::VecDeque;

/// The connections that were there when credentials changed.
#[derive(Debug, Default)]
pub(super) struct Replacement {
    pub(super) waiting: VecDeque<(BrokerId, ConnectionNumber)>,
    pub(super) current: Option<Current>,
}

/// The connection whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Current {
    /// It takes no request; those in flight come to their end.
    Draining(BrokerId, ConnectionNumber),
    /// The one in its place is being made.
    Remaking(BrokerId, ConnectionNumber),
}

impl Replacement {
    /// Whether this connection takes no request any more.
    pub(super) fn is_draining(&self, number: ConnectionNumber) -> bool {
        matches!(self.current, Some(Current::Draining(_, draining)) if draining == number)
    }

    /// The attempt `before` goes on as `number`.
    pub(super) fn goes_on(&mut self, before: ConnectionNumber, number: ConnectionNumber) {
        if let Some(Current::Remaking(_, remade)) = &mut self.current
            && *remade == before
        {
            *remade = number;
        }
    }

    /// This connection was refused. If it is the one being made, the newer credentials are no good, and the connections that
    /// are left with the earlier ones had better live on.
    pub(super) fn refused(&mut self, number: ConnectionNumber) {
        if matches!(self.current, Some(Current::Remaking(_, remade)) if remade == number) {
            *self = Self::default();
        }
    }
}
