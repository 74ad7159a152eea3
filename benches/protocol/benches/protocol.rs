//! Encode and decode beside `kafka-protocol` 0.18 and `rskafka` 0.6, row by row on the same data. Messages are written into
//! memory of their own, of just the right size, since they are handed on; batches into memory that is used again.

use bytes::{Bytes, BytesMut};
use divan::{Bencher, black_box};
use kafka_protocol::messages as their_messages;
use kafka_protocol::protocol::Encodable;
use kafka_protocol::records::{RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions};
use kp_protocol::api::{MetadataResponse, ProduceRequest, ProduceResponse};
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::RecordBatch;
use kp_protocol::{Message, encode_body};
use kp_protocol_bench as data;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::messages::{self as rs_messages, ReadVersionedType, WriteVersionedType};
use rskafka::protocol::primitives as rs;
use rskafka::protocol::traits::{ReadType, WriteType};

fn main() {
    divan::main();
}

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
/// The newest versions that all three speak, and the newest of two.
const PRODUCE: i16 = 7;
const METADATA_OF_THREE: i16 = 4;
const METADATA: i16 = 12;
const LIMIT: usize = 64 << 20;
/// Bytes of records for each partition of a Produce request.
const SIZES: [usize; 2] = [1024, 16_384];

fn rs_version(version: i16) -> ApiVersion {
    ApiVersion(rs::Int16(version))
}

/// A batch of 1,000 records, about 110 bytes each, from key and value to bytes with a checksum.
#[divan::bench_group]
mod batch_encode {
    use super::*;

    #[divan::bench(args = CODECS)]
    fn kp(bencher: Bencher, codec: Compression) {
        let contents = data::contents();
        let mut compressor = Compressor::new(codec, None).unwrap();
        let (mut raw, mut out) = (Vec::with_capacity(1 << 18), Vec::with_capacity(1 << 18));
        bencher.bench_local(|| data::kp_encode(black_box(&contents), &mut compressor, &mut raw, &mut out));
    }

    #[divan::bench(args = CODECS)]
    fn kafka_protocol(bencher: Bencher, codec: Compression) {
        let records = data::their_records();
        let options = RecordEncodeOptions { version: 2, compression: data::their_codec(codec) };
        let mut out = data::buffer();
        bencher.bench_local(|| {
            out.clear();
            RecordBatchEncoder::encode(&mut out, black_box(&records), &options).unwrap();
        });
    }

    #[divan::bench(args = CODECS)]
    fn rskafka(bencher: Bencher, codec: Compression) {
        let batch = data::rs_batch(codec);
        let mut out = Vec::with_capacity(1 << 18);
        bencher.bench_local(|| {
            out.clear();
            black_box(&batch).write(&mut out).unwrap();
        });
    }
}

/// The same batch, from bytes to each record's key and value, its checksum verified.
#[divan::bench_group]
mod batch_decode {
    use super::*;

    #[divan::bench(args = CODECS)]
    fn kp(bencher: Bencher, codec: Compression) {
        let bytes = data::batch(codec);
        bencher.bench_local(|| {
            let (batch, _) = RecordBatch::parse(black_box(&bytes)).unwrap();
            batch.verify_crc().unwrap();
            let records = batch.records(LIMIT).unwrap();
            records.iter().map(|record| record.unwrap().value.map_or(0, <[u8]>::len)).sum::<usize>()
        });
    }

    #[divan::bench(args = CODECS)]
    fn kafka_protocol(bencher: Bencher, codec: Compression) {
        let bytes = data::batch(codec);
        bencher.bench_local(|| {
            let set = RecordBatchDecoder::decode(&mut black_box(&bytes).clone()).unwrap();
            set.records.iter().map(|record| record.value.as_ref().map_or(0, Bytes::len)).sum::<usize>()
        });
    }

    #[divan::bench(args = CODECS)]
    fn rskafka(bencher: Bencher, codec: Compression) {
        let bytes = data::batch(codec);
        bencher.bench_local(|| {
            rskafka::protocol::record::RecordBatch::read(&mut std::io::Cursor::new(black_box(&bytes[..]))).unwrap()
        });
    }
}

/// ProduceRequest v7, 1,000 partitions of 1 KiB, and of 16 KiB (`batch.size`).
#[divan::bench_group]
mod produce_request_encode {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn kp(bencher: Bencher, size: usize) {
        let request = data::produce_request(size);
        bencher.bench_local(|| encode_body(PRODUCE, black_box(&request)).unwrap());
    }

    #[divan::bench(args = SIZES)]
    fn kafka_protocol(bencher: Bencher, size: usize) {
        let bytes = data::bytes_of(&data::produce_request(size), PRODUCE);
        let request: their_messages::ProduceRequest = data::theirs(&bytes, PRODUCE);
        bencher.bench_local(|| {
            let mut out = BytesMut::with_capacity(bytes.len());
            black_box(&request).encode(&mut out, PRODUCE).unwrap();
            out
        });
    }

