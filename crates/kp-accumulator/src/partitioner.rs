//! Which partition a record goes to: the caller's choice, the key's hash, or the sticky choice.
//! Pure decisions over a topic's metadata; the sticky state is shared by many threads and never locked.

mod keyed;
mod sticky;

pub use keyed::{murmur2, partition_for_key};
pub(crate) use sticky::{Shard, Sticky};
