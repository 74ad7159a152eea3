//! Codecs: what any client writes is read; limits hold both ways; damage is refused.

#![allow(clippy::print_stderr, reason = "a test that skips something says so")]

use kp_protocol::ProtocolError;
use kp_protocol::compression::{Compressed, Compression, Compressor, decompress};
use proptest::prelude::*;

/// The codecs of this build, `none` left out.
fn codecs() -> Vec<Compression> {
    let (on, off): (Vec<_>, Vec<_>) = Compression::ALL.into_iter().partition(|codec| codec.is_available());
    if !off.is_empty() {
        eprintln!("skipped, since their features are off: {off:?}");
    }
    on.into_iter().filter(|codec| *codec != Compression::None).collect()
}

fn pack(compressor: &mut Compressor, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let done = compressor.compress([input], &mut out, usize::MAX);
    assert_eq!(done, Ok(Compressed::Done { size: out.len() }));
    out
}

fn compressor(codec: Compression) -> Compressor {
    Compressor::new(codec, None).expect("the feature is on")
}

/// Bytes that compress somewhat: words of a small dictionary.
fn text(length: usize) -> Vec<u8> {
    let words = ["offset ", "partition ", "leader ", "epoch ", "{\"id\":", "},\n"];
    let mut state = 7usize;
    let mut out = Vec::with_capacity(length + 16);
    while out.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend_from_slice(words[(state >> 33) % words.len()].as_bytes());
        out.push(b'a' + ((state >> 40) % 26) as u8);
    }
    out.truncate(length);
    out
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_bytes_in_any_pieces_come_back(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6), repeat in 1..300usize,
    ) {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).cycle().take(pieces.len() * repeat).collect();
        let whole = pieces.concat();
        for codec in codecs() {
            let mut out = b"before".to_vec();
            let mut compressor = compressor(codec);
            let Ok(Compressed::Done { size }) = compressor.compress(pieces.iter().copied(), &mut out, usize::MAX) else {
                panic!("{codec} has no limit here")
            };
            prop_assert_eq!(out.len(), size + 6);
            if whole.is_empty() { continue }
            let back = decompress(codec, &out[6..], whole.len());
            prop_assert_eq!(back.as_deref(), Ok(&whole[..]), "{}", codec);
        }
    }

    #[test]
    fn damaged_bytes_never_panic_and_never_grow_beyond_the_limit(
        noise in prop::collection::vec(any::<u8>(), 0..100), at in any::<usize>(), flip in 1..=u8::MAX,
    ) {
        for codec in codecs() {
            let mut packed = pack(&mut compressor(codec), &text(5000));
            let place = at % packed.len();
            packed[place] ^= flip;
            for input in [&packed, &noise] {
                if let Ok(output) = decompress(codec, input, 6000) {
                    prop_assert!(output.len() <= 6000);
                }
            }
        }
    }
}

#[test]
fn sizes_around_the_blocks_of_the_codecs_come_back() {
    for codec in codecs() {
        let mut compressor = compressor(codec);
        for size in [1, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000] {
            for input in [text(size), noise(size)] {
                let packed = pack(&mut compressor, &input);
                assert_eq!(
                    decompress(codec, &packed, size).as_deref(),
                    Ok(&input[..]),
                    "{codec}, {size} bytes"
                );
            }
        }
    }
}

#[test]
fn one_compressor_gives_the_same_bytes_every_time() {
    for codec in codecs() {
        let mut compressor = compressor(codec);
        let first = pack(&mut compressor, &text(70_000));
        pack(&mut compressor, &noise(1000));
        let mut small = Vec::new();
        assert_eq!(compressor.compress([&noise(1000)[..]], &mut small, 10), Ok(Compressed::OverLimit));
        assert_eq!(pack(&mut compressor, &text(70_000)), first, "{codec}");
    }
}

