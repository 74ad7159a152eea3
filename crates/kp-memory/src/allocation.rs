//! Waiting for memory, asynchronously or with the thread parked.
//! Owner: the caller. Queued when it is made, served by the thread that frees, expired by [`BufferPool::expire`]: polling it
//! makes no progress and is not needed for any (BP8).

use crate::{Buffer, BufferPool, MemoryError};
use kp_time::{Clock, Deadline, ParkedThread, Ticket};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A place in the pool's queue; resolves to a [`Buffer`]. Dropping it leaves the queue and gives back what it had
/// (BP10).
///
/// ```
/// use kp_memory::BufferPool;
/// use kp_time::{Clock, Deadline, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let pool = BufferPool::new(100, 100);
/// let first = pool.try_allocate(100)?.expect("there is room");
/// let deadline = Deadline::after(clock.now(), Duration::from_secs(60), "max.block.ms");
/// let second = pool.allocate(100, deadline)?;
/// drop(first); // hands the page to the one who waits
/// assert_eq!(second.wait_blocking(&clock)?.capacity(), 100);
/// # Ok::<(), kp_memory::MemoryError>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping an allocation gives up its place in the queue"]
pub struct Allocation {
    pool: Arc<BufferPool>,
    requested: usize,
    deadline: Deadline,
    state: State,
}

/// ```text
/// Served ──poll──▶ Done        (memory was there at once)
/// Queued ──poll──▶ Done
/// ```
#[derive(Debug)]
enum State {
    Served(Buffer),
    Queued(Ticket),
    Done,
}

impl Allocation {
    fn served(pool: Arc<BufferPool>, buffer: Buffer, deadline: Deadline) -> Self {
        Self { pool, requested: buffer.capacity(), deadline, state: State::Served(buffer) }
    }

    fn queued(pool: Arc<BufferPool>, requested: usize, ticket: Ticket, deadline: Deadline) -> Self {
        Self { pool, requested, deadline, state: State::Queued(ticket) }
    }

    /// The moment it fails, and the configuration key behind it.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Parks the calling thread until memory is there, or until the deadline by `clock`.
    ///
    /// # Errors
    /// [`MemoryError::Exhausted`] at the deadline, [`MemoryError::Closed`] when the pool closes.
    pub fn wait_blocking(mut self, clock: &dyn Clock) -> Result<Buffer, MemoryError> {
        let sleeper = ParkedThread::current();
        let waker = Waker::from(Arc::clone(&sleeper));
        loop {
            if let Poll::Ready(answer) = self.poll_answer(&waker) {
                return answer;
            }
            let left = self.deadline.remaining(clock.now());
            if left.is_zero() {
                // A blocking caller keeps its own time: its wait ends without a driver.
                self.pool.count_exhausted();
                return Err(MemoryError::Exhausted { requested: self.requested, key: self.deadline.key() });
            }
            sleeper.park_timeout(left);
        }
    }

    fn poll_answer(&mut self, waker: &Waker) -> Poll<Result<Buffer, MemoryError>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Served(buffer) => Poll::Ready(Ok(buffer)),
            State::Queued(ticket) => match self.pool.poll_answer(ticket, waker) {
                Poll::Ready(Some(Ok(grant))) => Poll::Ready(self.pool.lend(grant.bytes, grant)),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
                Poll::Ready(None) => Poll::Ready(Err(MemoryError::Closed)),
                Poll::Pending => {
                    self.state = State::Queued(ticket);
                    Poll::Pending
                }
            },
            State::Done => Poll::Ready(Err(MemoryError::Closed)),
        }
    }
}

impl Future for Allocation {
    type Output = Result<Buffer, MemoryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(context.waker())
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        if let State::Queued(ticket) = self.state {
            self.pool.leave(ticket);
        }
    }
}

impl BufferPool {
    /// Takes `bytes`, now or when those who wait longer have been served (BP7). The place in the queue is taken by
    /// this call, not by the first poll.
    ///
    /// # Errors
    /// As [`try_allocate`](Self::try_allocate); the returned future fails with [`MemoryError::Exhausted`] at
    /// `deadline`. Source: `max.block.ms`.
    pub fn allocate(self: &Arc<Self>, bytes: usize, deadline: Deadline) -> Result<Allocation, MemoryError> {
        Ok(match self.take_or_join(bytes, deadline)? {
            Ok(grant) => Allocation::served(Arc::clone(self), self.lend(bytes, grant)?, deadline),
            Err(ticket) => Allocation::queued(Arc::clone(self), bytes, ticket, deadline),
        })
    }
}
