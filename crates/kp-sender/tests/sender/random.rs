//! Random scripts: whatever the network does, every batch ends exactly once, nothing spins, and certainty is honest.

use crate::harness::*;
use kp_accumulator::{AccumulatorSettings, Appended, Certainty, Completion, Outcome, RecordResult};
use kp_protocol::api::PartitionProduceResponse;
use kp_protocol::records::RecordBatch;
use kp_protocol::{Acks, ApiKey, BrokerId, ErrorCode};
use kp_sender::{Input, SenderSettings};
use kp_time::Jitter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const PARTITIONS: u64 = 4;

/// How many records ended how: a script in which one never happens shows nothing about it.
#[derive(Debug, Default)]
struct Seen {
    written: u32,
    not_written: u32,
    unknown: u32,
}

/// A network and a cluster that do anything, and remember what was really appended.
struct Chaos {
    harness: Harness,
    random: Jitter,
    /// What was sent: where it is, and to which partition. Its value is its place here.
    sent: Vec<(Appended, i32)>,
    /// The log of each partition, by the values of its records.
    logs: BTreeMap<i32, Vec<usize>>,
    acks: Acks,
    keeps_order: bool,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut random = Jitter::seeded(seed);
        let acks = [Acks::All, Acks::Leader, Acks::None][random.below(3) as usize];
        let keeps_order = random.below(4) > 0;
        let plan = Plan {
            sender: SenderSettings {
                acks,
                retries: [0, 2, i32::MAX as u32][random.below(3) as usize],
                delivery_timeout: MS(5000),
                guarantee_one_in_flight: keeps_order,
                ..SenderSettings::default()
            },
            accumulator: AccumulatorSettings {
                batch_size: if random.below(2) == 0 { 1 } else { 16_384 },
                linger: MS(random.below(20)),
                delivery_timeout: MS(5000),
                ..Default::default()
            },
            seed,
            ..Plan::default()
        };
        let harness = Harness::knowing(plan, &[1, 2, 1, 2]);
        Self { harness, random, sent: Vec::new(), logs: BTreeMap::new(), acks, keeps_order }
    }

    fn step(&mut self) {
        match self.random.below(14) {
            0..=3 => {
                let partition = self.random.below(PARTITIONS) as i32;
                let value = self.sent.len().to_be_bytes();
                let appended = self.harness.append("t", partition, &value);
                self.sent.push((appended, partition));
            }
            4..=6 => self.answer(),
            7 => self.lose(),
            8 => {
                let broker = BrokerId(1 + self.random.below(2) as i32);
                let until = self.harness.now() + MS(self.random.below(100));
                let mood = match self.random.below(4) {
                    0 => Mood::Wait(None),
                    1 => Mood::Wait(Some(until)),
                    _ => Mood::Ready,
                };
                self.harness.moods.insert(broker, mood);
                self.harness.connected(broker);
            }
            9 => self.move_leader(),
            10 => self.disturb_metadata(),
            _ => {
                let by = MS(self.random.below(300));
                self.harness.advance(by);
            }
        }
        self.harness.run();
    }

    /// The oldest request is answered, each partition with anything.
    fn answer(&mut self) {
        if self.harness.produces().is_empty() {
            return;
        }
        let taken = self.harness.take_produce();
        if self.acks == Acks::None {
            self.append(&taken);
            return self.harness.event(kp_client::Event::Written { token: taken.request.token });
        }
        let codes = [
            ErrorCode::NONE,
            ErrorCode::NONE,
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::UNKNOWN_SERVER_ERROR,
            ErrorCode::CORRUPT_MESSAGE,
        ];
        let code = codes[self.random.below(codes.len() as u64) as usize];
        // A leader that gives up waiting for its followers has appended; one that stops leading meanwhile may have.
        let stops_leading = code == ErrorCode::NOT_LEADER_OR_FOLLOWER && self.acks == Acks::All;
        let has_appended =
            matches!(code, ErrorCode::NONE | ErrorCode::REQUEST_TIMED_OUT | ErrorCode::UNKNOWN_SERVER_ERROR);
        if has_appended || (stops_leading && self.random.below(2) == 0) {
            self.append(&taken);
        }
        if code.is_ok() {
            self.harness
                .answer(&taken, |_| PartitionProduceResponse { base_offset: 7, ..Default::default() });
        } else {
            self.harness.answer(&taken, |_| refused(code));
        }
    }

    /// The oldest request is lost: before it was written, before or after it was appended.
    fn lose(&mut self) {
        if self.harness.produces().is_empty() {
            return;
        }
        let taken = self.harness.take_produce();
        let written = self.random.below(3) > 0;
        if written && self.random.below(2) == 0 {
            self.append(&taken);
        }
        self.harness.lose(&taken, written);
    }

    fn append(&mut self, taken: &Taken) {
        for partition in taken.parsed.topic_data.iter().flat_map(|topic| &topic.partition_data) {
            let records = partition.records.as_ref().unwrap().to_bytes();
            let (batch, rest) = RecordBatch::parse(&records).unwrap();
            assert!(rest.is_empty() && batch.verify_crc().is_ok(), "one good batch for each partition");
            let log = self.logs.entry(partition.index).or_default();
            for record in batch.records(1 << 20).unwrap().iter() {
                let value = record.unwrap().value.unwrap();
                log.push(usize::from_be_bytes(value.as_ref().try_into().unwrap()));
            }
        }
    }

    /// Metadata is not answered for a while, then the request is lost; or no broker is there to ask (MD23).
    fn disturb_metadata(&mut self) {
        if self.harness.answers_metadata {
            self.harness.answers_metadata = false;
            self.harness.least_loaded = (self.random.below(2) == 0).then_some(None);
            return;
        }
        self.harness.answers_metadata = true;
        self.harness.least_loaded = None;
        if let Some(index) =
            self.harness.requests.iter().position(|request| request.api_key == ApiKey::Metadata)
        {
            let token = self.harness.requests.remove(index).token;
            let input = Input::Network(kp_client::Event::Failed {
                token,
                written: kp_client::Written::Perhaps,
                reason: kp_client::DisconnectReason::Lost("reset".into()),
            });
            self.harness.input(input);
        }
    }

    fn move_leader(&mut self) {
        let partition = self.random.below(PARTITIONS) as usize;
        let leader = 1 + self.random.below(2) as i32;
        let leaders = &mut self.harness.topics.get_mut("t").unwrap().leaders;
        leaders[partition] = (leader, leaders[partition].1 + 1);
    }

    /// How many batches there were, the parts of those that were split included.
    fn batches(&self) -> usize {
        let mut known: BTreeMap<usize, Arc<Completion>> = BTreeMap::new();
        let mut open: Vec<_> =
            self.sent.iter().map(|(appended, _)| Arc::clone(&appended.completion)).collect();
        while let Some(completion) = open.pop() {
            if let Some(Outcome::Split(parts)) = completion.outcome() {
                open.extend(parts.iter().map(|part| Arc::clone(&part.completion)));
            }
            known.insert(Arc::as_ptr(&completion).addr(), completion);
        }
        known.len()
    }

    /// Nothing is lost, nothing is said that is not so, and order is kept where it was promised.
    fn check(&self, seed: u64) -> Seen {
        let mut seen_ends = Seen::default();
        for (value, (appended, partition)) in self.sent.iter().enumerate() {
            let log = self.logs.get(partition).map_or(&[][..], Vec::as_slice);
            let is_there = log.contains(&value);
            match appended.completion.record_result(appended.index) {
                None => panic!("seed {seed}: record {value} without an outcome"),
                Some(RecordResult::Written { .. }) => {
                    assert!(is_there, "seed {seed}: record {value} is lost");
                    seen_ends.written += 1;
                }
                Some(RecordResult::Failed { failure, .. }) => {
                    assert_eq!(failure.spent.total(), failure.waited, "seed {seed}");
                    assert_ne!(failure.certainty, Certainty::Written, "seed {seed}");
                    let is_denied = failure.certainty == Certainty::NotWritten;
                    assert!(!(is_denied && is_there), "seed {seed}: record {value} is there: {failure:?}");
                    let count = if is_denied { &mut seen_ends.not_written } else { &mut seen_ends.unknown };
                    *count += 1;
                }
            }
        }
        for log in self.logs.values().filter(|_| self.keeps_order) {
            let mut seen = BTreeSet::new();
            let first_times: Vec<usize> = log.iter().copied().filter(|value| seen.insert(*value)).collect();
            assert!(first_times.is_sorted(), "seed {seed}: out of order: {first_times:?}");
        }
        seen_ends
    }
}

