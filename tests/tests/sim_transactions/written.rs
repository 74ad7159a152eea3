//! Every frame that was written in a transaction, as far as it takes to know one again that arrives late (L8).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_protocol::ApiKey;
use kp_tests::transaction_history::LateFrame;

/// Frames of all producers.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Newest last.
    written: Vec<Noted>,
    /// When the first frame of each transaction was written, and by which producer; its bump is none.
    began: BTreeMap<usize, (usize, Duration)>,
}

#[derive(Debug)]
struct Noted {
    producer: usize,
    transaction: usize,
    content: u64,
    since: Duration,
}

impl Frames {
    pub(crate) fn note(
        &mut self,
        (producer, transaction): (usize, usize),
        since: Duration,
        api: ApiKey,
        body: &Bytes,
    ) {
        // The bump between two transactions belongs to neither: until it is carried out, a late frame of the one before meets nothing
        // that it could harm (TM-I16: before Kafka 4.0 the producer is then finished, and says so).
        if api != ApiKey::InitProducerId {
            self.began.entry(transaction).or_insert((producer, since));
        }
        self.written.push(Noted { producer, transaction, content: content(api, body), since });
    }

    /// What is known of a frame that came late; nothing of one that belongs to no transaction. `id_of` names a producer's id.
    pub(crate) fn late<'i>(
        &self,
        late: &kp_sim::LateFrame,
        start: Instant,
        id_of: impl Fn(usize) -> &'i str,
    ) -> Option<LateFrame> {
        let arrived = late.arrived.saturating_duration_since(start);
        let carried_out = late.carried_out.saturating_duration_since(start);
        let content = content(late.api, &late.body);
        let is_it = |noted: &&Noted| noted.content == content && noted.since <= arrived;
        let noted = self.written.iter().rev().find(is_it)?;
        let of_producer = self.began.iter().filter(|(_, (producer, _))| *producer == noted.producer);
        let newest = of_producer.filter(|(_, (_, since))| *since <= carried_out).map(|(number, _)| *number);
        // The next one has begun for its producer, and not for the cluster: its predecessor's markers are on their way (TM-E2).
        let is_before_its_marker = late.ending.contains(id_of(noted.producer));
        let into = if is_before_its_marker { noted.transaction } else { newest.max()? };
        let (api, of) = (format!("{:?}", late.api), noted.transaction);
        Some(LateFrame { api, of, into, changed: late.changed.clone() })
    }
}

fn content(api: ApiKey, body: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    (api.key(), body).hash(&mut hasher);
    hasher.finish()
}
