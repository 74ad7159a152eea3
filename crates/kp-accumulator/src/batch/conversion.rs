//! A batch as a message set, for a leader that takes no batches yet (Produce 0 to 2).
//! Made once and kept with the batch: what is sent again is the same bytes. The batch stays as it is, since the next
//! leader may be a newer one.

use super::converted::Converted;
use super::{Batch, InFlight};
use bytes::{Bytes, BytesMut};
use kp_protocol::ProtocolError;
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::{BATCH_HEADER_SIZE, MessageFormat, RecordBatch};

impl Batch<InFlight> {
    /// Its records as a message set, in the codec of the batch at `level` (`None` is the codec's default). The set is
    /// made at the first call, counted in the pool until the batch ends, and the same at the next one.
    ///
    /// # Errors
    /// What the format cannot say: [`ProtocolError::NotConvertible`] for headers,
    /// [`ProtocolError::CodecNotInFormat`] for zstd, [`ProtocolError::Illegal`] for a batch with a number.
    pub fn as_message_set(
        &mut self,
        format: MessageFormat,
        level: Option<i32>,
    ) -> Result<Bytes, ProtocolError> {
        if let Some(converted) = self.core.converted.as_ref().filter(|kept| kept.format == format) {
            return Ok(converted.bytes.clone());
        }
        // One that is in flight has one.
        let header = self.core.sent.and_then(|sent| sent.header).unwrap_or([0; BATCH_HEADER_SIZE]);
        let mut whole = BytesMut::with_capacity(self.wire_size());
        whole.extend_from_slice(&header);
        self.state.payload.iter().for_each(|piece| whole.extend_from_slice(piece));
        let (batch, _) = RecordBatch::parse(&whole.freeze())?;
        // A batch that its codec did not make smaller is raw, which has no level.
        let level = level.filter(|_| self.state.compression != Compression::None);
        let mut compressor = Compressor::new(self.state.compression, level)?;
        let set = Bytes::from(batch.to_message_set(format, &mut compressor, self.core.raw)?);
        let memory = self.core.context.topic.pool.reserve_over(set.len());
        self.core.converted = Some(Converted { format, bytes: set.clone(), _memory: memory });
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Room, settings, value};
    use crate::{AccumulatorSettings, Target};
    use kp_protocol::PartitionId;
    use kp_protocol::records::{HeaderRef, LogEntry, RecordRef, log_entries};

    fn values_in(set: &Bytes) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        for entry in log_entries(set) {
            let LogEntry::Message(message) = entry.expect("whole messages") else { panic!("a batch") };
            message.verify_crc().expect("its checksum");
            let records = message.records(1 << 20).expect("its codec");
            values.extend(records.iter().map(|record| record.value.expect("a value").to_vec()));
        }
        values
    }

    // Design, old brokers: the request carries a conversion, which is kept with the batch
    #[test]
    fn a_retry_sends_the_same_bytes_and_they_are_counted_until_the_batch_ends() {
        for compression in [Compression::None, Compression::Lz4] {
            let room = Room::new(AccumulatorSettings { compression, ..settings() }, &[0]);
            let all = room.pool.available();
            (0..20).for_each(|_| drop(room.send(0, b"ten bytes.")));
            room.pass(10);
            let mut drained = room.turn(0).remove(0);
            let before = room.pool.available();
            let first = drained.batch.as_message_set(MessageFormat::V1, None).expect("it can be converted");
            assert_eq!(room.pool.available(), before - first.len());
            assert_eq!(values_in(&first), vec![b"ten bytes.".to_vec(); 20], "{compression:?}");

            room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), None);
            drop(drained.wire);
            let mut drained = room.turn(0).remove(0);
            let again = drained.batch.as_message_set(MessageFormat::V1, None).expect("it is kept");
            assert_eq!(again.as_ptr(), first.as_ptr(), "not made again");
            let older = drained
                .batch
                .as_message_set(MessageFormat::V0, None)
                .expect("another leader, another format");
            assert_ne!(older, first);
            assert_eq!(values_in(&older).len(), 20);
            assert_eq!(room.pool.available(), before - older.len(), "one is kept");
            Room::acknowledge(vec![drained], 0);
            drop((first, again, older));
            assert_eq!(room.pool.available(), all);
        }
    }

    #[test]
    fn a_batch_that_stayed_raw_is_converted_without_its_codecs_level() {
        let room = Room::new(AccumulatorSettings { compression: Compression::Gzip, ..settings() }, &[0]);
        room.send(0, b"v");
        room.pass(10);
        let mut drained = room.turn(0);
        let set = drained[0].batch.as_message_set(MessageFormat::V0, Some(9)).expect("it can be converted");
        assert_eq!(set.len(), MessageFormat::V0.overhead() + 1);
        Room::acknowledge(drained, 0);
    }

    #[test]
    fn headers_are_an_error_and_leave_the_batch_as_it_is() {
        let room = Room::new(settings(), &[0]);
        let headers = [HeaderRef { name: "h", value: None }];
        let record = RecordRef { headers: &headers, ..value(b"v") };
        room.send_record(Target::Partition(PartitionId(0)), &record, None)
            .expect("no caller knows of old brokers");
        room.pass(10);
        let mut drained = room.turn(0);
        let error =
            drained[0].batch.as_message_set(MessageFormat::V1, None).expect_err("no place for headers");
        assert!(matches!(error, ProtocolError::NotConvertible { what: "headers", .. }), "{error:?}");
        Room::acknowledge(drained, 0);
    }
}
