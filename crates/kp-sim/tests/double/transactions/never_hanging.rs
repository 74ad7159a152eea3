//! Whatever two instances of a producer send, in whichever order and however late: nothing panics, no transaction hangs, and no epoch
//! goes back.

use std::collections::BTreeMap;
use std::time::Duration;

use kp_protocol::ApiKey;
use kp_sim::{Fault, KafkaVersion};
use proptest::prelude::*;

use super::instance::{ID, Instance, Pair, transactional};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// InitProducerId: with the pair that an instance has, or without one.
    Init {
        instance: usize,
        with_pair: bool,
    },
    Add {
        instance: usize,
        partition: i32,
    },
    Produce {
        instance: usize,
        partition: i32,
        version: i16,
    },
    End {
        instance: usize,
        committed: bool,
        version: i16,
    },
    Pass {
        millis: u64,
    },
    TimeOut,
    Fence,
    Moves {
        api: usize,
        carried_out: bool,
    },
    Late {
        api: usize,
        millis: u64,
    },
    MarkersLate {
        millis: u64,
    },
}

const APIS: [ApiKey; 4] =
    [ApiKey::InitProducerId, ApiKey::AddPartitionsToTxn, ApiKey::Produce, ApiKey::EndTxn];

fn step() -> impl Strategy<Value = Step> {
    let instance = 0..2_usize;
    prop_oneof![
        2 => (instance.clone(), any::<bool>()).prop_map(|(instance, with_pair)| Step::Init { instance, with_pair }),
        4 => (instance.clone(), 0..3).prop_map(|(instance, partition)| Step::Add { instance, partition }),
        6 => (instance.clone(), 0..3, 9..=12_i16)
            .prop_map(|(instance, partition, version)| Step::Produce { instance, partition, version }),
        4 => (instance, any::<bool>(), 3..=5_i16)
            .prop_map(|(instance, committed, version)| Step::End { instance, committed, version }),
        4 => (0..200_u64).prop_map(|millis| Step::Pass { millis }),
        1 => Just(Step::TimeOut),
        1 => Just(Step::Fence),
        1 => (0..4_usize, any::<bool>()).prop_map(|(api, carried_out)| Step::Moves { api, carried_out }),
        2 => (0..4_usize, 0..500_u64).prop_map(|(api, millis)| Step::Late { api, millis }),
        1 => (0..500_u64).prop_map(|millis| Step::MarkersLate { millis }),
    ]
}

/// Two instances with one id, each with the identity that it was told last and the sequences that it has come to.
struct Pairing {
    wire: Instance,
    newest: (i16, i16),
    pairs: [Pair; 2],
    sequences: BTreeMap<(Pair, i32), i32>,
}

impl Pairing {
    fn on(kafka_version: KafkaVersion) -> Self {
        let newest = if kafka_version == KafkaVersion::V4_3 { (12, 5) } else { (11, 4) };
        let mut wire = Instance::on(kafka_version);
        let pair = wire.begin();
        Self { wire, newest, pairs: [pair; 2], sequences: BTreeMap::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Init { instance, with_pair } => {
                let pair = with_pair.then_some(self.pairs[instance]);
                self.init(instance, pair);
            }
            Step::Add { instance, partition } => self.add(self.pairs[instance], partition),
            Step::Produce { instance, partition, version } => {
                self.produce(self.pairs[instance], partition, version.min(self.newest.0));
            }
            Step::End { instance, committed, version } => {
                self.end(instance, committed, version.min(self.newest.1));
            }
            Step::Pass { millis } => self.wire.pass(Duration::from_millis(millis)),
            Step::TimeOut => drop(self.wire.client.cluster.time_out_now(ID)),
            Step::Fence => drop(self.wire.client.cluster.fence(ID)),
            Step::Moves { api, carried_out } => {
                self.wire.client.cluster.inject(Fault::CoordinatorMoves { api: APIS[api], carried_out }, 1);
            }
            Step::Late { api, millis } => {
                let after = Duration::from_millis(millis);
                self.wire.client.cluster.inject(Fault::Late { api: APIS[api], after }, 1);
            }
            Step::MarkersLate { millis } => {
                self.wire.client.cluster.inject(Fault::MarkerDelay(Duration::from_millis(millis)), 1);
            }
        }
    }

    fn init(&mut self, instance: usize, pair: Option<Pair>) {
        let Some((0, told)) = self.wire.try_init(pair) else { return };
        self.pairs[instance] = told;
    }

    fn add(&mut self, pair: Pair, partition: i32) {
        self.wire.try_add(pair, partition);
    }

    fn produce(&mut self, pair: Pair, partition: i32, version: i16) {
        let sequence = self.sequences.entry((pair, partition)).or_default();
        let request = self.wire.produce_request(Some(ID), vec![(partition, transactional(pair, *sequence))]);
        if self.wire.try_produce(version, &request) == Some(0) {
            *sequence += 1;
        }
    }

    fn end(&mut self, instance: usize, committed: bool, version: i16) {
        if let Some((0, told)) = self.wire.try_end(version, self.pairs[instance], committed)
            && version >= 5
        {
            self.pairs[instance] = told;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    // TH
    #[test]
    fn no_transaction_hangs_and_no_epoch_goes_back(
        is_4_3 in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut pairing = Pairing::on(if is_4_3 { KafkaVersion::V4_3 } else { KafkaVersion::V3_9 });
        steps.iter().for_each(|step| pairing.take(step));
        let cluster = &mut pairing.wire.client.cluster;
        cluster.clear_faults();
        // Frames that are late, then the timeout of what they may have opened.
        pairing.wire.pass(Duration::from_secs(5));
        pairing.wire.pass(Duration::from_secs(120));
        let cluster = &pairing.wire.client.cluster;
        prop_assert_eq!(cluster.next_moment(), None);
        for partition in cluster.topic("t").unwrap().partitions() {
            prop_assert_eq!(partition.last_stable_offset(), partition.log().end_offset());
            let mut newest = BTreeMap::new();
            for batch in partition.log().batches() {
                let header = batch.header();
                let before = newest.insert(header.producer_id, header.producer_epoch);
                prop_assert!(before.is_none_or(|before| before <= header.producer_epoch));
            }
        }
    }
}