#[test]
fn an_output_over_its_limit_is_given_up_and_the_buffer_stays_as_it_was() {
    for codec in codecs() {
        let mut compressor = compressor(codec);
        let needed = pack(&mut compressor, &text(100_000)).len();
        for limit in [0, 3, 10, 20, needed / 2, needed - 1] {
            let mut out = Vec::with_capacity(limit);
            let place = out.as_ptr();
            assert_eq!(
                compressor.compress([&text(100_000)[..]], &mut out, limit),
                Ok(Compressed::OverLimit),
                "{codec}"
            );
            assert_eq!((out.len(), out.as_ptr()), (0, place), "{codec}");
        }
        let mut out = Vec::with_capacity(needed);
        let place = out.as_ptr();
        let done = compressor.compress([&text(100_000)[..]], &mut out, needed);
        assert_eq!(
            (done, out.as_ptr()),
            (Ok(Compressed::Done { size: needed }), place),
            "{codec}: fits exactly"
        );
    }
}

#[test]
fn the_limit_counts_what_was_in_the_output_before() {
    let mut compressor = Compressor::new(Compression::None, None).expect("is always there");
    let mut out = b"1234".to_vec();
    assert_eq!(compressor.compress([&b"567"[..]], &mut out, 6), Ok(Compressed::OverLimit));
    assert_eq!(compressor.compress([&b"56"[..]], &mut out, 6), Ok(Compressed::Done { size: 2 }));
    assert_eq!(out, b"123456");
}

#[test]
fn streams_one_behind_the_other_are_read_as_one() {
    for codec in codecs() {
        let mut compressor = compressor(codec);
        let (one, two) = (text(40_000), noise(500));
        let packed = [pack(&mut compressor, &one), pack(&mut compressor, &two)].concat();
        assert_eq!(decompress(codec, &packed, 50_000).as_deref(), Ok(&[one, two].concat()[..]), "{codec}");
    }
}

#[test]
fn a_bomb_is_refused_by_the_limit() {
    for codec in codecs() {
        let bomb = pack(&mut compressor(codec), &vec![0; 10_000_000]);
        assert!(bomb.len() < 1_000_000, "{codec}");
        for limit in [0, 1, 65_536, 9_999_999] {
            let refused = decompress(codec, &bomb, limit);
            assert_eq!(refused, Err(ProtocolError::DecompressedSize { codec: codec.name(), limit }));
        }
        assert_eq!(decompress(codec, &bomb, 10_000_000).map(|bytes| bytes.len()), Ok(10_000_000));
    }
}

#[test]
fn no_limit_at_all_is_a_limit_too() {
    for codec in codecs() {
        let packed = pack(&mut compressor(codec), &text(3000));
        assert_eq!(decompress(codec, &packed, usize::MAX).as_deref(), Ok(&text(3000)[..]), "{codec}");
    }
}

#[test]
fn a_stream_cut_short_anywhere_is_refused() {
    for codec in codecs() {
        let packed = pack(&mut compressor(codec), &text(3000));
        for end in 0..packed.len() {
            let read = decompress(codec, &packed[..end], 3000);
            // xerial's framing has no end mark: a cut between its header and its only block leaves an empty stream.
            let is_empty_stream = codec == Compression::Snappy && end == 16;
            assert!(
                read.is_err() || is_empty_stream && read == Ok(bytes::Bytes::new()),
                "{codec} cut at {end}"
            );
        }
    }
}

#[test]
fn something_that_is_no_stream_is_refused() {
    for codec in codecs() {
        assert!(decompress(codec, b"", 100).is_err(), "{codec}: nothing");
        assert!(
            decompress(codec, b"\xff\xff\xff\xff these are not compressed bytes", 100).is_err(),
            "{codec}"
        );
    }
}

#[test]
fn levels_follow_the_configuration_keys() {
    // KIP-390
    let valid = |codec, level| match Compressor::new(codec, Some(level)) {
        Ok(_) | Err(ProtocolError::CodecOff { .. }) => true,
        Err(error) => {
            assert!(matches!(error, ProtocolError::CompressionLevel { .. }), "{error}");
            false
        }
    };
    for (codec, good, bad) in [
        (Compression::Gzip, vec![-1, 1, 9], vec![-2, 0, 10]),
        (Compression::Lz4, vec![1, 9, 17], vec![0, 18]),
        (Compression::Zstd, vec![-131_072, 0, 3, 22], vec![-131_073, 23]),
        (Compression::Snappy, vec![], vec![0, 1]),
        (Compression::None, vec![], vec![0, 1]),
    ] {
        assert!(good.into_iter().all(|level| valid(codec, level)), "{codec}");
        assert!(!bad.into_iter().any(|level| valid(codec, level)), "{codec}");
    }
}

