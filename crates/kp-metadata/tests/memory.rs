//! What a broker's answer may take of memory, measured by an allocator that counts.

#![allow(clippy::disallowed_methods, dead_code, reason = "the benchmark that shares this code times it")]

#[path = "memory/measure.rs"]
mod measure;

use measure::{Size, measure};

const MIB: usize = 1024 * 1024;

#[test]
fn a_million_partitions_take_200_mib_while_they_are_read_and_40_mib_afterwards() {
    let taken = measure(Size { brokers: 12, topics: 1, partitions: 1_000_000 });
    assert!(taken.most <= 200 * MIB, "{taken:?}");
    assert!(taken.after <= 40 * MIB, "{taken:?}");
    assert!(taken.refresh_most <= 200 * MIB, "an equal answer doubles nothing: {taken:?}");
    assert!(taken.refresh_after <= taken.after, "{taken:?}");
}

#[test]
fn a_hundred_thousand_topics_or_brokers_take_memory_in_proportion_to_their_answer() {
    for size in [
        Size { brokers: 12, topics: 100_000, partitions: 1 },
        Size { brokers: 100_000, topics: 1, partitions: 1 },
    ] {
        let taken = measure(size);
        // A million partitions bring 42 MB: 200 MiB are five times that.
        assert!(taken.most <= 5 * taken.answer, "{size:?}: {taken:?}");
        assert!(taken.after <= 2 * taken.answer, "{size:?}: {taken:?}");
        assert!(taken.refresh_after <= taken.after, "{taken:?}");
    }
}
