//! Prints what answers of large clusters take: `cargo bench -p kp-metadata --bench memory`.

#![allow(clippy::disallowed_methods, dead_code, reason = "a benchmark times what it measures")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

#[path = "../tests/memory/measure.rs"]
mod measure;

use measure::{Size, measure};

fn main() {
    println!("MiB; three replicas for each partition        answer  reading   after  refresh    time");
    for (name, size) in [
        ("1,000,000 partitions of one topic", Size { brokers: 12, topics: 1, partitions: 1_000_000 }),
        ("1,000,000 partitions of 1,000 topics", Size { brokers: 12, topics: 1000, partitions: 1000 }),
        ("100,000 topics", Size { brokers: 12, topics: 100_000, partitions: 1 }),
        ("100,000 brokers", Size { brokers: 100_000, topics: 1, partitions: 1 }),
    ] {
        let taken = measure(size);
        let mib = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);
        println!(
            "{name:<44} {:>7.1} {:>8.1} {:>7.1} {:>8.1} {:>4} ms",
            mib(taken.answer),
            mib(taken.most),
            mib(taken.after),
            mib(taken.refresh_most),
            taken.time.as_millis(),
        );
    }
}
