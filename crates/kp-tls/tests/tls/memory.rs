//! What connections hold, and what is left of them.

use crate::authority::{Authority, client};
use crate::wire::Stage;
use bytes::BytesMut;
use counting_allocator::measure;
use std::io::{IoSlice, Write};
use std::sync::Arc;

/// What a connection may hold, with what waits for a broker that does not read.
const LIMIT: isize = 128 * 1024;
/// What may come on top while a broker sends and the client does not read, which kp's network always does.
const UNREAD_LIMIT: isize = 64 * 1024;

// SE40
#[test]
fn a_connection_holds_no_more_than_its_limit_even_if_the_broker_does_not_read() {
    let authority = Authority::new();
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker");
    stage.shake().unwrap();
    stage.wire(|wire| wire.room = 0);
    let page = vec![7; 1 << 20];
    let (_, taken) = measure(|| stage.write(&[IoSlice::new(&page)]).map(|_| ()));
    assert!(taken.left <= LIMIT, "{taken:?}");
    let ((), taken) = measure(|| {
        for _ in 0..100 {
            assert!(stage.write(&[IoSlice::new(&page)]).is_pending());
        }
    });
    assert!(taken.left <= 0, "{taken:?}");
}

// SE40
#[test]
fn all_that_a_connection_holds_is_within_its_limits_even_if_neither_side_reads() {
    let authority = Authority::new();
    let page = vec![7; 1 << 20];
    for (unread, limit) in [(0, LIMIT), (1 << 20, LIMIT + UNREAD_LIMIT)] {
        let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker");
        stage.shake().unwrap();
        stage.broker.set_buffer_limit(None);
        stage.broker.writer().write_all(&page[..unread]).unwrap();
        stage.broker_turn();
        let _ = stage.read(&mut BytesMut::with_capacity(7));
        stage.wire(|wire| wire.room = 0);
        assert!(stage.write(&[IoSlice::new(&page)]).is_ready());
        // What is freed with the connection is what it held.
        let ((), taken) = measure(|| stage.close());
        assert!(-taken.left <= limit, "{unread} bytes unread: {taken:?}");
    }
}

// SE40, SE42
#[test]
fn a_thousand_connections_one_after_the_other_leave_no_memory() {
    let authority = Authority::new();
    let (client, broker) = (client(&authority.trusted()), authority.broker(&["broker"]));
    let connect = |times: usize| {
        for _ in 0..times {
            let mut stage = Stage::new(client.clone(), Arc::clone(&broker), "broker");
            stage.shake().unwrap();
            let _ = stage.read(&mut BytesMut::with_capacity(64));
            stage.close();
        }
    };
    // Tickets are kept, a few by the client for each broker, and some hundreds by the broker.
    connect(300);
    let ((), taken) = measure(|| connect(1000));
    assert!(taken.left < 16 * 1024, "{taken:?}");
}