    /// From values of its own: it encodes each batch, with its checksum, while it writes.
    #[divan::bench(args = SIZES)]
    fn rskafka(bencher: Bencher, size: usize) {
        let request = data::rs_produce_request(size);
        bencher.bench_local(|| {
            let mut out = Vec::with_capacity(2 * size * data::PRODUCED);
            black_box(&request).write_versioned(&mut out, rs_version(PRODUCE)).unwrap();
            out
        });
    }
}

#[divan::bench_group]
mod produce_request_decode {
    use super::*;

    #[divan::bench]
    fn kp(bencher: Bencher) {
        let bytes = data::bytes_of(&data::produce_request(1024), PRODUCE);
        bencher.bench_local(|| ProduceRequest::parse(black_box(&bytes), PRODUCE).unwrap());
    }

    #[divan::bench]
    fn kafka_protocol(bencher: Bencher) {
        let bytes = data::bytes_of(&data::produce_request(1024), PRODUCE);
        bencher.bench_local(|| data::theirs::<their_messages::ProduceRequest>(black_box(&bytes), PRODUCE));
    }
}

/// ProduceResponse v7, 1,000 partitions.
#[divan::bench_group]
mod produce_response_encode {
    use super::*;

    #[divan::bench]
    fn kp(bencher: Bencher) {
        let response = data::produce_response();
        bencher.bench_local(|| encode_body(PRODUCE, black_box(&response)).unwrap());
    }

    #[divan::bench]
    fn kafka_protocol(bencher: Bencher) {
        let bytes = data::bytes_of(&data::produce_response(), PRODUCE);
        let response: their_messages::ProduceResponse = data::theirs(&bytes, PRODUCE);
        bencher.bench_local(|| {
            let mut out = BytesMut::with_capacity(bytes.len());
            black_box(&response).encode(&mut out, PRODUCE).unwrap();
            out
        });
    }
}

#[divan::bench_group]
mod produce_response_decode {
    use super::*;

    #[divan::bench]
    fn kp(bencher: Bencher) {
        let bytes = data::bytes_of(&data::produce_response(), PRODUCE);
        bencher.bench_local(|| ProduceResponse::parse(black_box(&bytes), PRODUCE).unwrap());
    }

    #[divan::bench]
    fn kafka_protocol(bencher: Bencher) {
        let bytes = data::bytes_of(&data::produce_response(), PRODUCE);
        bencher.bench_local(|| data::theirs::<their_messages::ProduceResponse>(black_box(&bytes), PRODUCE));
    }

    #[divan::bench]
    fn rskafka(bencher: Bencher) {
        let bytes = data::bytes_of(&data::produce_response(), PRODUCE);
        bencher.bench_local(|| {
            let mut cursor = std::io::Cursor::new(black_box(&bytes[..]));
            rs_messages::ProduceResponse::read_versioned(&mut cursor, rs_version(PRODUCE)).unwrap()
        });
    }
}

/// MetadataResponse, 10,000 partitions of 100 topics.
#[divan::bench_group]
mod metadata_encode {
    use super::*;

    #[divan::bench(args = [METADATA_OF_THREE, METADATA])]
    fn kp(bencher: Bencher, version: i16) {
        let response = data::metadata();
        bencher.bench_local(|| encode_body(version, black_box(&response)).unwrap());
    }

    #[divan::bench(args = [METADATA_OF_THREE, METADATA])]
    fn kafka_protocol(bencher: Bencher, version: i16) {
        let bytes = data::bytes_of(&data::metadata(), version);
        let response: their_messages::MetadataResponse = data::theirs(&bytes, version);
        bencher.bench_local(|| {
            let mut out = BytesMut::with_capacity(bytes.len());
            black_box(&response).encode(&mut out, version).unwrap();
            out
        });
    }
}

#[divan::bench_group]
mod metadata_decode {
    use super::*;

    #[divan::bench(args = [METADATA_OF_THREE, METADATA])]
    fn kp(bencher: Bencher, version: i16) {
        let bytes = data::bytes_of(&data::metadata(), version);
        bencher.bench_local(|| MetadataResponse::parse(black_box(&bytes), version).unwrap());
    }

    #[divan::bench(args = [METADATA_OF_THREE, METADATA])]
    fn kafka_protocol(bencher: Bencher, version: i16) {
        let bytes = data::bytes_of(&data::metadata(), version);
        bencher.bench_local(|| data::theirs::<their_messages::MetadataResponse>(black_box(&bytes), version));
    }

    #[divan::bench(args = [METADATA_OF_THREE])]
    fn rskafka(bencher: Bencher, version: i16) {
        let bytes = data::bytes_of(&data::metadata(), version);
        bencher.bench_local(|| {
            let mut cursor = std::io::Cursor::new(black_box(&bytes[..]));
            rs_messages::MetadataResponse::read_versioned(&mut cursor, rs_version(version)).unwrap()
        });
    }
}
