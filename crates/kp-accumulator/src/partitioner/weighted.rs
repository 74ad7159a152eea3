//! The adaptive choice: a partition whose queue is longer is chosen less often, one whose broker takes nothing or is in
//! another rack not at all (KIP-794, `partitioner.rack.aware`). Made when a shard moves, from the lengths of that moment.

use super::choosing::Choosing;
use super::reach::Wanted;
use kp_metadata::Topic;
use kp_protocol::BrokerId;
use kp_time::Jitter;

/// The most partitions that one choice weighs. Of a larger topic a random sample is weighed: to look at ten thousand
/// lengths for each batch would cost more than to write the batch.
const SAMPLE: usize = 64;

/// Partitions to choose from.
struct Candidates {
    partitions: [u32; SAMPLE],
    count: usize,
}

/// A partition by its weight (PA8), near ones first (PA14). `None`: nothing speaks for one more than for another, or
/// none is left; then the uniform choice is right.
pub(super) fn weighted_partition(choosing: Choosing<'_>, dice: &mut Jitter) -> Option<u32> {
    let Choosing { topic, lengths, reach } = choosing;
    let adaptive = lengths.is_some_and(|lengths| lengths.count() && topic.partitions().len() > 1);
    if !adaptive && !reach.is_limited() {
        return None;
    }
    let mut look = |wanted| reach.with(wanted, |is_wanted| Candidates::of(topic, dice, is_wanted));
    let mut candidates = look(Wanted::AvailableAndNear);
    if candidates.count == 0 && reach.has_racks() {
        candidates = look(Wanted::Available);
    }
    let candidates = &candidates.partitions[..candidates.count];
    let length = |partition| lengths.filter(|_| adaptive).map_or(0, |lengths| lengths.of(partition));
    pick(candidates, length, dice)
}

/// One of `candidates`, each with the weight (longest queue + 1 − its queue).
fn pick(candidates: &[u32], length: impl Fn(u32) -> u32, dice: &mut Jitter) -> Option<u32> {
    // Looked at once: they change while the choice is made.
    let mut lengths = [0; SAMPLE];
    for (kept, partition) in lengths.iter_mut().zip(candidates) {
        *kept = length(*partition);
    }
    let lengths = &lengths[..candidates.len()];
    let longest = *lengths.iter().max()?;
    let weight = |length: &u32| u64::from(longest - length) + 1;
    let mut left = dice.below(lengths.iter().map(weight).sum());
    for (partition, length) in candidates.iter().zip(lengths) {
        match left.checked_sub(weight(length)) {
            Some(rest) => left = rest,
            None => return Some(*partition),
        }
    }
    None
}

impl Candidates {
    /// Partitions whose leader is wanted: all, or a sample of a large topic. Empty only if there is none.
    fn of(topic: &Topic, dice: &mut Jitter, is_wanted: &dyn Fn(BrokerId) -> bool) -> Self {
        let count = topic.partitions().len();
        if count <= SAMPLE {
            return Self::among(topic, 0..count, is_wanted);
        }
        let drawn: [usize; SAMPLE] = std::array::from_fn(|_| dice.below(count as u64) as usize);
        let sample = Self::among(topic, drawn.into_iter(), is_wanted);
        if sample.count > 0 {
            return sample;
        }
        // Rare ones: the first that come behind a random place.
        let start = dice.below(count as u64) as usize;
        Self::among(topic, (start..count).chain(0..start), is_wanted)
    }