fn play(seed: u64, closes: bool) -> Seen {
    let mut chaos = Chaos::new(seed);
    for _ in 0..150 {
        chaos.step();
        if chaos.keeps_order {
            let under_way = chaos.harness.produces().len();
            assert!(under_way <= PARTITIONS as usize, "seed {seed}: a partition is in two requests (SN7)");
        }
    }
    if closes {
        chaos.harness.close(MS(50));
        chaos.harness.advance(MS(50));
        assert!(chaos.harness.is_closed, "seed {seed}: closed by its deadline");
    } else {
        chaos.harness.moods.insert(BrokerId(1), Mood::Wait(None));
        chaos.harness.moods.insert(BrokerId(2), Mood::Wait(None));
        chaos.harness.advance(Duration::from_secs(6));
    }
    assert_eq!(
        chaos.harness.settled.len(),
        chaos.batches(),
        "seed {seed}: each batch is settled exactly once"
    );
    assert!(!chaos.harness.accumulator.has_incomplete(), "seed {seed}");
    chaos.check(seed)
}

fn play_all(seeds: std::ops::Range<u64>, closes: bool) {
    let total = seeds.map(|seed| play(seed, closes)).fold(Seen::default(), |sum, seen| Seen {
        written: sum.written + seen.written,
        not_written: sum.not_written + seen.not_written,
        unknown: sum.unknown + seen.unknown,
    });
    assert!(total.written > 100 && total.not_written > 100 && total.unknown > 100, "{total:?}");
}

#[test]
fn every_batch_ends_exactly_once_whatever_the_network_does() {
    play_all(0..150, false);
}

#[test]
fn every_batch_ends_exactly_once_when_the_producer_is_closed_in_the_middle() {
    // CL4
    play_all(1000..1150, true);
}
