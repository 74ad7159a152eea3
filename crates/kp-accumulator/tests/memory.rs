//! `buffer.memory` bounds everything that grows with load: no broker takes anything, and an application sends until no more is
//! accepted. The heap is counted.

use counting_allocator::measure;
use kp_accumulator::{Accumulator, AccumulatorSettings, Append, Notify, Target};
use kp_memory::BufferPool;
use kp_metadata::{Cluster, Partition, Topic};
use kp_protocol::records::RecordRef;
use kp_protocol::{BrokerId, PartitionId, Timestamp, TopicId, TopicName};
use kp_time::{Clock, ManualClock};

const MEMORY: usize = 8 << 20;

struct Load {
    what: &'static str,
    batch_size: usize,
    partitions: usize,
    value: usize,
    tokens: bool,
}

/// Heap bytes in use once no partition takes another record.
fn fill(load: &Load) -> usize {
    let Load { batch_size, partitions, value, tokens, .. } = *load;
    let settings = AccumulatorSettings { batch_size, ..Default::default() };
    let pool = BufferPool::new(MEMORY, batch_size);
    let accumulator = Accumulator::new(settings, pool.clone());
    assert!(accumulator.set_listener(Box::new(|_, _| {})));
    let name = TopicName::new("t");
    let leaders = vec![Partition::led_by(BrokerId(1)); partitions];
    let metadata = Topic::new(name.clone(), TopicId::ZERO, leaders);
    let queues = accumulator.topic(&name, partitions);
    let clock = ManualClock::new();
    let bytes = vec![b'x'; value];
    let record = RecordRef { timestamp: Timestamp(0), key: None, value: Some(&bytes), headers: &[] };
    let mut open: Vec<usize> = (0..partitions).collect();
    // Round robin, as many keys do.
    let fill = || {
        while !open.is_empty() {
            open.retain(|partition| {
                let target = Target::Partition(PartitionId(*partition as i32));
                let (mut notify, mut spare) = (tokens.then_some(Notify::Token(7)), None);
                loop {
                    match accumulator
                        .append(&queues, &metadata, target, &record, &mut notify, &mut spare, &clock)
                        .expect("accepted")
                    {
                        Append::Accepted(_) => return true,
                        Append::NeedsBuffer(bytes) => match pool.try_allocate(bytes).expect("legal") {
                            Some(buffer) => spare = Some(buffer),
                            None => return false,
                        },
                    }
                }
            });
        }
    };
    usize::try_from(measure(fill).1.left).expect("records are held")
}

// BP1
#[test]
fn the_heap_stays_within_a_quarter_more_than_buffer_memory_whatever_is_sent() {
    let load =
        |what, batch_size, partitions, value, tokens| Load { what, batch_size, partitions, value, tokens };
    let mut beyond = Vec::new();
    for load in [
        load("default batches, 100 B", 16_384, 6, 100, false),
        load("default batches, 100 B, tokens", 16_384, 6, 100, true),
        load("500 partitions, 100 B, tokens", 16_384, 500, 100, true),
        load("500 partitions, 10 B, tokens", 16_384, 500, 10, true),
        load("500 partitions, 0 B, tokens", 16_384, 500, 0, true),
        load("batch.size=1000, 100 B", 1_000, 6, 100, false),
        load("one record per batch, 10 B", 1, 6, 10, false),
        load("one record per batch, 100 B", 1, 6, 100, false),
    ] {
        let times = fill(&load) as f64 / MEMORY as f64;
        if times > 1.25 {
            beyond.push(format!("{}: {times:.2} x", load.what));
        }
        assert!(times > 0.5, "{}: {times:.2} x, so most of the memory can be used", load.what);
    }
    assert!(beyond.is_empty(), "more than 1.25 x buffer.memory: {beyond:?}");
}

// AC1
#[test]
fn a_topic_of_a_million_partitions_costs_little_until_records_come() {
    const PARTITIONS: usize = 1_000_000;
    let pool = BufferPool::new(MEMORY, 16_384);
    let accumulator = Accumulator::new(AccumulatorSettings::default(), pool.clone());
    let name = TopicName::new("t");
    let leaders = vec![Partition::led_by(BrokerId(1)); PARTITIONS];
    let metadata = Topic::new(name.clone(), TopicId::ZERO, leaders);
    let cluster = Cluster::new(1, [], [metadata.clone()]);
    let clock = ManualClock::new();
    let (look, taken) = measure(|| {
        let queues = accumulator.topic(&name, PARTITIONS);
        for partition in [0, 500_000, 999_999] {
            let record = RecordRef { timestamp: Timestamp(0), key: None, value: Some(b"v"), headers: &[] };
            let mut spare = pool.try_allocate(16_384).expect("legal");
            let target = Target::Partition(PartitionId(partition));
            let sent = accumulator.append(&queues, &metadata, target, &record, &mut None, &mut spare, &clock);
            assert!(matches!(sent, Ok(Append::Accepted(_))), "{sent:?}");
        }
        accumulator.ready(clock.now(), &cluster)
    });
    assert!(look.next_check.is_some(), "three partitions linger");
    let mib = taken.left >> 20;
    assert!(mib <= 40, "{mib} MiB");
}
