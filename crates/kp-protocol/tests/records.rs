//! Laws of record batches: what is written is read, what is damaged is refused, numbers follow Kafka.

use bytes::Bytes;
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::{
    BatchAttributes, BatchHeader, HeaderRef, RecordBatch, RecordEncoder, RecordRef, TimestampType, batches,
    crc32c,
};
use kp_protocol::{BatchIdentity, Fault, ProducerIdentity, ProtocolError, Sequence, Timestamp};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

/// A record with everything owned.
#[derive(Clone, Debug)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    /// Calls `with` with the borrowed form.
    fn lend<T>(&self, with: impl FnOnce(&RecordRef<'_>) -> T) -> T {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| HeaderRef { name, value: value.as_deref() }).collect();
        with(&RecordRef {
            timestamp: Timestamp(self.timestamp),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        })
    }
}

fn nullable() -> impl Strategy<Value = Option<Vec<u8>>> {
    let lengths = prop_oneof![0..4usize, 60..70usize, 120..135usize, 8185..8200usize];
    prop::option::of(lengths.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length)))
}

fn record() -> impl Strategy<Value = Owned> {
    let timestamp =
        prop_oneof![Just(-1), 0..2000i64, any::<i64>().prop_map(|t| t & i64::MAX), Just(i64::MAX)];
    let headers = prop::collection::vec((".{0,5}", nullable()), 0..4);
    (timestamp, nullable(), nullable(), headers).prop_map(|(timestamp, key, value, headers)| Owned {
        timestamp,
        key,
        value,
        headers,
    })
}

