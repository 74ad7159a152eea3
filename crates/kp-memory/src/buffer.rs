//! A piece of memory on loan from the pool. Owner: the holder of the value; given back by `Drop`, also when it was
//! frozen and the last `Bytes` over it goes. Dropping one may wake waiters: never with a lock held.

use crate::waiters::Grant;
use crate::{BufferPool, MemoryError};
use bytes::Bytes;
use std::sync::Arc;

/// A buffer of fixed capacity, counted against `buffer.memory`.
///
/// Append to it through [`vec_mut`](Buffer::vec_mut), never beyond [`spare`](Buffer::spare); then
/// [`freeze`](Buffer::freeze) it.
#[derive(Debug)]
pub struct Buffer {
    loan: Loan,
}

impl Buffer {
    pub(crate) fn new(pool: Arc<BufferPool>, bytes: Vec<u8>, reserved: usize) -> Self {
        Self { loan: Loan { pool, bytes, reserved } }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.loan.bytes.len()
    }

    /// Whether nothing is written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.loan.bytes.is_empty()
    }

    /// Bytes that may be written in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.loan.reserved
    }

    /// Bytes that may still be written.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.loan.reserved.saturating_sub(self.loan.bytes.len())
    }

    /// What is written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.loan.bytes
    }

    /// The vector behind it, to append to. A vector that grows beyond [`capacity`](Buffer::capacity) is not counted
    /// with its new size and is not used again: do not.
    pub fn vec_mut(&mut self) -> &mut Vec<u8> {
        &mut self.loan.bytes
    }

    /// Gives back what is not written, where that is worth it: a buffer larger than a page is moved to memory of its
    /// own length. One page or less stays as it is, because it is wanted whole by the next batch.
    pub fn shrink(&mut self) {
        let loan = &mut self.loan;
        if loan.reserved <= loan.pool.page_size() {
            return;
        }
        let kept = loan.bytes.len();
        loan.bytes.shrink_to_fit();
        let surplus = loan.reserved.saturating_sub(kept);
        loan.reserved -= surplus;
        if surplus > 0 {
            loan.pool.give_back(None, surplus, false);
        }
    }

    /// Makes what was written immutable and shared. The memory returns to the pool when the last `Bytes` over it is
    /// dropped, also if the network still holds one when the batch is long settled (AC32).
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self.loan)
    }
}

/// The bytes and what they owe. Its `Drop` is the only way back to the pool.
#[derive(Debug)]
struct Loan {
    pool: Arc<BufferPool>,
    bytes: Vec<u8>,
    reserved: usize,
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.pool.give_back(Some(std::mem::take(&mut self.bytes)), self.reserved, false);
    }
}

impl BufferPool {
    /// Takes `bytes` if they are there now and no caller waits already; `None` means it would have to wait.
    ///
    /// # Errors
    /// [`MemoryError::TooLarge`] when it could never fit, [`MemoryError::Closed`] after [`close`](Self::close),
    /// [`MemoryError::OutOfMemory`] when the system has none.
    pub fn try_allocate(self: &Arc<Self>, bytes: usize) -> Result<Option<Buffer>, MemoryError> {
        self.take_now(bytes)?.map(|grant| self.lend(bytes, grant)).transpose()
    }

    /// As [`reserve_over`](Self::reserve_over), with the memory: for records that were accepted already and have to be
    /// written anew (the parts of a batch that was too large, BB28).
    ///
    /// # Errors
    /// [`MemoryError::OutOfMemory`] when the system has none.
    pub fn allocate_over(self: &Arc<Self>, bytes: usize) -> Result<Buffer, MemoryError> {
        self.take_over(bytes, false);
        self.lend(bytes, Grant { bytes, page: None })
    }

    /// Makes the buffer for memory that is already taken; gives it back if the system has none (BP12).
    pub(crate) fn lend(self: &Arc<Self>, bytes: usize, grant: Grant) -> Result<Buffer, MemoryError> {
        let buffer = match grant.page {
            Some(page) => page,
            None => {
                let mut fresh = Vec::new();
                if fresh.try_reserve_exact(bytes).is_err() {
                    self.give_back(None, bytes, false);
                    return Err(MemoryError::OutOfMemory { requested: bytes });
                }
                fresh
            }
        };
        Ok(Buffer::new(Arc::clone(self), buffer, bytes))
    }
}
