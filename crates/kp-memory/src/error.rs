//! What can go wrong when memory is asked for. No byte is taken by a call that answers with one of these.

/// Why no memory was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// More than the pool could ever give. Units: bytes.
    #[error("{requested} bytes can never fit: `buffer.memory` leaves {limit} for one allocation")]
    TooLarge {
        /// What was asked for.
        requested: usize,
        /// The most that one allocation can get.
        limit: usize,
    },
    /// No memory came free in time.
    #[error("no {requested} bytes of `buffer.memory` came free within `{key}`")]
    Exhausted {
        /// What was asked for, in bytes.
        requested: usize,
        /// The configuration key that set the limit, `max.block.ms` mostly.
        key: &'static str,
    },
    /// The pool was closed before memory could be given.
    #[error("the producer was closed while memory was being allocated")]
    Closed,
    /// The operating system gave no memory, although the pool had room.
    #[error("the system has no {requested} bytes of memory left")]
    OutOfMemory {
        /// What was asked for, in bytes.
        requested: usize,
    },
}

impl MemoryError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Exhausted { .. } | Self::OutOfMemory { .. } => true,
            Self::TooLarge { .. } | Self::Closed => false,
        }
    }
}
