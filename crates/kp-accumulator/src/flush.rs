//! Waiting for everything that is incomplete at one moment (AC28).
//! Owner: the caller. Dropping it stops the hurry, and nothing else.

use crate::accumulator::Accumulator;
use crate::completion::{Completion, Outcome};
use kp_time::ParkedThread;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Resolves when every batch that was incomplete at [`Accumulator::begin_flush`] is settled, the parts of batches that
/// were split included. While it lives, no batch lingers.
#[derive(Debug)]
#[must_use = "a flush that is dropped waits for nothing"]
pub struct Flush {
    accumulator: Arc<Accumulator>,
    /// What is not known to be done yet; the last one is looked at first.
    pending: Vec<Arc<Completion>>,
}

impl Accumulator {
    /// Makes everything sendable now and waits for all that is incomplete at this moment (AC28). Flushes may overlap;
    /// dropping one ends only itself.
    pub fn begin_flush(self: &Arc<Self>) -> Flush {
        self.lifecycle.begin_flush();
        self.announcements.park.urgent();
        let mut pending = self.incomplete.snapshot();
        // The oldest is done first: look at it first, so that few wakers are registered.
        pending.reverse();
        Flush { accumulator: Arc::clone(self), pending }
    }
}

impl Flush {
    /// Parks the calling thread until everything is settled. Not bounded by `max.block.ms` (CL1); every batch ends at
    /// the latest with its `delivery.timeout.ms`.
    pub fn wait(mut self) {
        let sleeper = ParkedThread::current();
        let waker = Waker::from(Arc::clone(&sleeper));
        while self.poll_pending(&waker).is_pending() {
            sleeper.park();
        }
    }

    fn poll_pending(&mut self, waker: &Waker) -> Poll<()> {
        while let Some(completion) = self.pending.pop() {
            match completion.poll_finished(waker) {
                Poll::Ready(Outcome::Split(parts)) => {
                    self.pending.extend(parts.iter().map(|part| Arc::clone(&part.completion)));
                }
                Poll::Ready(Outcome::Written { .. } | Outcome::Failed(_)) => {}
                Poll::Pending => {
                    self.pending.push(completion);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }
}

impl Future for Flush {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.poll_pending(context.waker())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.accumulator.lifecycle.end_flush();
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Room, Rung, settings};
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    fn is_done(flush: &mut super::Flush, rung: &Arc<Rung>) -> bool {
        let waker = Waker::from(Arc::clone(rung));
        Pin::new(flush).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    // AC28, CL1
    #[test]
    fn a_flush_waits_for_what_was_incomplete_when_it_began() {
        let (room, rung) = (Room::new(settings(), &[0, 1]), Arc::new(Rung::default()));
        room.send_full(0);
        let in_flight = room.turn(0);
        room.send(1, b"open");
        let mut flush = room.accumulator.begin_flush();
        assert!(!is_done(&mut flush, &rung));
        room.send_full(0);
        let queued = room.turn(1);
        Room::acknowledge(queued, 0);
        assert!(!is_done(&mut flush, &rung));
        Room::acknowledge(in_flight, 0);
        assert_eq!(rung.times(), 1);
        assert!(is_done(&mut flush, &rung), "the batch that came later is not waited for");
        drop(flush);
        assert!(room.accumulator.has_incomplete());
        Room::acknowledge(room.turn(0), 0);
    }

    // AC28
    #[test]
    fn flushes_overlap_and_a_dropped_one_ends_only_itself() {
        let room = Room::new(settings(), &[0]);
        let (first, second) = (room.accumulator.begin_flush(), room.accumulator.begin_flush());
        drop(first);
        room.send(0, b"v");
        assert_eq!(room.ready_brokers(), [0], "the second flush is still on");
        Room::acknowledge(room.drain(0), 0);
        drop(second);
        room.send(0, b"v");
        assert_eq!(room.ready_brokers(), []);
    }

    #[test]
    fn a_flush_wakes_a_sleeping_driver_and_a_blocking_one_returns_when_it_is_done() {
        let room = Room::new(settings(), &[0]);
        room.accumulator.begin_flush().wait();
        room.send(0, b"v");
        room.ready();
        assert!(room.accumulator.prepare_to_sleep(None));
        std::thread::scope(|scope| {
            let flush = room.accumulator.begin_flush();
            assert_eq!(room.rung.times(), 1);
            let waiting = scope.spawn(move || flush.wait());
            Room::acknowledge(room.turn(0), 0);
            waiting.join().unwrap();
        });
    }
}
