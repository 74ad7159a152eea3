//! Record batches that the Java client wrote, read and written again. gzip, zstd and lz4 bodies depend on the
//! library that made them, so those are compared after decompressing; everything else byte by byte.

#![allow(clippy::print_stderr, reason = "a test that skips something says so")]

use bytes::Bytes;
use kp_protocol::compression::{Compressed, Compression, Compressor};
use kp_protocol::records::{
    BatchHeader, ControlRecord, HeaderRef, LegacyMessage, LogEntry, MessageFormat, MessageSetEncoder, Record,
    RecordBatch, RecordEncoder, RecordRef, TimestampType, log_entries,
};
use kp_protocol::{BatchIdentity, ProducerIdentity, Sequence, Timestamp};

const LIMIT: usize = 1 << 20;

/// The rows of one format: codec and bytes.
fn golden(format: &str) -> Vec<(String, Bytes)> {
    let rows: Vec<_> = include_str!("data/golden-records.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let [row_format, codec, hex] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
            (row_format == format).then(|| (codec.to_owned(), unhex(hex)))
        })
        .collect();
    assert!(!rows.is_empty(), "no rows of {format}");
    rows
}

fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("is a hex digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

const HEADERS: &[HeaderRef<'_>] =
    &[HeaderRef { name: "h", value: Some(&[1]) }, HeaderRef { name: "n", value: None }];

/// The three records of the file.
const RECORDS: [RecordRef<'_>; 3] = [
    RecordRef { timestamp: Timestamp(1000), key: Some(b"k"), value: Some(b"v1"), headers: &[] },
    RecordRef { timestamp: Timestamp(1007), key: None, value: Some(b"value-two"), headers: HEADERS },
    RecordRef { timestamp: Timestamp(1003), key: Some(b"k3"), value: None, headers: &[] },
];

fn write(
    records: &[RecordRef<'_>],
    codec: Compression,
    identity: Option<BatchIdentity>,
) -> (BatchHeader, Bytes) {
    let mut encoder = RecordEncoder::new();
    let mut plain = Vec::new();
    for record in records {
        let size = encoder.record_size(record);
        assert_eq!(encoder.append(record, &mut plain), Ok(size));
    }
    let mut payload = Vec::new();
    let mut compressor = Compressor::new(codec, None).expect("the feature is on");
    let done = compressor.compress([&plain[..]], &mut payload, LIMIT);
    assert_eq!(done, Ok(Compressed::Done { size: payload.len() }));
    (encoder.header(codec, identity).expect("is a lawful batch"), Bytes::from(payload))
}

fn assert_same(read: &Record<'_>, given: &RecordRef<'_>) {
    assert_eq!((read.timestamp, read.key, read.value), (given.timestamp, given.key, given.value));
    assert_eq!(read.headers.iter().collect::<Vec<_>>(), given.headers);
}

#[test]
fn batches_written_by_java_are_read_to_the_last_field() {
    // BB7, BB8
    for (codec, bytes) in golden("v2") {
        let codec: Compression = codec.parse().expect("is a codec");
        if !codec.is_available() {
            eprintln!("skipped {codec}: the feature is off");
            continue;
        }
        let (batch, rest) = RecordBatch::parse(&bytes).expect("Java's bytes");
        assert!(rest.is_empty());
        assert_eq!(batch.verify_crc(), Ok(()), "{codec}");
        let header = batch.header();
        assert_eq!(header.attributes.compression(), Ok(codec));
        assert_eq!(header.attributes.timestamp_type(), TimestampType::CreateTime);
        assert_eq!((header.base_offset, header.last_offset_delta, header.record_count), (0, 2, 3));
        assert_eq!((header.base_timestamp, header.max_timestamp), (Timestamp(1000), Timestamp(1007)));
        assert_eq!((header.partition_leader_epoch, header.identity()), (-1, None));
        let decoded = batch.records(LIMIT).expect("Java's codec");
        let records: Vec<_> = decoded.iter().collect::<Result<_, _>>().expect("Java's records");
        assert_eq!(records.iter().map(|record| record.offset.0).collect::<Vec<_>>(), [0, 1, 2]);
        for (read, given) in records.iter().zip(&RECORDS) {
            assert_same(read, given);
        }
        assert_eq!(records.len(), RECORDS.len());
    }
}

#[test]
fn an_uncompressed_batch_is_written_byte_for_byte_as_java_writes_it() {
    let (_, golden) = golden("v2").into_iter().find(|(codec, _)| codec == "none").expect("has the row");
    let (header, payload) = write(&RECORDS, Compression::None, None);
    assert_eq!([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat(), golden);
}

#[test]
fn a_snappy_batch_is_written_byte_for_byte_as_java_writes_it() {
    if !Compression::Snappy.is_available() {
        return eprintln!("skipped: the feature is off");
    }
    let (_, golden) = golden("v2").into_iter().find(|(codec, _)| codec == "snappy").expect("has the row");
    let (header, payload) = write(&RECORDS, Compression::Snappy, None);
    assert_eq!([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat(), golden);
}

#[test]
fn a_compressed_batch_differs_from_javas_in_no_more_than_length_checksum_and_body() {
    for (codec, golden) in golden("v2") {
        let codec: Compression = codec.parse().expect("is a codec");
        if !codec.is_available() {
            eprintln!("skipped {codec}: the feature is off");
            continue;
        }
        let (header, payload) = write(&RECORDS, codec, None);
        let bytes = [&header.encode(std::slice::from_ref(&payload))[..], &payload].concat();
        assert_eq!(
            (&bytes[..8], &bytes[12..17], &bytes[21..61]),
            (&golden[..8], &golden[12..17], &golden[21..61])
        );
        if codec == Compression::Lz4 {
            assert_eq!(bytes[61..68], golden[61..68], "the frame's header");
        }
        let read = |bytes: Bytes| {
            let (batch, _) = RecordBatch::parse(&bytes).expect("is a batch");
            batch.verify_crc().expect("is whole");
            batch.records(LIMIT).expect("can be decompressed").as_bytes().clone()
        };
        assert_eq!(read(Bytes::from(bytes)), read(golden), "{codec}");
    }
}

#[test]
fn a_transactional_batch_is_written_byte_for_byte_as_java_writes_it() {
    // BB10
    let identity = BatchIdentity {
        producer: ProducerIdentity { producer_id: 0x1234, epoch: 7 },
        base_sequence: Sequence(42),
        transactional: true,
    };
    for (_, golden) in golden("v2tx") {
        let (header, payload) = write(&RECORDS[..1], Compression::None, Some(identity));
        assert_eq!([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat(), golden);
        let (batch, _) = RecordBatch::parse(&golden).expect("Java's bytes");
        assert_eq!(batch.header().identity(), Some(identity));
    }
}

#[test]
fn the_marker_of_a_committed_transaction_is_understood() {
    for (_, golden) in golden("endtxn") {
        let (batch, _) = RecordBatch::parse(&golden).expect("Java's bytes");
        assert_eq!(batch.verify_crc(), Ok(()));
        let header = batch.header();
        assert!(header.attributes.is_control() && header.attributes.is_transactional());
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (0x1234, 7, -1));
        let decoded = batch.records(LIMIT).expect("is not compressed");
        let record = decoded.iter().next().expect("has one record").expect("is lawful");
        assert_eq!(ControlRecord::parse(&record), Ok(ControlRecord::Commit { coordinator_epoch: 3 }));
    }
}

/// The records of the file as the older formats hold them.
fn without_headers() -> [RecordRef<'static>; 3] {
    RECORDS.map(|record| RecordRef { headers: &[], ..record })
}

const FORMATS: [(&str, MessageFormat); 2] = [("v0", MessageFormat::V0), ("v1", MessageFormat::V1)];

#[test]
fn message_sets_written_by_java_are_read_to_the_last_field() {
    for (name, format) in FORMATS {
        for (codec, bytes) in golden(name) {
            let codec: Compression = codec.parse().expect("is a codec");
            if !codec.is_available() {
                eprintln!("skipped {codec}: the feature is off");
                continue;
            }
            let mut read = Vec::new();
            for entry in log_entries(&bytes) {
                let LogEntry::Message(message) = entry.expect("Java's bytes") else {
                    panic!("{name} is no batch")
                };
                assert_eq!(message.verify_crc(), Ok(()), "{name} {codec}");
                assert_eq!((message.format(), message.compression()), (format, Ok(codec)));
                assert_eq!(message.timestamp_type(), TimestampType::CreateTime);
                for record in message.records(LIMIT).expect("Java's codec").iter() {
                    let timestamp = (format == MessageFormat::V1).then_some(record.timestamp);
                    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                    read.push((record.offset.0, timestamp, owned(record.key), owned(record.value)));
                }
            }
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            let given: Vec<_> = (0..)
                .zip(without_headers())
                .map(|(offset, given)| {
                    let timestamp = (format == MessageFormat::V1).then_some(given.timestamp);
                    (offset, timestamp, owned(given.key), owned(given.value))
                })
                .collect();
            assert_eq!(read, given, "{name} {codec}");
        }
    }
}

fn write_set(format: MessageFormat, codec: Compression) -> Vec<u8> {
    let mut encoder = MessageSetEncoder::new(format);
    for record in without_headers() {
        encoder.append(&record).expect("has no headers");
    }
    let mut compressor = Compressor::new(codec, None).expect("the feature is on");
    encoder.finish(&mut compressor).expect("the format knows the codec")
}

#[test]
fn message_sets_are_written_as_java_writes_them() {
    // BB20 for the header of the lz4 frame
    for (name, format) in FORMATS {
        for (codec, golden) in golden(name) {
            let codec: Compression = codec.parse().expect("is a codec");
            if !codec.is_available() {
                eprintln!("skipped {codec}: the feature is off");
                continue;
            }
            let written = write_set(format, codec);
            if matches!(codec, Compression::None) {
                assert_eq!(written, golden, "{name} {codec}: byte for byte");
                continue;
            }
            // The wrapper up to its size, its format and codec, and (format 1) its time.
            let time = if format == MessageFormat::V1 { 18..26 } else { 18..18 };
            assert_eq!(written[..8], golden[..8], "{name} {codec}");
            assert_eq!((&written[16..18], &written[time.clone()]), (&golden[16..18], &golden[time]));
            let value_at = format.overhead();
            if codec == Compression::Lz4 {
                assert_eq!(
                    written[value_at..value_at + 7],
                    golden[value_at..value_at + 7],
                    "the frame's header"
                );
            }
            if codec == Compression::Snappy {
                assert_eq!(
                    written[value_at..value_at + 16],
                    golden[value_at..value_at + 16],
                    "xerial's header"
                );
            }
            let records = |bytes: &Bytes| {
                let (message, rest) = LegacyMessage::parse(bytes).expect("is a message");
                assert!(rest.is_empty());
                message.verify_crc().expect("is whole");
                message
                    .records(LIMIT)
                    .expect("can be decompressed")
                    .iter()
                    .map(|r| format!("{r:?}"))
                    .collect::<Vec<_>>()
            };
            assert_eq!(records(&Bytes::from(written)), records(&golden), "{name} {codec}");
        }
    }
}

#[test]
fn a_batch_becomes_the_message_set_that_java_would_have_written() {
    // v2 to v1 to v0, each as if it had been written in that format from the start
    let (header, payload) = write(&without_headers(), Compression::None, None);
    let bytes = Bytes::from([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat());
    let (batch, _) = RecordBatch::parse(&bytes).expect("was just written");
    let mut plain = Compressor::new(Compression::None, None).expect("is always there");
    for (name, format) in FORMATS {
        let (_, golden) = golden(name).into_iter().find(|(codec, _)| codec == "none").expect("has the row");
        assert_eq!(batch.to_message_set(format, &mut plain, LIMIT).as_deref(), Ok(&golden[..]), "{name}");
    }
    for (codec, golden) in golden("v1") {
        let codec: Compression = codec.parse().expect("is a codec");
        if !codec.is_available() || codec == Compression::None {
            continue;
        }
        let (message, _) = LegacyMessage::parse(&golden).expect("Java's bytes");
        let mut compressor = Compressor::new(codec, None).expect("the feature is on");
        let old =
            message.to_message_set(MessageFormat::V0, &mut compressor, LIMIT).expect("can be converted");
        assert_eq!(old, write_set(MessageFormat::V0, codec), "{codec}");
    }
}
