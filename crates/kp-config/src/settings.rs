//! What settings mean together: order, duplicates, the codec's level. The struct itself is written by the table.

use kp_protocol::{Acks, compression::Compression};

use crate::{Idempotence, Settings};

impl Settings {
    /// Whether records of one partition stay in the order in which `send` returned, through retries.
    #[must_use]
    pub fn keeps_order(&self) -> bool {
        match self.idempotence {
            Idempotence::On | Idempotence::Preferred => true,
            Idempotence::Off => self.retries == 0 || self.max_in_flight_requests_per_connection == 1,
        }
    }

    /// The level for the codec that is chosen; `None` leaves it to the codec. lz4 has one level here.
    #[must_use]
    pub fn compression_level(&self) -> Option<i32> {
        match self.compression {
            Compression::Gzip => Some(self.gzip_level),
            Compression::Zstd => Some(self.zstd_level),
            // A codec that comes later has a level only once there is a key for it.
            _ => None,
        }
    }

    /// Whether a record can be in the log twice, because an answer was lost and the batch sent again.
    #[must_use]
    pub fn may_duplicate(&self) -> bool {
        match self.idempotence {
            Idempotence::On | Idempotence::Preferred => false,
            // Without answers nothing is ever sent again on a lost one (V10).
            Idempotence::Off => self.retries > 0 && self.acks != Acks::None,
        }
    }
}
