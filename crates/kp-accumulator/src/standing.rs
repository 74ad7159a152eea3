//! Where a queue stands between the threads that append and the driver that sends. Part of the queue's state, under its lock.
//!
//! ```text
//!            announce                    the driver looks: it may be sent
//!  Resting ───────────▶ Announced ─────────────────────────────────────▶ Ready
//!     ▲                     │ the driver looks: not yet, or empty          │
//!     └────────── rest ─────┴──────── emptied, or not to be sent after all ┘
//! ```

/// In which list a queue stands: in one at most, so a thread that changes it knows whether the driver comes by anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In none. The driver looks at it when an alarm rings, or when it is announced.
    #[default]
    Resting,
    /// Among the announced queues: the driver looks at it in its next turn.
    Announced,
    /// With the driver, among those that can be sent: in the list of its leader, or of the partitions without one.
    Ready,
}

impl Standing {
    /// The driver has to look. `true`: the caller adds the queue to the list of announced ones; `false`: it stands in a list.
    #[must_use = "a queue that is announced has to be put into the list"]
    pub(crate) fn announce(&mut self) -> bool {
        let rests = *self == Self::Resting;
        if rests {
            *self = Self::Announced;
        }
        rests
    }

    /// The queue stands in no list any more: the next change announces it.
    pub(crate) fn rest(&mut self) {
        *self = Self::Resting;
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;

    #[test]
    fn a_queue_that_stands_in_a_list_is_not_put_into_another() {
        let mut standing = Standing::default();
        assert!(standing.announce());
        assert!(!standing.announce(), "it is announced already");
        standing = Standing::Ready;
        assert!(!standing.announce(), "the driver has it already");
        standing.rest();
        assert!(standing.announce());
    }
}