#[test]
fn a_codec_is_found_by_number_and_name() {
    for codec in Compression::ALL {
        assert_eq!(Compression::from_id(codec.id()), Ok(codec));
        assert_eq!(codec.to_string().parse(), Ok(codec));
    }
    assert_eq!(Compression::from_id(5), Err(ProtocolError::UnknownCodec { id: 5 }));
    assert_eq!(Compression::from_id(-1), Err(ProtocolError::UnknownCodec { id: -1 }));
    assert!("LZ4".parse::<Compression>().is_err(), "names are in lower case, as in Java");
}

#[cfg(feature = "snappy")]
mod snappy {
    use super::*;

    #[test]
    fn a_bare_block_of_an_old_client_is_read() {
        let block = snap::raw::Encoder::new().compress_vec(&text(3000)).expect("compresses");
        assert_eq!(decompress(Compression::Snappy, &block, 3000).as_deref(), Ok(&text(3000)[..]));
        assert!(decompress(Compression::Snappy, &block, 2999).is_err());
    }

    #[test]
    fn a_block_that_announces_gigabytes_allocates_nothing() {
        let block = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
        assert!(matches!(
            decompress(Compression::Snappy, &block, usize::MAX),
            Err(ProtocolError::Decompress { .. })
        ));
    }

    #[test]
    fn blocks_are_cut_at_32_kib_as_java_cuts_them() {
        let packed = pack(&mut compressor(Compression::Snappy), &text(70_000));
        let (mut at, mut sizes) = (16, Vec::new());
        while at < packed.len() {
            let size = u32::from_be_bytes(packed[at..at + 4].try_into().expect("four bytes")) as usize;
            sizes.push(snap::raw::decompress_len(&packed[at + 4..]).expect("is a block"));
            at += 4 + size;
        }
        assert_eq!((at, sizes), (packed.len(), vec![32_768, 32_768, 4464]));
    }
}

#[cfg(feature = "lz4")]
mod lz4 {
    use super::*;
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use std::io::{Read as _, Write as _};

    fn foreign(info: FrameInfo, input: &[u8]) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(input).expect("writes into memory");
        encoder.finish().expect("writes into memory")
    }

    #[test]
    fn frames_with_larger_blocks_and_checksums_of_others_are_read() {
        let input = text(200_000);
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
            let info = FrameInfo::new()
                .block_size(size)
                .block_checksums(true)
                .content_checksum(true)
                .content_size(Some(input.len() as u64));
            let packed = foreign(info, &input);
            assert_eq!(decompress(Compression::Lz4, &packed, 200_000).as_deref(), Ok(&input[..]));
            for at in [6, 30, packed.len() / 2, packed.len() - 1] {
                let mut damaged = packed.clone();
                damaged[at] ^= 1;
                assert!(decompress(Compression::Lz4, &damaged, 200_000).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn frames_of_dependent_blocks_are_refused_as_java_refuses_them() {
        // BB20
        let packed = foreign(FrameInfo::new().block_mode(BlockMode::Linked), &text(1000));
        assert!(decompress(Compression::Lz4, &packed, 1000).is_err());
    }

    #[test]
    fn a_header_with_a_wrong_checksum_version_or_block_size_is_refused() {
        // BB20
        let packed = pack(&mut compressor(Compression::Lz4), b"some bytes");
        assert_eq!(packed[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
        for (at, value) in [(0, 0x05), (4, 0xa0), (5, 0x30), (6, 0x1a)] {
            let mut damaged = packed.clone();
            damaged[at] = value;
            assert!(decompress(Compression::Lz4, &damaged, 100).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_reader_understands_our_frames() {
        for input in [text(200_000), noise(70_000)] {
            let packed = pack(&mut compressor(Compression::Lz4), &input);
            let mut back = Vec::new();
            lz4_flex::frame::FrameDecoder::new(&packed[..]).read_to_end(&mut back).expect("is a frame");
            assert_eq!(back, input);
        }
    }
}

#[cfg(feature = "gzip")]
#[test]
fn another_reader_understands_our_gzip_members() {
    use std::io::Read as _;
    let packed = pack(&mut compressor(Compression::Gzip), &text(200_000));
    let mut back = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back).expect("is a member");
    assert_eq!(back, text(200_000));
}