fn batch_of(records: &[RecordRef<'_>]) -> Bytes {
    let mut encoder = RecordEncoder::new();
    let mut payload = Vec::new();
    for record in records {
        encoder.append(record, &mut payload).expect("is a lawful record");
    }
    whole(encoder.header(Compression::None, None).expect("is not empty"), &payload)
}

fn whole(header: BatchHeader, payload: &[u8]) -> Bytes {
    let payload = Bytes::copy_from_slice(payload);
    let head = header.encode(std::slice::from_ref(&payload));
    Bytes::from([&head[..], &payload].concat())
}

fn simple(value: &[u8]) -> RecordRef<'_> {
    RecordRef { timestamp: Timestamp(5), key: None, value: Some(value), headers: &[] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_records_come_back_and_their_size_was_known_before(records in prop::collection::vec(record(), 1..8)) {
        // BB7, BB8, BB15
        let mut encoder = RecordEncoder::new();
        let mut payload = Vec::new();
        for record in &records {
            record.lend(|record| {
                let (key, value) = (record.key.map(<[u8]>::len), record.value.map(<[u8]>::len));
                let size = encoder.record_size(record);
                assert!(size <= RecordEncoder::upper_bound(key, value, record.headers));
                // A buffer with exactly the room needed is not moved.
                let mut exact = Vec::with_capacity(size);
                let place = exact.as_ptr();
                assert_eq!(encoder.clone().append(record, &mut exact), Ok(size));
                assert_eq!((exact.as_ptr(), exact.len()), (place, size));
                assert_eq!(encoder.append(record, &mut payload), Ok(size));
                assert!(payload.ends_with(&exact));
            });
        }
        let times = records.iter().map(|record| record.timestamp);
        prop_assert_eq!(encoder.base_timestamp(), Some(Timestamp(records[0].timestamp)));
        prop_assert_eq!(encoder.max_timestamp(), times.max().map(Timestamp));
        let bytes = whole(encoder.header(Compression::None, None).expect("is not empty"), &payload);
        let (batch, _) = RecordBatch::parse(&bytes).expect("was just written");
        let decoded = batch.records(0).expect("is not compressed");
        for (place, (read, given)) in decoded.iter().zip(&records).enumerate() {
            let read = read.expect("was just written");
            prop_assert_eq!(read.offset.0, place as i64);
            given.lend(|given| {
                assert_eq!((read.timestamp, read.key, read.value), (given.timestamp, given.key, given.value));
                assert_eq!(read.headers.iter().collect::<Vec<_>>(), given.headers);
                assert_eq!(read.headers.len(), given.headers.len());
            });
        }
        prop_assert_eq!(decoded.iter().count(), records.len());
    }

    #[test]
    fn a_flipped_bit_or_a_cut_in_any_batch_of_any_codec_is_refused_and_never_a_panic(
        records in prop::collection::vec(record(), 1..6), at in any::<usize>(), bit in 0..8u32, cut in any::<usize>(),
    ) {
        // BB15, BB17
        for codec in Compression::ALL.into_iter().filter(|codec| codec.is_available()) {
            let mut encoder = RecordEncoder::new();
            let (mut plain, mut payload) = (Vec::new(), Vec::new());
            for record in &records {
                record.lend(|record| encoder.append(record, &mut plain)).expect("is a lawful record");
            }
            let mut compressor = Compressor::new(codec, None).expect("the feature is on");
            compressor.compress([&plain[..]], &mut payload, LIMIT).expect("compresses");
            let bytes = whole(encoder.header(codec, None).expect("is not empty"), &payload);
            let mut flipped = bytes.to_vec();
            let place = 21 + at % (bytes.len() - 21);
            flipped[place] ^= 1 << bit;
            let parsed = RecordBatch::parse(&Bytes::from(flipped));
            if let Ok((batch, _)) = &parsed {
                // A reader that skips the checksum reads something else, or an error.
                let _ = batch.records(LIMIT).map(|records| records.iter().filter(Result::is_ok).count());
            }
            let verified = parsed.and_then(|(batch, _)| batch.verify_crc());
            assert!(matches!(verified, Err(ProtocolError::Checksum { .. })), "{codec}, byte {place}: {verified:?}");
            assert!(RecordBatch::parse(&bytes.slice(..cut % bytes.len())).is_err(), "{codec}");
        }
    }

    #[test]
    fn damaged_records_never_panic(payload in prop::collection::vec(any::<u8>(), 0..200), count in any::<i32>()) {
        // BB15
        let mut header = RecordEncoder::new();
        header.append(&simple(b"x"), &mut Vec::new()).expect("is a lawful record");
        let mut header = header.header(Compression::None, None).expect("is not empty");
        header.record_count = count & i32::MAX;
        header.last_offset_delta = i32::MAX;
        let bytes = whole(header, &payload);
        let (batch, _) = RecordBatch::parse(&bytes).expect("the header is lawful");
        for record in &batch.records(0).expect("is not compressed") {
            let _ = record.map(|record| record.headers.iter().count());
        }
        let _ = RecordBatch::parse(&Bytes::from(payload));
    }
}

#[test]
fn a_flipped_bit_from_byte_21_on_fails_the_checksum_and_one_before_does_not() {
    // BB17
    let bytes = batch_of(&[simple(b"one"), simple(b"two")]);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let parsed = RecordBatch::parse(&Bytes::from(flipped));
        match (bit / 8, parsed) {
            (0..8 | 12..16, Ok((batch, _))) => assert_eq!(batch.verify_crc(), Ok(()), "bit {bit}"),
            (16, parsed) => assert!(matches!(parsed, Err(ProtocolError::Magic { .. })), "bit {bit}"),
            (8..12, parsed) => {
                assert!(parsed.is_err() || parsed.is_ok_and(|(b, _)| b.verify_crc().is_err()), "bit {bit}")
            }
            // Also where a count becomes negative, which is refused at once.
            (_, parsed) => {
                let verified = parsed.and_then(|(batch, _)| batch.verify_crc());
                assert!(matches!(verified, Err(ProtocolError::Checksum { .. })), "bit {bit}: {verified:?}");
            }
        }
    }
}

