//! What a control batch says: the ends of transactions, and things of the controller's that clients skip (KIP-98).

use crate::error::ProtocolError;
use crate::field::{ParseFault, Parsed};
use crate::primitive::array;

use super::record::Record;

/// The record of a control batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    /// The producer's transaction was aborted.
    Abort {
        /// The coordinator's epoch.
        coordinator_epoch: i32,
    },
    /// The producer's transaction was committed.
    Commit {
        /// The coordinator's epoch.
        coordinator_epoch: i32,
    },
    /// Another kind, to be skipped: 2 leader change, 3 and 4 snapshot header and footer, 5 kraft version, 6 voters.
    Other {
        /// Its number.
        kind: i16,
    },
}

impl ControlRecord {
    /// Reads the record of a batch whose attributes say [`is_control`](super::BatchAttributes::is_control).
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] if key or value is too short. Newer versions may be longer.
    pub fn parse(record: &Record<'_>) -> Result<Self, ProtocolError> {
        let key = record.key.unwrap_or_default();
        let value = record.value.unwrap_or_default();
        let explain = |len| move |fault| ParseFault::explain(fault, "ControlRecord", 0, len);
        let (_, kind) = second_i16(key).map_err(explain(key.len()))?;
        match kind {
            0 | 1 => {
                let (_, coordinator_epoch) = epoch(value).map_err(explain(value.len()))?;
                Ok(if kind == 0 {
                    Self::Abort { coordinator_epoch }
                } else {
                    Self::Commit { coordinator_epoch }
                })
            }
            kind => Ok(Self::Other { kind }),
        }
    }
}

/// The number behind the version.
fn second_i16(input: &[u8]) -> Parsed<'_, i16> {
    let (rest, [_, _]) = array(input)?;
    let (rest, number) = array(rest)?;
    Ok((rest, i16::from_be_bytes(number)))
}

fn epoch(input: &[u8]) -> Parsed<'_, i32> {
    let (rest, [_, _]) = array(input)?;
    let (rest, number) = array(rest)?;
    Ok((rest, i32::from_be_bytes(number)))
}
