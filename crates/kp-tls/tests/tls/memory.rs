//! What connections hold, and what is left of them.

use crate::authority::{Authority, client};
use crate::wire::Stage;
use bytes::BytesMut;
use counting_allocator::measure;
use std::io::IoSlice;
use std::sync::Arc;

/// What a connection may hold, with what waits for a broker that does not read.
const LIMIT: isize = 128 * 1024;

// SE40
#[test]
fn a_connection_holds_no_more_than_its_limit_even_if_the_broker_does_not_read() {
    let authority = Authority::new();
    let mut stage = Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker");
    stage.shake().unwrap();
    stage.wire(|wire| wire.room = 0);
    let page = vec![7; 1 << 20];
    // Beside what is encrypted there are lists of it.
    let (_, taken) = measure(|| stage.write(&[IoSlice::new(&page)]).map(|_| ()));
    assert!(taken.left <= LIMIT + 4096, "{taken:?}");
    let ((), taken) = measure(|| {
        for _ in 0..100 {
            assert!(stage.write(&[IoSlice::new(&page)]).is_pending());
        }
    });
    assert!(taken.left <= 0, "{taken:?}");
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
