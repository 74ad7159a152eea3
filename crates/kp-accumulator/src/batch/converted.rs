//! A batch as a message set, as it was made for a leader that takes no batches: kept to be sent again as it is.

use bytes::Bytes;
use kp_memory::Reservation;
use kp_protocol::records::MessageFormat;

/// The conversion that a batch was sent as last.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(super) format: MessageFormat,
    pub(super) bytes: Bytes,
    /// Counted above the bound if need be: the records are accepted, and the batch itself is not given up.
    pub(super) _memory: Reservation,
}
