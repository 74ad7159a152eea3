//! Which batches of an answer belong to aborted transactions (KIP-98).
//! Owns: the broker's list, and whose transaction is aborted at the batch in hand. Batches are to be shown to it in the order of the log.

use std::collections::BTreeSet;

use kp_protocol::{
    ProtocolError,
    api::PartitionData,
    records::{ControlRecord, RecordBatch},
};

/// What one marker may become when it is decompressed: it is never compressed, and some tens of bytes long.
const MARKER_BYTES: usize = 1 << 16;

/// Whose batches are left out, from one batch of an answer to the next.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    /// First offsets and producer ids of transactions that are still to come, the last one first.
    ahead: Vec<(i64, i64)>,
    producers: BTreeSet<i64>,
}

impl Aborted {
    /// The list of an answer; it is empty where everything was asked for.
    pub(super) fn of(data: &PartitionData) -> Self {
        let listed = data.aborted_transactions.iter().flatten();
        let mut ahead: Vec<_> = listed.map(|aborted| (aborted.first_offset, aborted.producer_id)).collect();
        ahead.sort_unstable_by(|one, other| other.cmp(one));
        Self { ahead, producers: BTreeSet::new() }
    }

    /// Whether the records of this batch are to be left out: they were aborted, or it is a marker.
    ///
    /// # Errors
    /// A marker that cannot be read: it cannot be told where its transaction ends.
    pub(super) fn hides(&mut self, batch: &RecordBatch) -> Result<bool, ProtocolError> {
        let header = batch.header();
        while self.ahead.last().is_some_and(|(first_offset, _)| *first_offset <= header.last_offset()) {
            self.producers.extend(self.ahead.pop().map(|(_, producer_id)| producer_id));
        }
        if header.attributes.is_control() {
            // A producer may have several aborted transactions, and a committed one between them.
            if self.producers.contains(&header.producer_id) && is_abort(batch)? {
                self.producers.remove(&header.producer_id);
            }
            return Ok(true);
        }
        Ok(header.attributes.is_transactional() && self.producers.contains(&header.producer_id))
    }
}

fn is_abort(marker: &RecordBatch) -> Result<bool, ProtocolError> {
    let records = marker.records(MARKER_BYTES)?;
    match records.iter().next().transpose()? {
        Some(record) => Ok(matches!(ControlRecord::parse(&record)?, ControlRecord::Abort { .. })),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kp_protocol::{
        BatchIdentity, ProducerIdentity, Sequence, Timestamp,
        api::AbortedTransaction,
        compression::Compression,
        records::{RecordEncoder, RecordRef},
    };

    use super::*;

    /// A batch of one record at this offset: `kind` 0 and 1 are the markers of an abort and a commit.
    fn batch(offset: i64, producer_id: i64, transactional: bool, kind: Option<u8>) -> RecordBatch {
        let key = [0, 0, 0, kind.unwrap_or_default()];
        let record =
            RecordRef { timestamp: Timestamp(1), key: Some(&key), value: Some(&[0; 6]), headers: &[] };
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        encoder.append(&record, &mut payload).unwrap();
        let payload = Bytes::from(payload);
        let producer = ProducerIdentity { producer_id, epoch: 0 };
        let identity = BatchIdentity { producer, base_sequence: Sequence(0), transactional };
        let mut header = encoder.header(Compression::None, Some(identity)).unwrap();
        header.base_offset = offset;
        header.attributes = header.attributes.with_control(kind.is_some());
        let bytes = [&header.encode(std::slice::from_ref(&payload))[..], &payload[..]].concat();
        RecordBatch::parse(&Bytes::from(bytes)).unwrap().0
    }

    fn listed(aborted: &[(i64, i64)]) -> Aborted {
        let aborted = aborted.iter().map(|(producer_id, first_offset)| AbortedTransaction {
            producer_id: *producer_id,
            first_offset: *first_offset,
            ..Default::default()
        });
        Aborted::of(&PartitionData { aborted_transactions: Some(aborted.collect()), ..Default::default() })
    }

    const ABORT: Option<u8> = Some(0);
    const COMMIT: Option<u8> = Some(1);

    #[test]
    fn a_producers_batches_are_left_out_from_the_first_offset_of_its_aborted_transaction_to_the_marker() {
        // Listed by their ends, as brokers do: 7 aborts twice, 8 once around all that.
        let mut aborted = listed(&[(7, 1), (7, 5), (8, 0)]);
        let log = [
            (batch(0, 8, true, None), true),
            (batch(1, 7, true, None), true),
            (batch(2, 7, true, ABORT), true),
            (batch(3, 7, true, None), false),
            (batch(4, 7, true, COMMIT), true),
            (batch(5, 7, true, None), true),
            (batch(6, 9, true, None), false),
            (batch(7, 7, true, ABORT), true),
            (batch(8, 8, true, ABORT), true),
            (batch(9, 8, true, None), false),
        ];
        for (batch, hidden) in &log {
            assert_eq!(aborted.hides(batch).unwrap(), *hidden, "offset {}", batch.header().base_offset);
        }
    }

    #[test]
    fn a_plain_batch_of_a_producer_with_an_aborted_transaction_is_shown() {
        let mut aborted = listed(&[(7, 0)]);
        assert!(!aborted.hides(&batch(0, 7, false, None)).unwrap());
        assert!(aborted.hides(&batch(1, 7, true, None)).unwrap());
    }

    #[test]
    fn where_everything_is_asked_for_only_markers_are_left_out() {
        let mut aborted = Aborted::of(&PartitionData::default());
        assert!(!aborted.hides(&batch(0, 7, true, None)).unwrap());
        assert!(aborted.hides(&batch(1, 7, true, ABORT)).unwrap());
    }

    #[test]
    fn a_marker_that_is_too_short_is_an_error_and_not_taken_for_a_commit() {
        let mut aborted = listed(&[(7, 0)]);
        let record = RecordRef { timestamp: Timestamp(1), key: Some(b"k"), value: None, headers: &[] };
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        encoder.append(&record, &mut payload).unwrap();
        let payload = Bytes::from(payload);
        let producer = ProducerIdentity { producer_id: 7, epoch: 0 };
        let identity = BatchIdentity { producer, base_sequence: Sequence(0), transactional: true };
        let mut header = encoder.header(Compression::None, Some(identity)).unwrap();
        header.attributes = header.attributes.with_control(true);
        let bytes = [&header.encode(std::slice::from_ref(&payload))[..], &payload[..]].concat();
        assert!(aborted.hides(&RecordBatch::parse(&Bytes::from(bytes)).unwrap().0).is_err());
    }
}
