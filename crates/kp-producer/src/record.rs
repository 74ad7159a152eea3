//! What is sent? Records, borrowed or owned, and how values become bytes.

pub(crate) mod owned_record;
mod producer_record;
pub(crate) mod serializer;

pub use self::producer_record::{ProducerRecord, RecordBytes};
