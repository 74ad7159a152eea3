//! What stands in a log segment or a Fetch response: batches and messages of all formats, one behind the other.

use bytes::Bytes;

use crate::error::ProtocolError;

use super::batch_header::BEFORE_LENGTH;
use super::batch_reader::RecordBatch;
use super::message_set_reader::LegacyMessage;

/// The format number stands at the same place in every format.
const MAGIC_AT: usize = 16;

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEntry {
    /// A batch: format 2.
    Batch(RecordBatch),
    /// A message or wrapper: format 0 or 1.
    Message(LegacyMessage),
}

/// The entries of a log, of whatever format. A last entry that is cut short is left out without a word, since brokers
/// cut there; any other fault is the last item.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::records::{LogEntry, log_entries};
/// # fn decode(segment: Bytes) -> Result<(), kp_protocol::ProtocolError> {
/// for entry in log_entries(&segment) {
///     match entry? {
///         LogEntry::Batch(batch) => {
///             batch.verify_crc()?;
///             for record in &batch.records(64 << 20)? {
///                 println!("{}", record?.offset);
///             }
///         }
///         LogEntry::Message(message) => {
///             message.verify_crc()?;
///             for record in message.records(64 << 20)?.iter() {
///                 println!("{}", record.offset);
///             }
///         }
///     }
/// }
/// # Ok(())
/// # }
/// # decode(Bytes::new()).unwrap();
/// ```
pub fn log_entries(records: &Bytes) -> impl Iterator<Item = Result<LogEntry, ProtocolError>> + use<> {
    let mut rest = records.clone();
    std::iter::from_fn(move || {
        let length = rest.get(8..BEFORE_LENGTH)?.try_into().ok().map(i32::from_be_bytes)?;
        if usize::try_from(length).is_ok_and(|length| rest.len() < BEFORE_LENGTH + length) {
            return None;
        }
        let parsed = match rest.get(MAGIC_AT) {
            Some(0 | 1) => {
                LegacyMessage::parse(&rest).map(|(message, after)| (LogEntry::Message(message), after))
            }
            _ => RecordBatch::parse(&rest).map(|(batch, after)| (LogEntry::Batch(batch), after)),
        };
        match parsed {
            Ok((entry, after)) => {
                rest = after;
                Some(Ok(entry))
            }
            Err(error) => {
                rest.clear();
                Some(Err(error))
            }
        }
    })
}

/// The batches of a log that holds nothing older than format 2, such as any partition that kp's records are in. As
/// [`log_entries`]; an older entry is a fault, and so the last item.
pub fn batches(records: &Bytes) -> impl Iterator<Item = Result<RecordBatch, ProtocolError>> + use<> {
    let mut entries = log_entries(records).fuse();
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let batch = match entries.next()? {
            Ok(LogEntry::Batch(batch)) => Ok(batch),
            Ok(LogEntry::Message(old)) => {
                Err(ProtocolError::Magic { magic: old.format().magic(), expected: "2" })
            }
            Err(error) => Err(error),
        };
        is_over = batch.is_err();
        Some(batch)
    })
}
