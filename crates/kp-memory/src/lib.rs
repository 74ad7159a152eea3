//! The bounded buffer pool of the kp Kafka producer (`buffer.memory`): fair, leak-free, returned by `Drop`.
//!
//! Everything that grows with load is counted here: the pages that records are encoded into ([`Buffer`]), and
//! bookkeeping that has no page ([`Reservation`]). Who frees memory hands it to the caller that has waited longest
//! ([`Allocation`]); no poll is needed. The pool reads no clock: a waiter has a
//! [`Deadline`](kp_time::Deadline), and the owner of the clock calls [`BufferPool::expire`].
//!
//! ```
//! use kp_memory::BufferPool;
//!
//! let pool = BufferPool::new(64 * 1024, 16 * 1024);
//! let mut page = pool.try_allocate(16 * 1024)?.expect("the pool is empty, so there is room");
//! page.vec_mut().extend_from_slice(b"one record");
//! let payload = page.freeze();
//! assert_eq!(pool.available(), 48 * 1024);
//! drop(payload);
//! assert_eq!(pool.available(), pool.capacity());
//! # Ok::<(), kp_memory::MemoryError>(())
//! ```

#![forbid(unsafe_code)]

mod allocation;
mod buffer;
mod buffer_pool;
mod error;
mod reservation;
mod sync;
mod waiters;

pub use allocation::Allocation;
pub use buffer::Buffer;
pub use buffer_pool::BufferPool;
pub use error::MemoryError;
pub use reservation::Reservation;
