//! What the threads of a run tell the one that leads it.

/// What can happen to a run.
pub(super) enum Event {
    /// A sender has found its topic and is warmed up.
    Ready { partitions: usize },
    /// A sender sends nothing more: its end, or the reason.
    Ended(Option<String>),
    /// The first Ctrl-C.
    Interrupted,
    /// Everything is settled, and the producers closed with so many records undelivered.
    Closed(u64),
}