#[test]
fn a_batch_cut_short_anywhere_is_refused_and_left_out_at_the_end_of_a_log() {
    let one = batch_of(&[simple(b"one")]);
    let two = batch_of(&[simple(b"two"), simple(b"three")]);
    for end in 0..two.len() {
        assert!(RecordBatch::parse(&two.slice(..end)).is_err(), "cut at {end}");
        let log = Bytes::from([&one[..], &two[..end]].concat());
        let read: Result<Vec<_>, _> = batches(&log).collect();
        assert_eq!(read.map(|read| read.len()), Ok(1), "cut at {end}");
    }
    let log = Bytes::from([&one[..], &two, &one].concat());
    let counts: Result<Vec<_>, _> =
        batches(&log).map(|batch| batch.map(|b| b.header().record_count)).collect();
    assert_eq!(counts, Ok(vec![1, 2, 1]));
}

#[test]
fn a_log_with_a_foreign_batch_ends_with_an_error() {
    let one = batch_of(&[simple(b"one")]);
    let mut foreign = one.to_vec();
    foreign[16] = 3;
    let log = Bytes::from([&one[..], &foreign, &one].concat());
    let read: Vec<_> = batches(&log).collect();
    assert_eq!(read.len(), 2);
    assert_eq!(read[1], Err(ProtocolError::Magic { magic: 3, expected: "2" }));
}

#[test]
fn a_record_count_that_does_not_fit_the_content_is_an_error() {
    // BB16
    let mut encoder = RecordEncoder::new();
    let mut payload = Vec::new();
    for value in [&b"a"[..], b"b", b"c"] {
        encoder.append(&simple(value), &mut payload).expect("is a lawful record");
    }
    for (stated, found) in [(4, 3), (2, 3), (0, 1), (i32::MAX, 3)] {
        let mut header = encoder.header(Compression::None, None).expect("is not empty");
        header.record_count = stated;
        let (batch, _) = RecordBatch::parse(&whole(header, &payload)).expect("the header is lawful");
        let last =
            batch.records(LIMIT).expect("is not compressed").iter().last().expect("has items").map(|_| ());
        assert_eq!(last, Err(ProtocolError::RecordCount { stated, found }));
    }
    let mut header = encoder.header(Compression::None, None).expect("is not empty");
    header.record_count = -1;
    assert!(RecordBatch::parse(&whole(header, &payload)).is_err());
}

#[test]
fn a_batch_emptied_by_compaction_is_read_as_no_records() {
    let mut encoder = RecordEncoder::new();
    encoder.append(&simple(b"x"), &mut Vec::new()).expect("is a lawful record");
    for codec in Compression::ALL {
        let mut header = encoder.header(codec, None).expect("is not empty");
        header.record_count = 0;
        let (batch, _) = RecordBatch::parse(&whole(header, &[])).expect("is lawful");
        assert_eq!(batch.records(LIMIT).expect("nothing to decompress").iter().count(), 0, "{codec}");
    }
}

/// A batch of one record whose bytes are `body` behind its length.
fn of_body(body: &[u8]) -> Result<(), ProtocolError> {
    let mut encoder = RecordEncoder::new();
    encoder.append(&simple(b"x"), &mut Vec::new()).expect("is a lawful record");
    let payload = [&[(body.len() as u8) << 1], body].concat();
    let bytes = whole(encoder.header(Compression::None, None).expect("is not empty"), &payload);
    let (batch, _) = RecordBatch::parse(&bytes).expect("the header is lawful");
    batch.records(LIMIT).expect("is not compressed").iter().try_for_each(|record| record.map(|_| ()))
}

