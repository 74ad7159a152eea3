//! Which part an input of the host is for. Decides nothing.

use crate::context::Context;
use crate::question::Loss;
use crate::rooms::Rooms;
use crate::{Input, exchanges, transacting};
use kp_client::{Event, Written};
use std::sync::Arc;

/// Takes in what happened, or what the host wants.
pub(crate) fn take_in(cx: &mut Context<'_>, rooms: &mut Rooms, input: Input) {
    let Rooms { cluster, idempotence, batches, .. } = rooms;
    match input {
        Input::Network(event) => on_event(cx, rooms, event),
        Input::Refused(refused) => {
            if !batches.refused(cx, cluster, idempotence, &refused) {
                let loss = Loss { written: Written::No, reason: refused.reason };
                exchanges::failed(cx, rooms, refused.request.token, &loss);
            }
        }
        Input::WantTopic(topic) => cluster.want_topic(cx, topic),
        Input::RefreshTopic(topic) => cluster.refresh_topic(cx, topic),
        Input::WantMetadata => cluster.want_metadata(cx),
        Input::Transaction(input) => transacting::take_in(cx, rooms, input),
        Input::Close { deadline } => {
            cx.accumulator.close(); // CL10: nothing more is accepted, whether or not the host has said so yet.
            cx.ending.shutdown = cx.ending.shutdown.close(deadline);
        }
        Input::CloseNow => {
            cx.accumulator.close();
            cx.ending.shutdown = cx.ending.shutdown.close_now();
        }
    }
}

fn on_event(cx: &mut Context<'_>, rooms: &mut Rooms, event: Event) {
    let Rooms { cluster, idempotence, batches, .. } = rooms;
    match event {
        Event::Connected { broker, .. } => {
            cluster.connected(broker);
            exchanges::connection_event(rooms);
        }
        Event::Disconnected { broker, address, reason, reached } => {
            cluster.disconnected(cx, broker, address, (&reason, reached));
            exchanges::connection_event(rooms);
        }
        Event::Answered { token, body } => {
            if !batches.answered(cx, cluster, idempotence, token, &body) {
                exchanges::answered(cx, rooms, token, &body);
            }
        }
        Event::Written { token } => batches.written(cx, cluster, idempotence, token),
        Event::Failed { token, written, reason } => {
            if !batches.failed(cx, cluster, idempotence, token, (written, &reason))
                && let loss = (Loss { written, reason: Arc::from(reason.to_string()) })
                && let Some(broker) = exchanges::failed(cx, rooms, token, &loss)
            {
                rooms.cluster.brokers.event(broker);
            }
        }
        // Every broker that is needed is asked again at the beginning of a turn; the others are for people.
        Event::Writable { .. } | Event::OldCluster { .. } | Event::SecurityNoticed { .. } => {}
    }
}
