//! Laws of the older record formats: what is written is read, what is damaged is refused, what would be lost is said.

use bytes::Bytes;
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::{
    HeaderRef, LegacyMessage, LogEntry, MessageFormat, MessageSetEncoder, RecordBatch, RecordEncoder,
    RecordRef, TimestampType, log_entries,
};
use kp_protocol::{BatchIdentity, ProducerIdentity, ProtocolError, Sequence, Timestamp};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;
const FORMATS: [MessageFormat; 2] = [MessageFormat::V0, MessageFormat::V1];

fn codecs() -> impl Iterator<Item = Compression> {
    Compression::ALL.into_iter().filter(|codec| codec.is_available() && *codec != Compression::Zstd)
}

fn compressor(codec: Compression) -> Compressor {
    Compressor::new(codec, None).expect("the feature is on")
}

fn simple(value: &[u8], timestamp: i64) -> RecordRef<'_> {
    RecordRef { timestamp: Timestamp(timestamp), key: None, value: Some(value), headers: &[] }
}

fn set(format: MessageFormat, codec: Compression, records: &[RecordRef<'_>]) -> Bytes {
    let mut encoder = MessageSetEncoder::new(format);
    records.iter().for_each(|record| encoder.append(record).expect("is lawful"));
    Bytes::from(encoder.finish(&mut compressor(codec)).expect("the format knows the codec"))
}

fn batch(records: &[RecordRef<'_>], identity: Option<BatchIdentity>) -> RecordBatch {
    let mut encoder = RecordEncoder::new();
    let mut payload = Vec::new();
    for record in records {
        encoder.append(record, &mut payload).expect("is lawful");
    }
    let payload = Bytes::from(payload);
    let header = encoder.header(Compression::None, identity).expect("is lawful");
    let bytes = Bytes::from([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat());
    RecordBatch::parse(&bytes).expect("was just written").0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_records_come_back_in_both_formats_and_every_codec(
        records in prop::collection::vec(
            (prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), -1..5000i64),
            1..6,
        ),
    ) {
        let given: Vec<_> = records
            .iter()
            .map(|(key, value, time)| RecordRef {
                timestamp: Timestamp(*time), key: key.as_deref(), value: value.as_deref(), headers: &[],
            })
            .collect();
        for format in FORMATS {
            for codec in codecs() {
                let bytes = set(format, codec, &given);
                let mut place = 0;
                for entry in log_entries(&bytes) {
                    let LogEntry::Message(message) = entry.expect("was just written") else { panic!("no batch") };
                    prop_assert_eq!(message.verify_crc(), Ok(()));
                    for record in message.records(LIMIT).expect("was just written").iter() {
                        let given = given[place];
                        prop_assert_eq!(record.offset.0, place as i64);
                        prop_assert_eq!((record.key, record.value), (given.key, given.value));
                        if format == MessageFormat::V1 {
                            prop_assert_eq!(record.timestamp, given.timestamp);
                        }
                        place += 1;
                    }
                }
                prop_assert_eq!(place, given.len());
            }
        }
    }

    #[test]
    fn damaged_messages_never_panic(at in any::<usize>(), flip in 1..=u8::MAX, noise in prop::collection::vec(any::<u8>(), 0..80)) {
        for format in FORMATS {
            for codec in codecs() {
                let mut bytes = set(format, codec, &[simple(b"one", 1), simple(b"two", 2)]).to_vec();
                let place = at % bytes.len();
                bytes[place] ^= flip;
                for log in [Bytes::from(bytes), Bytes::copy_from_slice(&noise)] {
                    for entry in log_entries(&log) {
                        if let Ok(LogEntry::Message(message)) = entry {
                            let _ = message.records(LIMIT).map(|records| records.iter().count());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_from_the_format_number_on_is_refused() {
    for format in FORMATS {
        let bytes = set(format, Compression::None, &[simple(b"value", 7)]);
        for bit in 16 * 8..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused =
                LegacyMessage::parse(&Bytes::from(flipped)).and_then(|(message, _)| message.verify_crc());
            assert!(refused.is_err(), "{format:?}, bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(LegacyMessage::parse(&bytes.slice(..end)).is_err(), "{format:?} cut at {end}");
        }
    }
}

/// Puts a message's checksum right after something was changed.
fn restore_checksum(bytes: &mut [u8]) {
    let checksum = crc32fast::hash(&bytes[16..]);
    bytes[12..16].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn offsets_in_a_wrapper_are_relative_from_format_1_on() {
    // KIP-31
    if !Compression::Gzip.is_available() {
        return;
    }
    for (format, expected) in [(MessageFormat::V0, [0, 1]), (MessageFormat::V1, [99, 100])] {
        let mut bytes = set(format, Compression::Gzip, &[simple(b"a", 1), simple(b"b", 2)]).to_vec();
        bytes[..8].copy_from_slice(&100i64.to_be_bytes());
        let (message, _) = LegacyMessage::parse(&Bytes::from(bytes)).expect("is a message");
        let offsets: Vec<_> = message.records(LIMIT).expect("is lawful").iter().map(|r| r.offset.0).collect();
        assert_eq!(offsets, expected, "{format:?}");
    }
}

#[test]
fn a_wrapper_with_log_append_time_overrides_the_times_inside() {
    // KIP-32
    if !Compression::Gzip.is_available() {
        return;
    }
    let mut bytes = set(MessageFormat::V1, Compression::Gzip, &[simple(b"a", 1), simple(b"b", 2)]).to_vec();
    bytes[17] |= 0x08;
    bytes[18..26].copy_from_slice(&777i64.to_be_bytes());
    restore_checksum(&mut bytes);
    let (message, _) = LegacyMessage::parse(&Bytes::from(bytes)).expect("is a message");
    assert_eq!((message.verify_crc(), message.timestamp_type()), (Ok(()), TimestampType::LogAppendTime));
    let records = message.records(LIMIT).expect("is lawful");
    assert!(records.iter().all(|record| record.timestamp == Timestamp(777)));
}

#[test]
fn a_wrapper_in_a_wrapper_is_refused() {
    if !Compression::Gzip.is_available() {
        return;
    }
    for format in FORMATS {
        let inner = set(format, Compression::Gzip, &[simple(b"a", 1)]);
        let mut packed = Vec::new();
        compressor(Compression::Gzip).compress([&inner[..]], &mut packed, LIMIT).expect("compresses");
        let mut outer = set(format, Compression::None, &[simple(&packed, 1)]).to_vec();
        outer[17] = Compression::Gzip.id() as u8;
        restore_checksum(&mut outer);
        let (message, _) = LegacyMessage::parse(&Bytes::from(outer)).expect("is a message");
        assert_eq!(message.verify_crc(), Ok(()));
        let refused = message.records(LIMIT).map(|records| records.iter().len());
        assert!(matches!(refused, Err(ProtocolError::Illegal { found: 1, .. })), "{format:?}: {refused:?}");
    }
}

#[test]
fn zstd_is_refused_for_the_older_formats() {
    // BB13
    for format in FORMATS {
        let refused = ProtocolError::CodecNotInFormat { codec: "zstd", magic: format.magic() };
        if let Ok(mut zstd) = Compressor::new(Compression::Zstd, None) {
            let mut encoder = MessageSetEncoder::new(format);
            encoder.append(&simple(b"a", 1)).expect("is lawful");
            assert_eq!(encoder.finish(&mut zstd), Err(refused.clone()));
        }
        let mut bytes = set(format, Compression::None, &[simple(b"a", 1)]).to_vec();
        bytes[17] = Compression::Zstd.id() as u8;
        let (message, _) = LegacyMessage::parse(&Bytes::from(bytes)).expect("is a message");
        assert_eq!(message.records(LIMIT).map(|records| records.iter().len()), Err(refused));
    }
}

#[test]
fn what_an_older_format_cannot_hold_is_an_error() {
    let headers = [HeaderRef { name: "h", value: None }];
    let with_headers = RecordRef { headers: &headers, ..simple(b"b", 2) };
    let mut plain = compressor(Compression::None);
    for format in FORMATS {
        let lost = ProtocolError::NotConvertible { index: 1, what: "headers", magic: format.magic() };
        let batch_with_headers = batch(&[simple(b"a", 1), with_headers], None);
        assert_eq!(batch_with_headers.to_message_set(format, &mut plain, LIMIT), Err(lost.clone()));
        let mut encoder = MessageSetEncoder::new(format);
        encoder.append(&simple(b"a", 1)).expect("is lawful");
        assert_eq!(encoder.append(&with_headers), Err(lost));

        let identity = BatchIdentity {
            producer: ProducerIdentity { producer_id: 5, epoch: 0 },
            base_sequence: Sequence::FIRST,
            transactional: false,
        };
        let refused = batch(&[simple(b"a", 1)], Some(identity)).to_message_set(format, &mut plain, LIMIT);
        assert!(matches!(refused, Err(ProtocolError::Illegal { found: 5, .. })));
        assert!(MessageSetEncoder::new(format).finish(&mut plain).is_err(), "no messages");
        assert!(MessageSetEncoder::new(format).append(&simple(b"a", -2)).is_err(), "BB9");
    }
}

#[test]
fn a_log_of_all_three_formats_is_read_in_one_go() {
    let log = [
        set(MessageFormat::V0, Compression::None, &[simple(b"a", 1), simple(b"b", 2)]),
        batch(&[simple(b"c", 3)], None).as_bytes().clone(),
        set(MessageFormat::V1, Compression::None, &[simple(b"d", 4)]),
    ]
    .concat();
    let mut values = Vec::new();
    for entry in log_entries(&Bytes::from(log)) {
        match entry.expect("was just written") {
            LogEntry::Batch(batch) => {
                let records = batch.records(LIMIT).expect("is lawful");
                values.extend(
                    records.iter().map(|record| record.expect("is lawful").value.map(<[u8]>::to_vec)),
                );
            }
            LogEntry::Message(message) => {
                let records = message.records(LIMIT).expect("is lawful");
                values.extend(records.iter().map(|record| record.value.map(<[u8]>::to_vec)));
            }
        }
    }
    assert_eq!(values.into_iter().flatten().collect::<Vec<_>>(), [b"a", b"b", b"c", b"d"]);
}

#[test]
fn a_produce_version_says_which_format_it_carries() {
    let formats: Vec<_> = (0..5).map(MessageFormat::of_produce).collect();
    assert_eq!(
        formats,
        [Some(MessageFormat::V0), Some(MessageFormat::V0), Some(MessageFormat::V1), None, None]
    );
}
