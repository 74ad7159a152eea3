//! What every record of a run has, and how a line adds to it.
//! Pure.

use kp_producer::ProducerRecord;

use super::{input::LineSyntax, input_record::InputRecord};

/// What the command line says of all records.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
    /// For every record, before its own.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) syntax: LineSyntax,
}

impl Template {
    /// The record of a line, behind what every record has.
    pub(crate) fn record<'a>(&'a self, input: &'a InputRecord<'_>) -> ProducerRecord<'a> {
        let mut record = ProducerRecord::to(&self.topic);
        if let Some(key) = input.key.as_deref() {
            record = record.key(key);
        }
        if let Some(value) = input.value.as_deref() {
            record = record.value(value);
        }
        for (name, value) in &self.headers {
            record = record.header(name, value);
        }
        for (name, value) in &input.headers {
            record = match value {
                Some(value) => record.header(name, value.as_ref()),
                None => record.null_header(name),
            };
        }
        if let Some(partition) = input.partition.or(self.partition) {
            record = record.partition(partition);
        }
        if let Some(timestamp_ms) = input.timestamp_ms {
            record = record.timestamp_ms(timestamp_ms);
        }
        record
    }
}
