//! Records: byte 0 chooses a codec, the rest is read as a log of any format, as one payload of a batch, and as a stream
//! of the codec. Nothing may panic, nothing may grow beyond the limit, and what converts must be readable.

#![no_main]

use bytes::Bytes;
use kp_protocol::Timestamp;
use kp_protocol::compression::{Compression, Compressor, decompress};
use kp_protocol::records::{LogEntry, MessageFormat, RecordBatch, RecordEncoder, RecordRef, log_entries};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let [codec, rest @ ..] = data else { return };
    let codec = Compression::ALL[usize::from(*codec) % Compression::ALL.len()];
    let bytes = Bytes::copy_from_slice(rest);
    log_entries(&bytes).flatten().for_each(|entry| check(&entry));
    check(&LogEntry::Batch(batch_around(&bytes, codec)));
    if let Ok(output) = decompress(codec, &bytes, LIMIT) {
        assert!(output.len() <= LIMIT);
    }
});

/// A batch with a right checksum around any payload.
fn batch_around(payload: &Bytes, codec: Compression) -> RecordBatch {
    let mut encoder = RecordEncoder::new();
    let record = RecordRef { timestamp: Timestamp(0), key: None, value: None, headers: &[] };
    encoder.append(&record, &mut Vec::new()).expect("is a lawful record");
    let mut header = encoder.header(codec, None).expect("is a lawful batch");
    (header.record_count, header.last_offset_delta) = (3, i32::MAX);
    let head = header.encode(std::slice::from_ref(payload));
    let (batch, rest) =
        RecordBatch::parse(&Bytes::from([&head[..], payload].concat())).expect("is a lawful batch");
    assert!(rest.is_empty());
    assert_eq!(batch.verify_crc(), Ok(()));
    batch
}

fn check(entry: &LogEntry) {
    let mut plain = Compressor::new(Compression::None, None).expect("is always there");
    let (before, set) = match entry {
        LogEntry::Batch(batch) => {
            let _ = batch.verify_crc();
            let Ok(records) = batch.records(LIMIT) else { return };
            let count = records.iter().filter(|record| {
                record.as_ref().is_ok_and(|record| record.headers.iter().count() == record.headers.len())
            });
            (count.count(), batch.to_message_set(MessageFormat::V1, &mut plain, LIMIT))
        }
        LogEntry::Message(message) => {
            let _ = message.verify_crc();
            let Ok(records) = message.records(LIMIT) else { return };
            (records.iter().len(), message.to_message_set(MessageFormat::V0, &mut plain, LIMIT))
        }
    };
    if let Ok(set) = set {
        assert_eq!(log_entries(&Bytes::from(set)).filter(Result::is_ok).count(), before);
    }
}
