//! Carries out frames that a broker reads late, when the connection they came on is long gone, and keeps what came of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_protocol::{BrokerId, ProducerIdentity, TopicPartition, decode_request_header};

use super::entry::{TransactionEntry, TransactionState};
use super::held::{Held, LateFrame};
use crate::SimCluster;
use crate::reply::{Moment, Reply};

/// What a frame of a transactional producer can change.
struct Sight {
    ids: BTreeMap<String, (ProducerIdentity, TransactionState, usize)>,
    ends: BTreeMap<TopicPartition, i64>,
    offsets: u64,
}

impl SimCluster {
    /// Keeps a frame, to carry it out later for a client that is gone.
    pub(crate) fn hold(&mut self, at: Moment, after: Duration, broker: BrokerId, frame: Bytes) {
        self.transactions.late.hold(at.now + after, Held::Frame(broker, frame, at.now));
    }

    /// The frames that were carried out late, in the order in which they were.
    #[must_use]
    pub fn late_frames(&self) -> &[LateFrame] {
        &self.transactions.came_late
    }

    /// Carries out the request that is late by now. Its client never reads the answer.
    pub(super) fn carry_out_late(&mut self, at: Moment) {
        let Some(held) = self.transactions.late.take() else { return };
        let reply = match held {
            Held::Frame(broker, frame, arrived) => {
                let before = self.sight();
                let reply = self.carry_out_unheard(at, broker, &frame);
                self.note_late(at, &frame, arrived, &before);
                reply
            }
            Held::Waiting(waiting) => self.look_again(at, *waiting),
        };
        if let Reply::Later(waiting) = reply {
            self.transactions.late.hold(waiting.deadline().max(at.now), Held::Waiting(waiting));
        }
    }

    fn note_late(&mut self, at: Moment, frame: &Bytes, arrived: Instant, before: &Sight) {
        let Ok((header, body)) = decode_request_header(frame) else { return };
        let (api, carried_out) = (header.api, at.now);
        let changed = self.sight().differs_from(before);
        let ids = before.ids.iter().filter(|(_, (_, state, _))| state.is_preparing());
        let ending = ids.map(|(id, _)| id.clone()).collect();
        self.transactions.came_late.push(LateFrame { api, body, arrived, carried_out, ending, changed });
    }

    fn sight(&self) -> Sight {
        let of_entry = |entry: &TransactionEntry| {
            (entry.producer, entry.state, entry.partitions.len() + entry.groups.len())
        };
        let entries = self.transactions.entries.iter();
        let logs = self.topics.values().flat_map(|topic| {
            let at = |index| TopicPartition::new(topic.name().as_str(), index);
            (0..)
                .zip(topic.partitions())
                .map(move |(index, partition)| (at(index), partition.log().end_offset()))
        });
        Sight {
            ids: entries.map(|(id, entry)| (id.clone(), of_entry(entry))).collect(),
            ends: logs.collect(),
            offsets: self.groups.written(),
        }
    }
}

impl Sight {
    fn differs_from(&self, before: &Self) -> Option<String> {
        let id = self.ids.iter().find(|(id, now)| before.ids.get(*id) != Some(now));
        let log = self.ends.iter().find(|(at, end)| before.ends.get(*at) != Some(end));
        match (id, log) {
            (Some((id, now)), _) => Some(format!("{id} was {:?} and is {now:?}", before.ids.get(id))),
            (None, Some((at, end))) => Some(format!("{at} ends at {end}")),
            (None, None) if self.offsets != before.offsets => Some("a group has another offset".to_owned()),
            (None, None) => None,
        }
    }
}
