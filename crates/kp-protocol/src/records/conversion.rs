//! Down-conversion of a batch for a broker that does not know batches yet. What would be lost is an error.

use crate::compression::Compressor;
use crate::error::ProtocolError;

use super::batch_reader::RecordBatch;
use super::message_set::{MessageFormat, MessageSetEncoder};
use super::message_set_reader::LegacyMessage;
use super::record::{Record, RecordRef};

impl RecordBatch {
    /// The same records as a message set, compressed by `compressor`; offsets begin at 0. Decompresses the batch to at
    /// most `limit` bytes if it must.
    ///
    /// # Errors
    /// [`ProtocolError::NotConvertible`] if a record has headers; [`ProtocolError::Illegal`] for a batch with a
    /// producer identity or of control records, which brokers before 0.11 cannot understand;
    /// [`ProtocolError::CodecNotInFormat`] for zstd; whatever [`records`](Self::records) finds. Timestamps are left out
    /// of format 0 without an error, since every record has one.
    pub fn to_message_set(
        &self,
        format: MessageFormat,
        compressor: &mut Compressor,
        limit: usize,
    ) -> Result<Vec<u8>, ProtocolError> {
        let header = self.header();
        if header.producer_id >= 0 {
            let found = header.producer_id;
            return Err(ProtocolError::Illegal {
                what: "a batch with a producer id is not converted",
                found,
            });
        }
        if header.attributes.is_control() || header.attributes.is_transactional() {
            let found = header.attributes.0.into();
            return Err(ProtocolError::Illegal {
                what: "a control or transactional batch is not converted",
                found,
            });
        }
        let decoded = self.records(limit)?;
        write(decoded.iter(), format, compressor)
    }
}

impl LegacyMessage {
    /// The same records in format `format`, compressed by `compressor`; offsets begin at 0. Decompresses the message to
    /// at most `limit` bytes if it must.
    ///
    /// # Errors
    /// [`ProtocolError::CodecNotInFormat`] for zstd; whatever [`records`](Self::records) finds.
    pub fn to_message_set(
        &self,
        format: MessageFormat,
        compressor: &mut Compressor,
        limit: usize,
    ) -> Result<Vec<u8>, ProtocolError> {
        let records = self.records(limit)?;
        write(records.iter().map(Ok), format, compressor)
    }
}

fn write<'a>(
    records: impl Iterator<Item = Result<Record<'a>, ProtocolError>>,
    format: MessageFormat,
    compressor: &mut Compressor,
) -> Result<Vec<u8>, ProtocolError> {
    let mut encoder = MessageSetEncoder::new(format);
    for (index, record) in records.enumerate() {
        let Record { timestamp, key, value, headers, .. } = record?;
        if !headers.is_empty() {
            let (index, magic) = (index as u32, format.magic());
            return Err(ProtocolError::NotConvertible { index, what: "headers", magic });
        }
        encoder.append(&RecordRef { timestamp, key, value, headers: &[] })?;
    }
    encoder.finish(compressor)
}
