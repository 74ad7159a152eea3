//! Records and their batches, format 2 (Kafka 0.11 and newer): written straight into given memory, read as slices; and
//! the message sets of before, formats 0 and 1.
//!
//! A batch is a header of 61 bytes and a payload. The header is made apart from the payload, so that a retry or
//! another
//! producer identity makes a new header and never touches the records.

mod batch_builder;
mod batch_header;
mod batch_reader;
mod checksum;
mod control_record;
mod conversion;
mod log;
mod message_set;
mod message_set_reader;
mod record;
pub(crate) mod zigzag;

pub use batch_builder::RecordEncoder;
pub use batch_header::{BATCH_HEADER_SIZE, BatchAttributes, BatchHeader, TimestampType};
pub use batch_reader::{DecodedRecords, RecordBatch, RecordIter};
pub use checksum::crc32c;
pub use control_record::ControlRecord;
pub use log::{LogEntry, batches, log_entries};
pub use message_set::{MessageFormat, MessageSetEncoder};
pub use message_set_reader::{LegacyMessage, LegacyRecords};
pub use record::{HeaderRef, Headers, Record, RecordRef};
