//! The pages of a batch: memory of the pool, until it is given to the network as [`Payload`](super::Payload).

use kp_memory::Buffer;
use smallvec::SmallVec;

/// How many pages a batch has at most, nearly always: one, or a few if it has grown a little.
pub(crate) const FEW: usize = 3;

/// The pages of a batch, without a list on the heap if they are few.
pub(crate) type Pages = SmallVec<[Buffer; FEW]>;
