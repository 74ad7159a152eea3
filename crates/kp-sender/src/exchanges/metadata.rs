//! Metadata: what to make of its answer. When and about what it is asked is decided in `kp-metadata`; one that does not answer
//! costs the rest nothing but its turn (NC26).

use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::exchange::{Exchange, ReadyNode};
use crate::question::Question;
use crate::rooms::Rooms;
use bytes::Bytes;
use kp_metadata::{Answer, Pending};
use kp_protocol::{ApiKey, BrokerId, ProtocolError, Segments, encode_body};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Question for Pending {
    const API: ApiKey = ApiKey::Metadata;
    type Answer = Answer;

    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self> {
        &mut rooms.cluster.exchange
    }

    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant> {
        rooms.cluster.metadata.next_update_at(cx.now)
    }

    fn begin(cx: &Context<'_>, rooms: &mut Rooms) {
        rooms.cluster.metadata.begin_attempt(cx.now);
    }

    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, node: &ReadyNode) -> Self {
        let Rooms { cluster, idempotence, .. } = rooms;
        // Before its answer: no record is accepted without one.
        idempotence.hear_of(cx, cluster, node);
        cluster.metadata.begin_request(cx.now)
    }

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        encode_body(version, &self.body(version))
    }

    fn parse(body: &Bytes, version: i16) -> Result<Answer, ProtocolError> {
        Answer::parse(body, version)
    }

    fn throttle(answer: &Answer) -> Duration {
        answer.throttle()
    }

    fn answered(self, cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId, answer: Answer) {
        let cluster = &mut rooms.cluster;
        let updated = cluster.metadata.answered(cx.now, self, answer);
        if updated.rebootstrapped {
            cluster.close_connections(cx, "the broker asked to start over (REBOOTSTRAP_REQUIRED)");
        }
        match updated.failure {
            Some(code) if !updated.rebootstrapped => {
                cluster.note_unreachable(broker, Arc::from(format!("metadata: {code}")));
                cluster.report_failure(cx);
            }
            // Also when nothing has changed: a send may wait for an answer about a topic that still has none.
            _ => cluster.publish(cx),
        }
    }

    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, asked: Option<Self>) {
        let KnownCluster { metadata, .. } = &mut rooms.cluster;
        match asked {
            Some(pending) => metadata.failed(cx.now, pending),
            None => metadata.found_no_broker(cx.now),
        }
        rooms.cluster.report_failure(cx);
    }

    fn found_no_broker(cx: &mut Context<'_>, rooms: &mut Rooms) {
        if rooms.cluster.metadata.can_rebootstrap() {
            rooms.cluster.rebootstrap(cx); // MD23
        } else {
            Self::failed(cx, rooms, None);
        }
    }
}
