//! What a closed client keeps of the system. Alone in its process: descriptors of other tests would be counted.
#![cfg(all(target_os = "linux", feature = "tokio"))]
#![allow(
    clippy::disallowed_methods,
    reason = "real descriptors belong to a real runtime, which lives in real time"
)]

use kp_network::{KafkaClient, NetworkSettings, TokioClient};
use kp_time::Clock;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn timestamp_ms(&self) -> i64 {
        0
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux has it").count()
}

#[test]
fn a_client_that_is_closed_or_dropped_keeps_no_descriptor_while_its_waker_lives() {
    let before = descriptors();
    for is_closed in [true, false] {
        let mut client = TokioClient::new(NetworkSettings::default(), Arc::new(SystemClock));
        let waker = client.waker();
        // A real wait, however short: the runtime's own waker is kept from then on.
        client.poll(Some(Instant::now() + Duration::from_millis(1)), &mut Vec::new());
        assert!(descriptors() > before, "the runtime has some");
        if is_closed {
            client.close(Duration::ZERO);
        } else {
            drop(client);
        }
        assert_eq!(descriptors(), before, "closed: {is_closed}");
        waker.wake();
    }
}
