//! What is sent? Records, borrowed or owned, and how values become their bytes.
//!
//! For crates that make records or serialize values, without a producer: nothing in here knows a batch, a thread or a socket.
//! `kp-producer` re-exports all of it.

#![forbid(unsafe_code)]

mod owned_record;
mod producer_record;
mod serializer;

pub use owned_record::OwnedRecord;
pub use producer_record::{ProducerRecord, RecordBytes};
pub use serializer::{
    BoxError, BytesSerializer, DoubleSerializer, FloatSerializer, IntegerSerializer, LongSerializer,
    OptionSerializer, RecordHeaders, Serialized, Serializer, ShortSerializer, StringSerializer,
    UuidSerializer, VoidSerializer,
};
