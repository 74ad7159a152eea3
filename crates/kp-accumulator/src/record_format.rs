//! Which record format sizes are counted in. A batch is always built as v2; a cluster of old brokers gets a conversion
//! of it, in which a record takes more bytes, so that a batch and a request hold fewer of them.
//! Set by the sender when the cluster's versions become known, read when a batch opens or is drained.

use crate::accumulator::Accumulator;
use crate::format_overhead::FormatOverhead;
use kp_protocol::records::MessageFormat;

impl Accumulator {
    /// Counts the sizes of records as this older format has them, or as batches have them (`None`, the beginning): in
    /// the room of batches that open from now on, in `max.request.size` at a drain, in the parts of a split. While it
    /// is an older one, records with headers are refused
    /// ([`AppendError::HeadersNotInFormat`](crate::AppendError::HeadersNotInFormat)).
    ///
    /// For the sender, whenever it learns what the brokers of the cluster have in common: the newest format that all of
    /// them take. It may be changed at any time.
    pub fn set_record_format(&self, format: Option<MessageFormat>) {
        self.format.set(format);
    }

    /// The older format that sizes are counted in; `None` for batches. What checks the size of a single record must
    /// count [`MessageFormat::overhead`] bytes besides key and value.
    #[must_use]
    pub fn record_format(&self) -> Option<MessageFormat> {
        self.format.get()
    }

    pub(crate) fn format_overhead(&self) -> FormatOverhead {
        FormatOverhead::of(self.format.get())
    }
}

#[cfg(test)]
mod tests;
