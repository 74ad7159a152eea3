//! The floor of a machine: one thread that encodes records into batches, checksums them, writes them and reads the answers.
//! No queue, no lock, no metadata, no retry; no producer can be much quicker. Without keys, codecs, pacing, or more than one topic.

#![forbid(unsafe_code)]

use clap::Parser;
use kp_benches::{Args, Outcomes, histogram, payloads, report};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// A request carries a batch of each, as a client's with six partitions would.
const PARTITIONS: i32 = 6;
const IN_FLIGHT: usize = 5;
/// Bytes of a batch before its first record.
const BATCH_HEAD: usize = 61;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let acks: i16 = if args.acks == "all" { -1 } else { args.acks.parse()? };
    if acks == 0 || args.keys > 0 || args.compression != "none" || args.rate > 0 || args.topics > 1 {
        return Err("limit takes no acks=0, keys, codec, rate or topics".into());
    }
    let values = payloads(args.size);
    let mut stream = TcpStream::connect(&args.bootstrap)?;
    stream.set_nodelay(true)?;
    let (mut sent, mut answered, mut correlation_id) = (0, 0, 0);
    let mut in_flight = VecDeque::new();
    let mut batches = vec![Vec::new(); PARTITIONS as usize];
    let mut latency = histogram();
    let mut answer = vec![0; 65536];
    let start = Instant::now();
    while answered < args.records {
        if sent < args.records && in_flight.len() < IN_FLIGHT {
            let (first, before) = (Instant::now(), sent);
            let mut filled = 0;
            for batch in &mut batches {
                if sent == args.records {
                    break;
                }
                sent += fill(batch, &values, args.batch, args.records - sent);
                filled += 1;
            }
            send(&mut stream, &args.topic, acks, correlation_id, &batches[..filled])?;
            correlation_id += 1;
            in_flight.push_back((sent - before, first));
        } else {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length) as usize;
            answer.resize(length.max(answer.len()), 0);
            stream.read_exact(&mut answer[..length])?;
            let (records, first) = in_flight.pop_front().ok_or("an answer to no request")?;
            answered += records;
            latency.saturating_record((first.elapsed().as_micros() as u64).max(1));
        }
    }
    report("limit", &args, start.elapsed(), &Outcomes { ok: answered, failed: 0, latency, commits: 0 });
    Ok(())
}

/// Makes `batch` a batch of at most `limit` bytes and at most `left` records; answers how many.
fn fill(batch: &mut Vec<u8>, values: &[Vec<u8>], limit: usize, left: u64) -> u64 {
    batch.clear();
    batch.resize(BATCH_HEAD, 0);
    let mut count: u64 = 0;
    while count < left {
        let value = &values[(count & 1023) as usize];
        // Attributes, time delta, offset delta, no key, the value and its length, no headers.
        let length = 4 + varint_len(count as i64) + varint_len(value.len() as i64) + value.len();
        if count > 0 && batch.len() + length + varint_len(length as i64) > limit {
            break;
        }
        put_varint(batch, length as i64);
        batch.extend_from_slice(&[0, 0]);
        put_varint(batch, count as i64);
        batch.push(1);
        put_varint(batch, value.len() as i64);
        batch.extend_from_slice(value);
        batch.push(0);
        count += 1;
    }
    let length = batch.len() as i32 - 12;
    let mut put = |at: usize, bytes: &[u8]| batch[at..at + bytes.len()].copy_from_slice(bytes);
    put(8, &length.to_be_bytes());
    put(12, &(-1_i32).to_be_bytes());
    put(16, &[2]);
    put(23, &(count as i32 - 1).to_be_bytes());
    put(27, &1_700_000_000_000_i64.to_be_bytes());
    put(35, &1_700_000_000_000_i64.to_be_bytes());
    put(43, &[0xff; 14]); // no producer id, epoch, sequence
    put(57, &(count as i32).to_be_bytes());
    let checksum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    count
}

/// Writes one Produce request, version 7, with a batch for each partition from 0 on; batches are not copied.
fn send(
    stream: &mut TcpStream,
    topic: &str,
    acks: i16,
    correlation_id: i32,
    batches: &[Vec<u8>],
) -> io::Result<()> {
    let mut first = vec![0; 4];
    first.extend_from_slice(&[0, 0, 0, 7]);
    first.extend_from_slice(&correlation_id.to_be_bytes());
    first.extend_from_slice(&[0, 5]);
    first.extend_from_slice(b"limit");
    first.extend_from_slice(&[0xff, 0xff]); // no transactional id
    first.extend_from_slice(&acks.to_be_bytes());
    first.extend_from_slice(&30_000_i32.to_be_bytes());
    first.extend_from_slice(&1_i32.to_be_bytes());
    first.extend_from_slice(&(topic.len() as i16).to_be_bytes());
    first.extend_from_slice(topic.as_bytes());
    first.extend_from_slice(&(batches.len() as i32).to_be_bytes());
    let mut heads = vec![first];
    heads.resize(batches.len(), Vec::new());
    for (partition, (head, batch)) in heads.iter_mut().zip(batches).enumerate() {
        head.extend_from_slice(&(partition as i32).to_be_bytes());
        head.extend_from_slice(&(batch.len() as i32).to_be_bytes());
    }
    let size: usize = heads.iter().chain(batches).map(Vec::len).sum();
    heads[0][..4].copy_from_slice(&(size as u32 - 4).to_be_bytes());
    let mut slices: Vec<_> = heads
        .iter()
        .zip(batches)
        .flat_map(|(head, batch)| [IoSlice::new(head), IoSlice::new(batch)])
        .collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match stream.write_vectored(left)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut left, written),
        }
    }
    Ok(())
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn varint_len(value: i64) -> usize {
    (64 - (zigzag(value) | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut left = zigzag(value);
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
