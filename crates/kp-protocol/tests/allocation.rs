//! No input makes this crate allocate more than it can justify: at most 64 times the input and 64 KiB, measured
//! by an allocator that counts. Decompression is bounded by the caller's limit instead.

use bytes::Bytes;
use counting_allocator::measure;
use kp_protocol::api::{AnyRequest, AnyResponse};
use kp_protocol::compression::{Compression, Compressor, decompress};
use kp_protocol::records::{
    LegacyMessage, MessageFormat, MessageSetEncoder, RecordEncoder, RecordRef, log_entries,
};
use kp_protocol::{ApiKey, FrameReader, Timestamp, decode_request_header};

/// The most bytes held at once during `work`, above what was held before.
fn most_held<T>(work: impl FnOnce() -> T) -> usize {
    measure(|| drop(work())).1.most
}

fn assert_justified<T>(input: &Bytes, what: std::fmt::Arguments<'_>, work: impl FnOnce() -> T) {
    let (most, bound) = (most_held(work), 64 * input.len() + 64 * 1024);
    assert!(most <= bound, "{what}: {most} bytes held for an input of {}", input.len());
}

#[test]
fn no_count_anywhere_in_a_message_allocates_more_than_its_bytes_justify() {
    // Zeros (empty and null elements), and at every early place the largest counts that pass the first check.
    const SIZE: usize = 8000;
    for api in ApiKey::ALL {
        let versions = api.versions();
        for version in versions.min..=versions.max {
            for place in 0..24 {
                for share in [1, 2, 3, 4, 6, 8, 12, 16, 20, 28, 40] {
                    let count = SIZE / share;
                    let mut input = vec![0u8; SIZE];
                    if api.is_flexible(version) {
                        input[place..place + 2].copy_from_slice(&[count as u8 | 0x80, (count >> 7) as u8]);
                    } else {
                        input[place..place + 4].copy_from_slice(&(count as u32).to_be_bytes());
                    }
                    let input = Bytes::from(input);
                    let what = format_args!("{api} v{version}, count {count} at {place}");
                    assert_justified(&input, what, || AnyRequest::parse(*api, version, &input));
                    assert_justified(&input, what, || AnyResponse::parse(*api, version, &input));
                }
            }
        }
    }
}

#[test]
fn noise_allocates_no_more_than_its_bytes_justify() {
    let mut state = 42u64;
    for round in 0..300 {
        let noise: Bytes = (0..round * 7)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Small numbers often, since they pass as counts.
                if state & 0x300 == 0 { (state >> 32) as u8 } else { (state >> 32) as u8 % 6 }
            })
            .collect();
        for api in ApiKey::ALL {
            for version in api.versions().min..=api.versions().max {
                let what = format_args!("{api} v{version}, noise of round {round}");
                assert_justified(&noise, what, || AnyRequest::parse(*api, version, &noise));
                assert_justified(&noise, what, || AnyResponse::parse(*api, version, &noise));
            }
        }
        let what = format_args!("noise of round {round}");
        assert_justified(&noise, what, || decode_request_header(&noise).map(|_| ()));
        assert_justified(&noise, what, || log_entries(&noise).count());
        assert_justified(&noise, what, || {
            let mut reader = FrameReader::default();
            reader.extend(&noise);
            while let Ok(Some(_)) = reader.next_frame() {}
        });
    }
}

#[test]
fn a_decompression_holds_no_more_than_its_limit_justifies() {
    const LIMIT: usize = 1 << 20;
    for codec in
        Compression::ALL.into_iter().filter(|codec| codec.is_available() && *codec != Compression::None)
    {
        let mut bomb = Vec::new();
        let mut compressor = Compressor::new(codec, None).expect("the feature is on");
        compressor.compress([&vec![0; 64 << 20][..]], &mut bomb, usize::MAX).expect("compresses");
        let most = most_held(|| decompress(codec, &bomb, LIMIT).expect_err("is a bomb"));
        // Twice the limit while the output grows, and a codec's working memory.
        assert!(most <= 2 * LIMIT + (512 << 10), "{codec}: {most} bytes held");
    }
}

#[test]
fn many_small_messages_in_a_wrapper_hold_no_more_than_the_limit_justifies() {
    // Format 0: 26 bytes each, as small as they come.
    const LIMIT: usize = 1 << 20;
    if !Compression::Gzip.is_available() {
        return;
    }
    let mut set = MessageSetEncoder::new(MessageFormat::V0);
    let empty = RecordRef { timestamp: Timestamp(1), key: None, value: None, headers: &[] };
    (0..LIMIT / 26).for_each(|_| set.append(&empty).expect("is lawful"));
    let mut gzip = Compressor::new(Compression::Gzip, None).expect("the feature is on");
    let bytes = Bytes::from(set.finish(&mut gzip).expect("is lawful"));
    let (wrapper, _) = LegacyMessage::parse(&bytes).expect("was just written");
    let most = most_held(|| assert_eq!(wrapper.records(LIMIT).expect("fits").iter().len(), LIMIT / 26));
    assert!(most <= 2 * LIMIT + (64 << 10), "{most} bytes held");
}

#[test]
fn appending_records_allocates_nothing_within_the_capacity() {
    let mut payload = Vec::with_capacity(64 * 1024);
    let mut encoder = RecordEncoder::new();
    let record =
        RecordRef { timestamp: Timestamp(1), key: Some(b"key"), value: Some(&[7; 100]), headers: &[] };
    let most = most_held(|| {
        for _ in 0..500 {
            encoder.append(&record, &mut payload).expect("is lawful");
        }
    });
    assert_eq!((most, encoder.count()), (0, 500));
}

#[test]
fn reading_an_uncompressed_batch_allocates_nothing() {
    let mut payload = Vec::new();
    let mut encoder = RecordEncoder::new();
    for _ in 0..100 {
        let record = RecordRef { timestamp: Timestamp(1), key: None, value: Some(&[7; 100]), headers: &[] };
        encoder.append(&record, &mut payload).expect("is lawful");
    }
    let payload = Bytes::from(payload);
    let header = encoder.header(Compression::None, None).expect("is lawful");
    let log = Bytes::from([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat());
    // The first slice of a `Bytes` makes it shared, which allocates once; that is not the reader's doing.
    let _shared = log.slice(1..);
    let mut read = 0;
    let most = most_held(|| {
        for batch in kp_protocol::records::batches(&log) {
            let batch = batch.expect("is lawful");
            batch.verify_crc().expect("is whole");
            read +=
                batch.records(0).expect("is not compressed").iter().filter(|record| record.is_ok()).count();
        }
    });
    assert_eq!((read, most), (100, 0));
}