#[test]
fn a_record_that_over_or_underruns_its_length_is_an_error() {
    // BB15. Attributes, time, offset, key, value, header count.
    assert_eq!(of_body(&[0, 0, 0, 1, 1, 0]), Ok(()));
    let faults: [(&str, &[u8]); 10] = [
        ("a byte left over", &[0, 0, 0, 1, 1, 0, 0]),
        ("no header count", &[0, 0, 0, 1, 1]),
        ("key longer than the record", &[0, 0, 0, 20, 1, 0]),
        ("key length -2", &[0, 0, 0, 3, 1, 0]),
        ("value longer than the record", &[0, 0, 0, 1, 20, 0]),
        ("negative header count", &[0, 0, 0, 1, 1, 1]),
        ("two billion headers", &[0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        ("header name null", &[0, 0, 0, 1, 1, 2, 1, 1]),
        ("header name not UTF-8", &[0, 0, 0, 1, 1, 2, 2, 0xff, 1]),
        ("offset outside the batch", &[0, 0, 2, 1, 1, 0]),
    ];
    for (what, body) in faults {
        assert!(of_body(body).is_err(), "{what}");
    }
    assert!(matches!(
        of_body(&[0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        Err(ProtocolError::Malformed { fault: Fault::TooMany { count: 0x7fff_ffff, left: 0 }, .. })
    ));
}

#[test]
fn a_negative_timestamp_is_refused_except_the_one_that_means_none() {
    // BB9
    let mut encoder = RecordEncoder::new();
    let mut out = Vec::new();
    for timestamp in [-2, i64::MIN] {
        let record = RecordRef { timestamp: Timestamp(timestamp), ..simple(b"x") };
        assert!(
            matches!(encoder.append(&record, &mut out), Err(ProtocolError::Illegal { found, .. }) if found == timestamp)
        );
    }
    assert!(out.is_empty() && encoder.is_empty(), "nothing was written");
    assert!(encoder.append(&RecordRef { timestamp: Timestamp::NONE, ..simple(b"x") }, &mut out).is_ok());
    assert_eq!(encoder.max_timestamp(), Some(Timestamp::NONE));
}

#[test]
fn an_incomplete_identity_is_refused() {
    // BB10
    let mut encoder = RecordEncoder::new();
    encoder.append(&simple(b"x"), &mut Vec::new()).expect("is a lawful record");
    let identity = |producer_id, epoch, sequence| BatchIdentity {
        producer: ProducerIdentity { producer_id, epoch },
        base_sequence: Sequence(sequence),
        transactional: true,
    };
    for bad in [identity(-1, 0, 0), identity(1, -1, 0), identity(1, 0, -1)] {
        assert!(matches!(
            encoder.header(Compression::None, Some(bad)),
            Err(ProtocolError::Illegal { found: -1, .. })
        ));
    }
    let header = encoder.header(Compression::None, Some(identity(1, 0, 0))).expect("is complete");
    assert!(header.attributes.is_transactional());
    let plain = header.with_identity(None).expect("none is lawful");
    assert_eq!(
        Ok(plain),
        encoder.header(Compression::None, None),
        "another identity is another header, no more"
    );
    assert!(RecordEncoder::new().header(Compression::None, None).is_err(), "no records");
}

#[test]
fn with_log_append_time_the_brokers_time_overrides_all_others() {
    // KIP-32
    let mut encoder = RecordEncoder::new();
    let mut payload = Vec::new();
    encoder.append(&simple(b"x"), &mut payload).expect("is a lawful record");
    let mut header = encoder.header(Compression::None, None).expect("is not empty");
    header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    header.max_timestamp = Timestamp(777);
    let (batch, _) = RecordBatch::parse(&whole(header, &payload)).expect("is lawful");
    let decoded = batch.records(LIMIT).expect("is not compressed");
    let record = decoded.iter().next().expect("has one").expect("is lawful");
    assert_eq!(record.timestamp, Timestamp(777));
}

#[test]
fn attributes_keep_bits_without_a_meaning() {
    let attributes = BatchAttributes(0x4000).with_transactional(true).with_control(true);
    assert_eq!(attributes.0, 0x4030);
    assert_eq!(attributes.with_transactional(false).0, 0x4020);
    assert!(matches!(BatchAttributes(7).compression(), Err(ProtocolError::UnknownCodec { id: 7 })));
}

#[test]
fn the_checksum_does_not_depend_on_how_the_bytes_are_cut() {
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let once = crc32c([&bytes[..]]);
    for cut in [0, 1, 7, 64, 4096, 5000] {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(crc32c([head, tail]), once, "cut at {cut}");
    }
    assert_eq!(crc32c([&[0; 32][..]]), 0x8a91_36aa, "RFC 3720");
}
