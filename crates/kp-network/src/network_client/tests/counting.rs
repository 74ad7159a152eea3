//! What is counted, for metrics.

use super::*;
use crate::NodeCounters;

fn node(stage: &Stage, id: BrokerId) -> Option<NodeCounters> {
    stage.client.snapshot().nodes.into_iter().find(|(node, _)| *node == id).map(|(_, counters)| counters)
}

// ME2
#[test]
fn a_broker_is_counted_apart_from_its_first_connection_on() {
    let mut stage = Stage::new();
    assert!(stage.client.snapshot().nodes.is_empty());
    let (number, _) = stage.attempt(A);
    assert_eq!(node(&stage, A), None, "not connected yet");
    stage.net.accept(number);
    stage.turn();
    assert_eq!(node(&stage, A).unwrap().requests, 1, "ApiVersions");
    assert_eq!(node(&stage, B), None);
}

#[test]
fn requests_bytes_and_latencies_are_counted_in_all_and_for_each_broker() {
    let mut stage = Stage::new();
    let (a, b) = (stage.ready(A), stage.ready(B));
    let before = stage.client.snapshot();
    stage.send(a, A, 1);
    let size = stage.net.taken(a).len() as u64;
    stage.send(b, B, 2);
    stage.send(b, B, 3);
    let requests = stage.requests(b);
    assert_eq!(stage.client.snapshot().in_flight, 3);
    stage.clock.advance(MS(30));
    stage.answer(b, &requests[0].0, b"12345678");
    assert_eq!(answered(&stage.turn()).len(), 1);
    stage.clock.advance(MS(20));
    stage.answer(b, &requests[1].0, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);

    let after = stage.client.snapshot();
    assert_eq!(after.in_flight, 1);
    assert_eq!(after.totals.requests - before.totals.requests, 3);
    assert_eq!(after.totals.responses - before.totals.responses, 2);
    assert_eq!(after.totals.bytes_written - before.totals.bytes_written, 3 * size);
    // A size prefix and a correlation id each.
    assert_eq!(after.totals.bytes_read - before.totals.bytes_read, 8 + 8 + 8);
    assert_eq!(
        (after.totals.writes - before.totals.writes, after.totals.reads - before.totals.reads),
        (3, 2)
    );
    assert!(after.totals.request_bytes_max >= size);

    let (a, b) = (node(&stage, A).unwrap(), node(&stage, B).unwrap());
    assert_eq!((a.requests, b.requests), (2, 3), "ApiVersions included");
    assert_eq!((a.responses, b.responses), (1, 3));
    assert_eq!(b.bytes_written - a.bytes_written, size);
    assert_eq!(b.bytes_read - a.bytes_read, 24);
    assert_eq!((a.latencies, b.latencies), (0, 2), "of the caller's requests only");
    assert_eq!((b.latency, b.latency_max), (MS(80), MS(50)));
}

#[test]
fn the_largest_request_is_remembered() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let large = ClientRequest { body: vec![Bytes::from(vec![0; 700]); 2].into(), ..request(1, A, number) };
    stage.client.send(stage.now(), large).unwrap();
    let size = stage.net.taken(number).len() as u64;
    stage.send(number, A, 2);
    assert_eq!(node(&stage, A).unwrap().request_bytes_max, size);
    assert_eq!(stage.client.counters().request_bytes_max, size);
}

#[test]
fn a_connection_counts_as_opened_and_closed_only_if_it_was_made() {
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    stage.net.refuse(number);
    stage.turn();
    let counters = stage.client.counters();
    assert_eq!((counters.connections_tried, counters.connections_ended), (1, 1));
    assert_eq!((counters.connections_opened, counters.connections_closed), (0, 0));

    let number = stage.ready(B);
    assert_eq!(stage.client.snapshot().connections, 1);
    stage.net.give(number, Vec::new());
    stage.turn();
    let snapshot = stage.client.snapshot();
    assert_eq!((snapshot.totals.connections_opened, snapshot.totals.connections_closed), (1, 1));
    assert_eq!((snapshot.totals.connections_made, snapshot.connections), (1, 0));
}

#[test]
fn what_a_broker_did_is_not_forgotten_with_its_connection() {
    let mut stage = Stage::new();
    stage.ready(A);
    let before = node(&stage, A).unwrap();
    stage.client.set_brokers(stage.now(), &[]);
    stage.turn();
    assert_eq!(node(&stage, A), Some(before));
    stage.client.set_brokers(stage.now(), &two_brokers());
    stage.ready(A);
    assert_eq!(node(&stage, A).unwrap().requests, 2);
}

#[test]
fn time_spent_waiting_is_told_from_time_spent_working() {
    let mut stage = Stage::new();
    stage.ready(A);
    let before = stage.client.counters();
    let now = stage.now();
    assert!(stage.poll(Some(now + MS(70))).is_empty());
    let after = stage.client.counters();
    assert_eq!(after.io_wait - before.io_wait, MS(70));
    assert_eq!(after.io_time, before.io_time, "the clock stands still while it works");
}