    fn among(
        topic: &Topic,
        indexes: impl Iterator<Item = usize>,
        is_wanted: &dyn Fn(BrokerId) -> bool,
    ) -> Self {
        let mut found = Self { partitions: [0; SAMPLE], count: 0 };
        let leader = |index: &usize| topic.partitions().get(*index).and_then(|partition| partition.leader);
        for index in indexes.filter(|index| leader(index).is_some_and(is_wanted)).take(SAMPLE) {
            found.partitions[found.count] = index as u32;
            found.count += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitioner::Reach;
    use crate::queue_lengths::QueueLengths;
    use kp_metadata::{Cluster, Partition};
    use kp_protocol::{BrokerAddress, TopicId};

    /// A topic led by these brokers, whose queues have these lengths.
    struct Scene {
        topic: Topic,
        lengths: QueueLengths,
        reach: Reach,
    }

    impl Scene {
        fn new(leaders: &[Option<i32>], queued: &[usize]) -> Self {
            let partition =
                |leader: &Option<i32>| Partition { leader: leader.map(BrokerId), ..Partition::default() };
            let topic = Topic::new("t".into(), TopicId::ZERO, leaders.iter().map(partition).collect());
            let mut lengths = QueueLengths::default();
            lengths.grow(leaders.len());
            queued.iter().enumerate().for_each(|(partition, batches)| lengths.place(partition).set(*batches));
            Self { topic, lengths, reach: Reach::default() }
        }

        fn choose(&self, dice: &mut Jitter) -> Option<u32> {
            let Self { topic, lengths, reach } = self;
            weighted_partition(Choosing { topic, lengths: Some(lengths), reach }, dice)
        }

        /// How often each partition is chosen in 3000 choices.
        fn hits(&self) -> Vec<u32> {
            let (mut dice, mut hits) = (Jitter::seeded(9), vec![0; self.topic.partitions().len()]);
            for _ in 0..3000 {
                hits[self.choose(&mut dice).expect("a weighted choice") as usize] += 1;
            }
            hits
        }
    }

    fn near(hits: u32, expected: u32) -> bool {
        hits.abs_diff(expected) < 150
    }

    fn racks(racks: &[&'static str]) -> Cluster {
        let broker = |(id, rack): (i32, &&'static str)| BrokerAddress {
            id: BrokerId(id),
            host: "h".into(),
            port: 9092,
            rack: Some((*rack).into()),
        };
        Cluster::new(1, (0..).zip(racks).map(broker), [])
    }

    // PA8
    #[test]
    fn a_partition_is_chosen_less_often_the_longer_its_queue_is() {
        // Weights 3+1-0 = 4, 3+1-3 = 1, 3+1-1 = 3 of together 8.
        let hits = Scene::new(&[Some(0); 3], &[0, 3, 1]).hits();
        assert!(near(hits[0], 1500) && near(hits[1], 375) && near(hits[2], 1125), "{hits:?}");
    }

    // PA8
    #[test]
    fn equal_queues_are_chosen_equally() {
        let hits = Scene::new(&[Some(0); 3], &[7, 7, 7]).hits();
        assert!(hits.iter().all(|hits| near(*hits, 1000)), "{hits:?}");
    }

    // PA8, PA9
    #[test]
    fn weights_need_two_partitions_that_were_all_used_once() {
        let dice = &mut Jitter::seeded(1);
        assert_eq!(Scene::new(&[Some(0)], &[4]).choose(dice), None);
        assert_eq!(Scene::new(&[Some(0); 3], &[4, 4]).choose(dice), None, "one was never used");
        assert!(Scene::new(&[Some(0); 3], &[4, 4, 0]).choose(dice).is_some());
    }

    // PA8: the longest queue counts among those that can be chosen
    #[test]
    fn a_partition_without_a_leader_is_not_weighed() {
        let hits = Scene::new(&[Some(0), None, Some(0)], &[0, 90, 1]).hits();
        assert!(near(hits[0], 2000) && hits[1] == 0 && near(hits[2], 1000), "{hits:?}");
        assert_eq!(Scene::new(&[None, None], &[1, 2]).choose(&mut Jitter::seeded(1)), None);
    }

    // PA8: of a large topic a sample is weighed
    #[test]
    fn among_a_thousand_partitions_short_queues_are_preferred() {
        let queued: Vec<usize> = (0..1000).map(|index| if index % 2 == 0 { 0 } else { 9 }).collect();
        let hits = Scene::new(&[Some(0); 1000], &queued).hits();
        let short: u32 = hits.iter().step_by(2).sum();
        assert!(near(short, 3000 * 10 / 11), "{short}");
        assert!(hits.iter().step_by(2).filter(|hits| **hits > 0).count() > 400, "spread over all");
    }

    // PA11
    #[test]
    fn partitions_of_a_broker_that_takes_nothing_are_left_out() {
        let scene = Scene::new(&[Some(0), Some(1), Some(0)], &[1, 0, 1]);
        scene.reach.set_slow(vec![BrokerId(1)]);
        let hits = scene.hits();
        assert!(near(hits[0], 1500) && hits[1] == 0, "{hits:?}");
        scene.reach.set_slow(vec![BrokerId(1), BrokerId(0)]);
        assert_eq!(scene.choose(&mut Jitter::seeded(1)), None, "all are left out: the uniform choice");
        scene.reach.set_slow(Vec::new());
        assert!(scene.hits()[1] > 1000);
    }

    // PA14
    #[test]
    fn partitions_led_in_the_clients_rack_come_first_by_their_weights() {
        let scene = Scene::new(&[Some(0), Some(1), Some(2), Some(0)], &[0, 0, 50, 1]);
        scene.reach.follow_racks(&racks(&["a", "b", "b"]), &"a".into());
        let hits = scene.hits();
        assert!(near(hits[0], 2000) && near(hits[3], 1000), "the longest queue of the rack counts: {hits:?}");
        scene.reach.follow_racks(&racks(&["b", "b", "b"]), &"a".into());
        assert!(scene.hits().iter().all(|hits| *hits > 0), "nobody is near: all");
    }

    // PA14
    #[test]
    fn a_near_broker_that_takes_nothing_is_passed_over_for_a_far_one() {
        let scene = Scene::new(&[Some(0), Some(1), Some(2)], &[0, 0, 0]);
        scene.reach.follow_racks(&racks(&["a", "b", "b"]), &"a".into());
        scene.reach.set_slow(vec![BrokerId(0)]);
        let hits = scene.hits();
        assert!(hits[0] == 0 && near(hits[1], 1500), "{hits:?}");
    }

    // PA14
    #[test]
    fn the_only_near_leader_among_a_thousand_partitions_is_found() {
        let mut leaders = vec![Some(1); 1000];
        leaders[777] = Some(0);
        let scene = Scene::new(&leaders, &[0; 1000]);
        scene.reach.follow_racks(&racks(&["a", "b"]), &"a".into());
        assert_eq!(scene.choose(&mut Jitter::seeded(1)), Some(777));
    }
}
